//! An HTTP request and its encoding (RFC 9112 section 3).

use alloc::{format, string::String, vec::Vec};

use crate::{header::Headers, url::Url};

/// One HTTP request, ready to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The method: a token.
    pub method: String,
    /// The URL.
    pub url: Url,
    /// The headers. `Host`, `Content-Length` and `Connection` are added if they are missing.
    pub headers: Headers,
    /// The body; `None` is no body.
    pub body: Option<Vec<u8>>,
    /// `-I`: only the head of the response is read, whatever the method is.
    pub head_only: bool,
}

impl Request {
    /// Request line and headers, with the empty line.
    pub fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.url.target);
        let mut add = |name: &str, value: &str| {
            // An empty value has no space, as in curl.
            let separator = if value.is_empty() { ":" } else { ": " };
            for part in [name, separator, value, "\r\n"] {
                head.push_str(part);
            }
        };
        match self.headers.get("host") {
            Some(host) => add("Host", host),
            None if self.headers.mentions("host") => {}
            None => add("Host", &self.url.authority()),
        }
        for header in self.headers.iter().filter(|header| !header.name.eq_ignore_ascii_case("host")) {
            add(&header.name, &header.value);
        }
        // RFC 9110 section 8.6: without a body, a method that defines one sends `Content-Length: 0`.
        let may_have_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let length = self.body.as_ref().map(Vec::len).or(may_have_body.then_some(0));
        if let Some(length) = length.filter(|_| !self.headers.mentions("content-length")) {
            add("Content-Length", &format!("{length}"));
        }
        if let Some(header) = self.headers.content_type() {
            add(&header.name, &header.value);
        }
        if !self.headers.mentions("connection") {
            add("Connection", "close");
        }
        head.push_str("\r\n");
        head
    }

    /// Head and body.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head().into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, HeaderRule};

    fn post() -> Request {
        let url = Url::parse("http://backend-service:8000/api?x=1").expect("url");
        Request { method: "POST".into(), url, headers: Headers::default(), body: None, head_only: false }
    }

    #[test]
    fn a_post_without_body_has_a_content_length_of_zero() {
        let expected = "POST /api?x=1 HTTP/1.1\r\nHost: backend-service:8000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(post().head(), expected);
    }

    #[test]
    fn headers_of_the_command_line_replace_default_headers() {
        let mut request = post();
        request.headers.push(HeaderRule::Set(Header::new("Host", "other").expect("valid")));
        request.headers.push(HeaderRule::Remove("Connection".into()));
        request.body = Some(b"a=b".to_vec());
        let bytes = request.encode();
        assert_eq!(bytes, b"POST /api?x=1 HTTP/1.1\r\nHost: other\r\nContent-Length: 3\r\n\r\na=b");
    }
}

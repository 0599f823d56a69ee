//! URLs as far as a trigger needs them: `http` and `https`, RFC 3986.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, net::IpAddr};

use crate::{
    exit::{Code, Failure},
    text::{address as address_text, split_once},
};

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Plain text, port 80.
    Http,
    /// TLS, port 443.
    Https,
}

/// Where a server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// A name to resolve, lower case.
    Name(String),
    /// An address, given as such.
    Address(IpAddr),
}

/// A URL, checked: whatever it is printed into stays one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The server.
    pub host: Host,
    /// The port, the scheme's own when none was given.
    pub port: u16,
    /// Path and query as sent in the request line; begins with `/`.
    pub target: String,
}

impl Url {
    /// Reads a URL; `http://` may be left out, as with curl. A fragment is dropped.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        check_characters(text)?;
        let (scheme, rest) = match split_once(text, "://") {
            None => (Scheme::Http, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => {
                return Err(Failure::new(
                    Code::UnsupportedProtocol,
                    format_args!("the URL's scheme is neither http nor https: no other is supported"),
                ));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(Failure::usage(format_args!(
                "a user or password in the URL is not supported: send it as a header, -H @file keeps it out of the arguments"
            )));
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            Some(port) => port,
            None if scheme == Scheme::Https => 443,
            None => 80,
        };
        Ok(Self { scheme, host, port, target: normal_target(target) })
    }

    /// The URL that a reference (`Location`, RFC 3986 section 5.2) means, seen from this one.
    pub fn join(&self, reference: &str) -> Result<Self, Failure> {
        check_characters(reference)?;
        let path_end = reference.find(['/', '?', '#']).unwrap_or(reference.len());
        if reference.get(..path_end).is_some_and(|scheme| scheme.ends_with(':')) {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = if reference.is_empty() || reference.starts_with('#') {
            self.target.clone()
        } else if reference.starts_with('/') {
            reference.to_string()
        } else if reference.starts_with('?') {
            format!("{path}{reference}")
        } else {
            let directory = path.rfind('/').map_or("/", |slash| &path[..=slash]);
            format!("{directory}{reference}")
        };
        Ok(Self { target: normal_target(&target), ..self.clone() })
    }

    /// Whether both lead to the same server by the same scheme: credentials go no further.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("/")
    }

    /// `host` or `host:port` as the `Host` header has it: the scheme's own port is left out.
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(address)) => address_text((*address).into()),
            Host::Address(IpAddr::V6(address)) => format!("[{}]", address_text((*address).into())),
        };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The URL for a person: without the query, which may hold a token.
    pub fn printable(&self) -> String {
        format!("{}{}{}", self.scheme, self.authority(), self.path())
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if *self == Self::Https { "https://" } else { "http://" })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", self.scheme, self.authority(), self.target)
    }
}

fn bad(message: &str) -> Failure {
    Failure::new(Code::BadUrl, format_args!("{message}"))
}

fn check_characters(text: &str) -> Result<(), Failure> {
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(bad("the URL holds a space, a line break or another control character"));
    }
    Ok(())
}

fn split_authority(authority: &str) -> Result<(Host, Option<u16>), Failure> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or_else(|| bad("the URL's host has [ without ]"))?;
        let address = address.parse().map_err(|_| bad("the URL's host in [] is no IPv6 address"))?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => None,
            None => return Err(bad("the URL has something other than a port after its host")),
        };
        return Ok((Host::Address(IpAddr::V6(address)), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, parse_port(port)?),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(bad("the URL has no host"));
    }
    if let Ok(address) = host.parse() {
        return Ok((Host::Address(IpAddr::V4(address)), port));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !host.bytes().all(allowed) {
        return Err(bad(
            "the URL's host has a character that no host name has; international names need their xn-- form",
        ));
    }
    Ok((Host::Name(host.to_ascii_lowercase()), port))
}

fn parse_port(port: &str) -> Result<Option<u16>, Failure> {
    if port.is_empty() {
        return Ok(None);
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(bad("the URL's port is not a number from 0 to 65535")),
    }
}

/// Drops the fragment, resolves `.` and `..` in the path, and percent-encodes what is not ASCII.
fn normal_target(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut normal = without_dots(path);
    if let Some(query) = query {
        normal.push('?');
        normal.push_str(query);
    }
    if normal.is_ascii() { normal } else { percent_encoded(&normal) }
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Adds `%XX`.
pub(crate) fn push_encoded(text: &mut String, byte: u8) {
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase());
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            push_encoded(&mut encoded, byte);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        Url::parse(text).expect(text).to_string()
    }

    #[test]
    fn a_url_is_read_as_curl_reads_it() {
        for (given, meant) in [
            ("http://a", "http://a/"),
            ("backend:8000/x", "http://backend:8000/x"),
            ("HTTP://Example.COM:80/A?b#c", "http://example.com/A?b"),
            ("https://[::1]:8443/a/../b/./c", "https://[::1]:8443/b/c"),
            ("http://10.0.0.1?x=1", "http://10.0.0.1/?x=1"),
            ("http://a/b/..", "http://a/"),
            ("http://a/ü", "http://a/%C3%BC"),
            ("http://a:/", "http://a/"),
        ] {
            assert_eq!(shown(given), meant);
        }
    }

    #[test]
    fn what_can_not_be_asked_is_refused_with_curls_code() {
        for (given, code) in [
            ("ftp://a", Code::UnsupportedProtocol),
            ("http://", Code::BadUrl),
            ("http://a b/", Code::BadUrl),
            ("http://a/\r\nX: y", Code::BadUrl),
            ("http://a:99999/", Code::BadUrl),
            ("http://a:+1/", Code::BadUrl),
            ("http://[::1/", Code::BadUrl),
            ("http://user:pass@a/", Code::Usage),
        ] {
            assert_eq!(Url::parse(given).expect_err(given).code, code, "{given}");
        }
    }

    #[test]
    fn references_follow_rfc_3986() {
        let base = Url::parse("http://a:8000/b/c/d?q").expect("base");
        for (reference, meant) in [
            ("/v1/runs/1", "http://a:8000/v1/runs/1"),
            ("g", "http://a:8000/b/c/g"),
            ("../g", "http://a:8000/b/g"),
            ("../../../g", "http://a:8000/g"),
            ("?y", "http://a:8000/b/c/d?y"),
            ("//h/x", "http://h/x"),
            ("https://h/x", "https://h/x"),
            ("", "http://a:8000/b/c/d?q"),
        ] {
            assert_eq!(base.join(reference).expect(reference).to_string(), meant);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_prints_on_one_line_and_reads_back_the_same(text in "\\PC{0,60}") {
            if let Ok(url) = Url::parse(&text) {
                let printed = url.to_string();
                prop_assert!(printed.bytes().all(|byte| byte > b' ' && byte < 0x7f));
                prop_assert_eq!(Url::parse(&printed).expect("own output"), url);
            }
        }

        #[test]
        fn a_joined_reference_never_climbs_out_of_the_root(reference in "[./a?#]{0,24}") {
            let base = Url::parse("http://a/b/c").expect("base");
            if let Ok(url) = base.join(&reference) {
                prop_assert!(url.target.starts_with('/'));
                prop_assert!(!url.path().contains("/../"));
            }
        }
    }
}

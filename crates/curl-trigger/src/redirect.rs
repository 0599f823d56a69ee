//! Redirects, followed only with `-L`.

use alloc::string::ToString;

use crate::{
    exit::{Code, Failure},
    request::Request,
    response::Head,
    secret::is_secret_header,
};

/// curl's default for `--max-redirs`.
pub const DEFAULT_MAX: u32 = 50;

/// The request that an answer redirects to; `None` when the answer is no redirect.
///
/// As curl does it: 301, 302 and 303 turn a `POST` into a `GET` without body, unless `-X` chose the method;
/// 307 and 308 repeat the request. Headers that carry credentials stay within the origin.
pub fn follow(request: &Request, head: &Head, method_was_chosen: bool) -> Option<Result<Request, Failure>> {
    let location = match head.status {
        301 | 302 | 303 | 307 | 308 => head.header("location")?,
        _ => return None,
    };
    let url = match request.url.join(location) {
        Ok(url) => url,
        Err(failure) => {
            return Some(Err(Failure::new(
                failure.code,
                format_args!("the server redirects to a URL that can't be used: {}", failure.message),
            )));
        }
    };
    let mut next = Request { url, ..request.clone() };
    if matches!(head.status, 301..=303) {
        next.body = None;
        next.headers = next.headers.without(|name| name.eq_ignore_ascii_case("content-type"));
        let becomes_get = request.method == "POST" || (head.status == 303 && request.method != "HEAD");
        if becomes_get && !method_was_chosen {
            next.method = "GET".to_string();
        }
    }
    if !next.url.same_origin(&request.url) {
        next.headers =
            next.headers.without(|name| is_secret_header(name) || name.eq_ignore_ascii_case("host"));
    }
    Some(Ok(next))
}

/// The failure of a chain that is too long.
pub fn too_many(max: u32) -> Failure {
    Failure::new(
        Code::TooManyRedirects,
        format_args!("more than {max} redirects: the server may send in a circle, or raise --max-redirs"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        header::{Header, Headers, Rule},
        url::Url,
    };
    use alloc::vec;

    fn redirected(status: u16, location: &str, chosen: bool) -> Request {
        let mut headers = Headers::default();
        for (name, value) in [("X-Admin-Secret", "s3cret"), ("X-Other", "o"), ("Content-Type", "a/b")] {
            headers.push(Rule::Set(Header::new(name, value).expect("valid")));
        }
        let url = Url::parse("http://a/x").expect("url");
        let request = Request { method: "POST".into(), url, headers, body: Some(b"b".to_vec()) };
        let headers = vec![("Location".into(), location.into())];
        let head = Head { status, headers, ..Head::default() };
        follow(&request, &head, chosen).expect("a redirect").expect("usable")
    }

    #[test]
    fn a_303_is_fetched_and_a_307_repeated() {
        let next = redirected(303, "/y", false);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("GET", None));
        let next = redirected(303, "/y", true);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("POST", None));
        let next = redirected(307, "/y", false);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("POST", Some(&b"b"[..])));
    }

    #[test]
    fn credentials_stay_within_the_origin() {
        assert_eq!(redirected(307, "/y", false).headers.get("X-Admin-Secret"), Some("s3cret"));
        for elsewhere in ["http://b/y", "http://a:81/y", "https://a/y"] {
            let next = redirected(307, elsewhere, false);
            assert_eq!((next.headers.get("X-Admin-Secret"), next.headers.get("X-Other")), (None, Some("o")));
        }
    }
}

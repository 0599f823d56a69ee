//! Redirects, which are followed only with `-L`.

use alloc::string::ToString;

use crate::{
    exit::{ExitCode, Failure},
    request::Request,
    response::Head,
    secret::is_secret_header,
};

/// curl's default for `--max-redirs`.
pub const DEFAULT_MAX: u32 = 50;

/// What a redirected request keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RedirectRules {
    /// `-X`: the method is kept.
    pub keeps_method: bool,
    /// `--location-trusted`: credentials are sent to every host.
    pub keeps_credentials: bool,
}

/// The request that a response redirects to; `None` when the response is not a redirect.
///
/// As in curl, 301, 302 and 303 change a `POST` to a `GET` without body, unless `-X` is given; 307 and 308 repeat
/// the request. Unlike curl, every header with credentials is sent only within the origin, unless
/// `--location-trusted` is given.
pub fn follow(request: &Request, head: &Head, rules: RedirectRules) -> Option<Result<Request, Failure>> {
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
        if becomes_get && !rules.keeps_method {
            next.method = "GET".to_string();
        }
    }
    if !next.url.same_origin(&request.url) {
        let is_dropped = |name: &str| {
            (is_secret_header(name) && !rules.keeps_credentials) || name.eq_ignore_ascii_case("host")
        };
        next.headers = next.headers.without(is_dropped);
    }
    Some(Ok(next))
}

/// The failure for more than `max` redirects.
pub fn too_many_redirects(max: u32) -> Failure {
    Failure::new(
        ExitCode::TooManyRedirects,
        format_args!("more than {} redirects: check for a loop, or raise --max-redirs", u64::from(max)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        header::{Header, HeaderRule, Headers},
        url::Url,
    };
    use alloc::vec;

    fn redirected(status: u16, location: &str, keeps_method: bool) -> Request {
        redirected_with(status, location, RedirectRules { keeps_method, keeps_credentials: false })
    }

    fn redirected_with(status: u16, location: &str, rules: RedirectRules) -> Request {
        let mut headers = Headers::default();
        for (name, value) in [("X-Admin-Secret", "s3cret"), ("X-Other", "o"), ("Content-Type", "a/b")] {
            headers.push(HeaderRule::Set(Header::new(name, value).expect("valid")));
        }
        let url = Url::parse("http://a/x").expect("url");
        let request =
            Request { method: "POST".into(), url, headers, body: Some(b"b".to_vec()), head_only: false };
        let headers = vec![("Location".into(), location.into())];
        let head = Head { status, headers, ..Head::default() };
        follow(&request, &head, rules).expect("a redirect").expect("a valid URL")
    }

    #[test]
    fn a_303_becomes_a_get_and_a_307_repeats_the_request() {
        let next = redirected(303, "/y", false);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("GET", None));
        let next = redirected(303, "/y", true);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("POST", None));
        let next = redirected(307, "/y", false);
        assert_eq!((next.method.as_str(), next.body.as_deref()), ("POST", Some(&b"b"[..])));
    }

    #[test]
    fn credentials_are_sent_only_within_the_origin() {
        assert_eq!(redirected(307, "/y", false).headers.get("X-Admin-Secret"), Some("s3cret"));
        for elsewhere in ["http://b/y", "http://a:81/y", "https://a/y"] {
            let next = redirected(307, elsewhere, false);
            assert_eq!((next.headers.get("X-Admin-Secret"), next.headers.get("X-Other")), (None, Some("o")));
        }
        let trusted = RedirectRules { keeps_method: false, keeps_credentials: true };
        let next = redirected_with(307, "http://b/y", trusted);
        assert_eq!(next.headers.get("X-Admin-Secret"), Some("s3cret"));
    }
}

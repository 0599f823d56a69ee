use super::*;
use proptest::prelude::*;

fn normalized(text: &str) -> String {
    Url::parse(text).expect(text).to_string()
}

#[test]
fn a_url_is_parsed_as_by_curl() {
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
        assert_eq!(normalized(given), meant);
    }
}

#[test]
fn an_invalid_url_is_rejected_with_curls_code() {
    for (given, code) in [
        ("ftp://a", ExitCode::UnsupportedProtocol),
        ("http://", ExitCode::BadUrl),
        ("http://a b/", ExitCode::BadUrl),
        ("http://a/\r\nX: y", ExitCode::BadUrl),
        ("http://a:99999/", ExitCode::BadUrl),
        ("http://a:+1/", ExitCode::BadUrl),
        ("http://[::1/", ExitCode::BadUrl),
        ("http://user:pass@a/", ExitCode::Usage),
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
    fn a_parsed_url_prints_on_one_line_and_parses_to_the_same_url(text in "\\PC{0,60}") {
        if let Ok(url) = Url::parse(&text) {
            let printed = url.to_string();
            prop_assert!(printed.bytes().all(|byte| byte > b' ' && byte < 0x7f));
            prop_assert_eq!(Url::parse(&printed).expect("a printed URL"), url);
        }
    }

    #[test]
    fn a_joined_reference_never_leaves_the_root(reference in "[./a?#]{0,24}") {
        let base = Url::parse("http://a/b/c").expect("base");
        if let Ok(url) = base.join(&reference) {
            prop_assert!(url.target.starts_with('/'));
            prop_assert!(!url.path().contains("/../"));
        }
    }
}

//! The HTTP client: certificates, and texts of answers.

use common::http::{HttpError, RetryPolicy, RetryingClient, excerpt};

#[test]
fn an_excerpt_is_short_and_has_neither_line_breaks_nor_control_characters() {
    let body = format!("first\r\nsecond\u{1b}[31m\u{9b}\u{202e}{}", "x".repeat(5000));
    let text = excerpt(body.as_bytes());
    assert!(text.starts_with(": first second [31m x"), "{text}");
    assert!(text.len() <= 1024 && !text.chars().any(char::is_control), "{text}");
    assert_eq!(excerpt(b" \n"), "");
}

#[tokio::test]
async fn nothing_listens_is_unreachable_and_not_untrusted() {
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let client = RetryingClient::new("https://127.0.0.1:1", policy, 1024);
    let error = client.send(|client| client.get("https://127.0.0.1:1")).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
}

//! Request ids and bodies.

use serde_json::{Value, json};

use super::TestService;

#[tokio::test]
async fn a_usable_request_id_is_kept_and_another_is_replaced() {
    let service = TestService::start(&[]).await;
    let id = async |given: &[u8]| {
        let response = service.get("/hello").header("x-request-id", given).send().await.unwrap();
        response.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(b"click-1").await, "click-1");
    for unusable in [&b"x".repeat(129)[..], b"", b"two words", b"\xff\xfe"] {
        let replaced = id(unusable).await;
        assert!(replaced.len() == 32 && replaced.bytes().all(|byte| byte.is_ascii_hexdigit()), "{replaced}");
    }
}

#[tokio::test]
async fn a_body_must_be_json_of_limited_length_and_may_be_absent() {
    let service = TestService::start(&[]).await;
    let echo =
        |media_type: &str, body: String| service.post("/echo").header("content-type", media_type).body(body);
    let answer = async |media_type: &str, body: &str| -> Value {
        let text = echo(media_type, body.to_owned()).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(answer("application/json; charset=utf-8", "{\"a\": 1}").await, json!({ "a": 1 }));
    assert_eq!(answer("application/merge-patch+json", "[1]").await, json!([1]));
    assert_eq!(answer("text/plain", " ").await, Value::Null);
    service.problem(echo("text/plain", "{}".to_owned()), 415, "not-json").await;
    service.problem(echo("application/json", "{".to_owned()), 400, "bad-request").await;
    service.problem(echo("application/json", " ".repeat(16 * 1024 + 1)), 413, "body-too-large").await;
}

//! Request ids and bodies.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    assert_eq!(answer("application/merge-patch+json", " {}").await, json!({}));
    assert_eq!(answer("application/json", " null ").await, Value::Null);
    assert_eq!(answer("text/plain", " ").await, Value::Null);
    service.problem(echo("text/plain", "{}".to_owned()), 415, "not-json").await;
    for other in ["{", "[]", " [1]", "\"text\"", "1", "nothing"] {
        service.problem(echo("application/json", other.to_owned()), 400, "bad-request").await;
    }
    service.problem(echo("application/json", " ".repeat(16 * 1024 + 1)), 413, "body-too-large").await;
}

#[tokio::test]
async fn the_head_of_a_response_is_complete_and_in_a_fixed_order() {
    let service = TestService::start(&[("INTERNAL_TOKEN", "the-internal-token-7d1f")]).await;
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    let request = "GET /hello HTTP/1.1\r\nhost: x\r\nx-request-id: click-1\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let expected = format!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\n\
         www-authenticate: Bearer realm=\"greeter\"\r\nx-request-id: click-1\r\ncontent-length: {}\r\nconnection: close",
        body.len()
    );
    let (before_date, _) = head.split_once("\r\ndate: ").unwrap();
    assert_eq!(before_date, expected);
    assert_eq!(
        body,
        "{\"type\":\"https://tradeops.dev/problems/missing-credential\",\"title\":\"A credential is needed\",\"status\":401,\
         \"detail\":\"Send X-Read-Token, X-Internal-Token, X-Admin-Secret or Authorization: Bearer.\",\"request_id\":\"click-1\"}"
    );
}

#[tokio::test]
async fn a_client_that_sends_a_body_for_nothing_gets_the_response() {
    let service = TestService::start(&[]).await;
    for (path, status) in [("/echo", 413), ("/nowhere", 404)] {
        let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 200000\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // More than the kernel's buffers: the client reads when it has sent everything.
        stream.write_all(&vec![b' '; 200_000]).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
    }
}

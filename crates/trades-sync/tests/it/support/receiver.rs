//! Receivers that give one answer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listener that a test uses as a receiver, and its URL.
pub(crate) async fn receiver() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, url)
}

/// The contract's confirmation of [`super::DAY`].
pub(crate) const CONFIRMED: &str = r#"{"ok":true,"date":"2026-02-11"}"#;

/// Accepts one request and answers it with 200 and this body. Returns the request.
pub(crate) async fn one_request(listener: &TcpListener, body: &str) -> Vec<u8> {
    one_answer(listener, 200, body).await
}

/// Accepts one request and answers it with this status and body. Returns the request.
pub(crate) async fn one_answer(listener: &TcpListener, status: u16, body: &str) -> Vec<u8> {
    let (mut connection, _) = listener.accept().await.expect("the program connects");
    answer_request(&mut connection, status, body).await
}

/// Reads a request to its end and answers it.
pub(crate) async fn answer_request(connection: &mut TcpStream, status: u16, body: &str) -> Vec<u8> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some(head) = text.find("\r\n\r\n") {
            let length =
                text[..head].lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                break;
            }
        }
        assert_ne!(
            connection.read_buf(&mut request).await.expect("it can be read"),
            0,
            "the request is incomplete"
        );
    }
    // A 204 has neither a body nor a content-length.
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let answer = format!("HTTP/1.1 {status} Answer\r\n{length}connection: close\r\n\r\n{body}");
    connection.write_all(answer.as_bytes()).await.expect("the answer can be sent");
    request
}

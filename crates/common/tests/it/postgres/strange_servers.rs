//! Servers that repeat the password, or do not answer a query.

use common::postgres::{ConnectError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::server;

/// Sends a message of the server: its type, its length and its content.
async fn send(stream: &mut TcpStream, kind: u8, content: &[u8]) {
    stream.write_u8(kind).await.unwrap();
    stream.write_u32(u32::try_from(content.len() + 4).unwrap()).await.unwrap();
    stream.write_all(content).await.unwrap();
}

async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let length = stream.read_u32().await.unwrap();
    let mut content = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut content).await.unwrap();
    content
}

/// A server that requests the password in clear text, and rejects it with this code and text.
async fn repeat_the_password(listener: &TcpListener, code: &str, text: &str) {
    let (mut stream, _) = listener.accept().await.unwrap();
    receive(&mut stream).await;
    send(&mut stream, b'R', &[0, 0, 0, 3]).await;
    assert_eq!(stream.read_u8().await.unwrap(), b'p');
    receive(&mut stream).await;
    send(&mut stream, b'E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes()).await;
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = server(&format!("postgres://reader:zq7%40xjv@127.0.0.1:{port}/d?sslmode=disable"));
    for code in ["28P01", "08P01", "3D000", "57P03"] {
        for text in ["<zq7@xjv> of \"reader\" is wrong", "<zq7%40xjv> of \"reader\" is wrong"] {
            let (error, ()) = tokio::join!(server.connect(), repeat_the_password(&listener, code, text));
            let shown = error.unwrap_err().to_string();
            assert!(shown.contains("<***> of \"reader\" is wrong"), "{code}: {shown}");
            assert!(!shown.contains("zq7") && !shown.contains("xjv"), "{code}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_password_or_user_that_scram_does_not_support_is_reported_without_its_characters() {
    let port = testkit::postgres::Server::shared().port();
    for (login, problem) in [
        ("postgres:zq7%F0%9F%94%91xjv", "the password has characters that SASLprep (RFC 4013) prohibits"),
        ("postgres:zq7%09xjv", "the password has characters that SASLprep (RFC 4013) prohibits"),
        ("postgres:zq7%C8%A1xjv", "the password has characters that SASLprep (RFC 4013) prohibits"),
        ("postgres:%D8%A7zq7", "the password has characters that SASLprep (RFC 4013) prohibits"),
        ("%F0%9F%94%91:zq7xjv", "the user name has characters that SASLprep (RFC 4013) prohibits"),
        ("a%2Cb:zq7xjv", "the user name has a comma"),
        ("a%3Db:zq7xjv", "password authentication failed for user \"a=b\""),
    ] {
        let error = server(&format!("postgres://{login}@127.0.0.1:{port}/postgres")).connect().await;
        let error = error.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, ConnectError::LoginRefused { .. }) && !error.is_transient(), "{shown}");
        assert!(shown.contains(problem), "{login}: {shown}");
        assert!(!shown.contains("zq7") && !shown.contains("Prohibited"), "{login}: {shown}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_query_is_abandoned_for_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mute = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await;
        send(&mut stream, b'R', &[0; 4]).await;
        send(&mut stream, b'K', &[0; 8]).await;
        send(&mut stream, b'Z', b"I").await;
        // Wait until the client closes the connection.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    };
    let postgres = testkit::postgres::Server::shared().port();
    let connect = async |hosts: &str| {
        let query = "target_session_attrs=read-write&sslmode=disable&connect_timeout=2";
        let server: Server = server(&format!("postgres://postgres:secret@{hosts}/postgres?{query}"));
        server.connect().await
    };
    let hosts = format!("127.0.0.1:{port},127.0.0.1:{postgres}");
    let (outcome, ()) = tokio::join!(connect(&hosts), mute);
    outcome.unwrap();
}

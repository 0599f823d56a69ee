//! The HTTP client: proxies, certificates, and excerpts of answers.

use std::sync::Arc;

use common::http::{HttpError, RetryPolicy, RetryingClient};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Certificate, file, self_signed_by_the_manual};
use crate::child;

const TOKEN: &str = "very-secret-token";

#[test]
fn an_excerpt_is_short_and_has_neither_line_breaks_nor_control_characters() {
    let body = format!("first\r\nsecond\u{1b}[31m\u{9b}\u{202e}{}", "x".repeat(5000));
    let client = RetryingClient::new("http://localhost", RetryPolicy::default(), 1024);
    let text = client.excerpt(body.as_bytes());
    assert!(text.starts_with(": first second [31m x"), "{text}");
    assert!(text.len() <= 1024 && !text.chars().any(char::is_control), "{text}");
    assert_eq!(client.excerpt(b" \n"), "");
}

#[test]
fn an_excerpt_contains_no_part_of_a_secret_that_the_server_repeats() {
    let (secret, short) = (TOKEN.into(), "ok".into());
    let client =
        RetryingClient::new("http://localhost", RetryPolicy::default(), 1024).masking([&secret, &short]);
    for distance in 480..=512 {
        let body = format!("ok {}{TOKEN} and more", "x".repeat(distance));
        let text = client.excerpt(body.as_bytes());
        assert!(text.starts_with(": ok x") && !text.contains(&TOKEN[..3]), "{text}");
    }
}

/// The child process: it sends one request with a token.
#[tokio::test]
async fn requesting_child() {
    let Some(url) = child::request() else { return };
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let client = RetryingClient::new(&url, policy, 1024);
    let answer = client.send(|client| client.get(&url).header("x-internal-token", TOKEN)).await;
    child::answer(&match answer {
        Ok(answer) => format!("status {}", answer.status.as_u16()),
        Err(HttpError::Untrusted { reason }) => format!("untrusted: {reason}"),
        Err(error) => format!("failed: {error}"),
    });
}

async fn request(url: &str, variables: &[(&str, &str)]) -> String {
    let (url, variables) = (url.to_owned(), variables.to_vec());
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let run = move || {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        child::run("http_client::requesting_child", &url, &variables).unwrap()
    };
    spawn_blocking(run).await.unwrap()
}

/// Answers one request with an empty 200, and returns the head of the request.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(head).unwrap()
}

/// A server for one request: its port, and the head of that request.
async fn server() -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_for_https_only() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let ((proxy, proxied), (port, served)) = (server().await, server().await);
        let proxy = format!("http://127.0.0.1:{proxy}");
        let answer = request(&format!("http://127.0.0.1:{port}/"), &[(variable, &proxy)]).await;
        assert_eq!(answer, "status 200", "{variable}");
        assert!(served.await.unwrap().contains(TOKEN));
        assert!(!proxied.is_finished(), "{variable}");
        proxied.abort();
    }
    for variable in ["HTTPS_PROXY", "ALL_PROXY"] {
        let (proxy, proxied) = server().await;
        let proxy = format!("http://127.0.0.1:{proxy}");
        request("https://receiver.invalid/", &[(variable, &proxy)]).await;
        let head = proxied.await.unwrap();
        assert!(head.starts_with("CONNECT receiver.invalid:443 ") && !head.contains(TOKEN), "{head}");
    }
    let (proxy, proxied) = server().await;
    let proxy = format!("http://127.0.0.1:{proxy}");
    let answer = request("https://127.0.0.1:1/", &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")]).await;
    assert!(answer.contains("refused"), "{answer}");
    assert!(!proxied.is_finished());
    proxied.abort();
}

/// A server with this certificate, for any number of requests; its port.
async fn https_server(certificate: &Certificate) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor =
        TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_verified_with_ssl_cert_file_and_an_untrusted_one_is_final() {
    let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
    let own_root = self_signed_by_the_manual("localhost");
    let localhost = &["localhost"][..];
    for (certificate, root, host, expected) in [
        (authority.issue("server", localhost), authority.root(), "localhost", "status 200"),
        (own_root.clone(), own_root.certificate.clone(), "localhost", "status 200"),
        (own_root.clone(), own_root.certificate.clone(), "127.0.0.1", "does not name this host"),
        (own_root.clone(), stranger.root(), "localhost", "not itself a trusted root"),
        (authority.issue("server", localhost), stranger.root(), "localhost", "no trusted authority"),
        (
            authority.issue("server", &["other.test"]),
            authority.root(),
            "localhost",
            "does not name this host",
        ),
        (authority.issue_expired(localhost), authority.root(), "localhost", "has expired"),
    ] {
        let port = https_server(&certificate).await;
        let roots = file(&root);
        let variables = [("SSL_CERT_FILE", roots.path().to_str().unwrap())];
        let answer = request(&format!("https://{host}:{port}/"), &variables).await;
        assert!(answer.contains(expected), "{host}: {answer}, and not {expected}");
        assert!(
            answer.starts_with(if expected == "status 200" { "status" } else { "untrusted" }),
            "{answer}"
        );
    }
}

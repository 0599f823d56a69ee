//! The memory budget of connections: what hostile clients hold, and that others are served.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{SECRETS, TIMEOUT, TestService};

/// 14 MiB of the smallest limit are for connections.
const SMALL: [(&str, &str); 1] = [("MEMORY_LIMIT", "32Mi")];
const CLOSED: &str = "greeter_connections_closed_for_memory_total";

async fn connect(service: &TestService, from: IpAddr) -> TcpStream {
    let address: SocketAddr = service.url.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    socket.connect(address).await.unwrap()
}

fn client(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// The answer of the liveness probe to this client.
async fn probe(service: &TestService, from: IpAddr) -> String {
    let exchange = async {
        let mut stream = connect(service, from).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(TIMEOUT, exchange).await.expect("the probe is answered")
}

/// Opens connections from one address that send these bytes and read nothing.
async fn hold(service: &TestService, connections: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = connect(service, client(1)).await;
        // The connection may be closed already.
        let _ = stream.write_all(bytes).await;
        held.push(stream);
    }
    held
}

async fn wait_until_closed(service: &TestService, at_least: u64) {
    let wait = async {
        while service.metric(CLOSED).await < Some(at_least) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("connections are closed");
}

async fn assert_others_are_served(service: &TestService) {
    for from in [client(2), client(1)] {
        let answer = probe(service, from).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{from}: {answer}");
    }
}

#[tokio::test]
async fn idle_connections_of_one_client_keep_nobody_out() {
    let service = TestService::start(&SMALL).await;
    let mut other = connect(&service, client(2)).await;
    let _held = hold(&service, 1_500, b"").await;
    wait_until_closed(&service, 300).await;
    assert_others_are_served(&service).await;
    // The connection of the client that holds less is still open, although it is the oldest.
    other.write_all(b"GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn unfinished_heads_are_bounded_in_memory() {
    let service = TestService::start(&SMALL).await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(15_000));
    // 600 of them would hold 16 MiB.
    let _held = hold(&service, 600, head.as_bytes()).await;
    wait_until_closed(&service, 50).await;
    assert_others_are_served(&service).await;
}

#[tokio::test]
async fn responses_that_are_not_read_are_bounded_in_memory() {
    let service = TestService::start(&SMALL).await;
    // Each response has 8 MiB, more than the kernel buffers.
    let _held = hold(&service, 6, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    wait_until_closed(&service, 5).await;
    assert_others_are_served(&service).await;
}

#[tokio::test]
async fn a_caller_has_at_most_half_of_the_streams() {
    let service = Arc::new(TestService::start(&[&SECRETS[..], &[("MAX_STREAMS", "4")]].concat()).await);
    let open = |header: &str, secret: &str| service.get("/events").header(header, secret).send();
    let (token, secret) = (SECRETS[0].1, SECRETS[1].1);
    let _first = open("x-internal-token", token).await.unwrap();
    let _second = open("x-internal-token", token).await.unwrap();
    let third = service.get("/events").header("x-internal-token", token);
    service.problem(third, 429, "too-many-requests").await;
    let other = open("x-admin-secret", secret).await.unwrap();
    assert_eq!(other.status(), 200);
}

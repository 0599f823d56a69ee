//! An HTTP proxy that forwards requests, or injects the faults of networks and servers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The fault of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The request and its answer are forwarded.
    None,
    /// The connection is closed before the request is read.
    Refuse,
    /// The server receives half of the request's body, then the connection breaks.
    CutRequest,
    /// The server answers, and the client receives nothing.
    LoseAnswer,
    /// The server answers, and the client receives a part of the answer.
    CutAnswer,
    /// The request is not forwarded; the answer has this status.
    Status(u16),
    /// The request is not forwarded; the answer is 429 with `Retry-After` of this number of seconds.
    RetryAfter(u64),
    /// The request is forwarded; the answer is 500 instead of the server's answer.
    ErrorAfterCommit,
    /// The request is not forwarded, and there is no answer.
    Silence,
}

/// A proxy on its own port. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy in front of the server at `base`, an `http://HOST:PORT` URL, whose path is ignored. Each request has the next
    /// fault; when there are no more faults, requests are forwarded.
    ///
    /// # Panics
    /// When there is no free port, or `base` has no address.
    pub async fn before(base: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        let authority = base.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let server: SocketAddr = authority.parse().expect("an http:// URL with an address and a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let faults = Arc::new(Mutex::new(faults.into_iter().collect()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&faults), Arc::clone(&requests)));
        Self { address, faults, requests, accepting }
    }

    /// The proxy's base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of unused faults.
    pub fn faults_left(&self) -> usize {
        locked(&self.faults).len()
    }

    /// The requests so far, each with head and body.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        locked(&self.requests).clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let fault = locked(&faults).pop_front().unwrap_or(Fault::None);
        let requests = Arc::clone(&requests);
        // Broken connections are expected, so their errors are ignored.
        tokio::spawn(async move { serve(client, server, fault, &requests).await.ok() });
    }
}

/// Serves one request of the connection and closes it.
async fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    fault: Fault,
    requests: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    if fault == Fault::Refuse {
        return Ok(());
    }
    let request = read_message(&mut client).await?;
    locked(requests).push(request.clone());
    match fault {
        Fault::None => client.write_all(&exchange(server, &request).await?).await,
        Fault::CutRequest => {
            let mut upstream = TcpStream::connect(server).await?;
            upstream.write_all(&request[..request.len() - body_length(&request).unwrap_or(0) / 2]).await
        }
        Fault::LoseAnswer => exchange(server, &request).await.map(drop),
        Fault::CutAnswer => {
            let answer = exchange(server, &request).await?;
            client.write_all(&answer[..answer.len() - 10]).await
        }
        Fault::Status(status) => answer(&mut client, status, "").await,
        Fault::RetryAfter(seconds) => answer(&mut client, 429, &format!("retry-after: {seconds}\r\n")).await,
        Fault::ErrorAfterCommit => {
            exchange(server, &request).await?;
            answer(&mut client, 500, "").await
        }
        Fault::Silence => client.read(&mut [0]).await.map(drop),
        Fault::Refuse => Ok(()),
    }
}

async fn answer(client: &mut TcpStream, status: u16, headers: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} Fault\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await
}

/// Forwards the request and reads the whole answer.
async fn exchange(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(request).await?;
    read_message(&mut upstream).await
}

/// Reads a request or an answer: its head, and the body that the head announces.
async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    while !is_complete(&message) {
        if stream.read_buf(&mut message).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(message)
}

fn is_complete(message: &[u8]) -> bool {
    let Some(head) = find(message, b"\r\n\r\n") else { return false };
    match body_length(message) {
        Some(length) => message.len() >= head + 4 + length,
        None if is_chunked(message) => message.ends_with(b"\r\n0\r\n\r\n"),
        None => true,
    }
}

/// The length that the head announces.
fn body_length(message: &[u8]) -> Option<usize> {
    head(message).lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}

fn is_chunked(message: &[u8]) -> bool {
    head(message).lines().any(|line| line == "transfer-encoding: chunked")
}

fn head(message: &[u8]) -> String {
    let head = &message[..find(message, b"\r\n\r\n").unwrap_or(0)];
    String::from_utf8_lossy(head).to_ascii_lowercase()
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

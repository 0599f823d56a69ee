//! A TCP server whose responses the test defines byte by byte.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A server that runs until the test process exits.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Reads a request from each connection, then calls `respond` with the number of earlier requests.
    pub(crate) fn start(respond: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), respond)
    }

    /// The same on another address.
    pub(crate) fn start_on(
        address: IpAddr,
        respond: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::serve(address, move |stream, seen, requests| {
            let request = read_request(stream);
            requests.lock().expect("requests").push(request);
            respond(stream, seen);
            let _ = stream.shutdown(Shutdown::Write);
            wait_for_close(stream);
        })
    }

    /// Calls `handle` with each connection, before a request is read.
    pub(crate) fn start_raw(handle: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::serve(Ipv4Addr::LOCALHOST.into(), move |stream, _, requests| {
            requests.lock().expect("requests").push(String::new());
            handle(stream);
        })
    }

    /// Sends the same response to every request.
    pub(crate) fn responding_with(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |stream, _| {
            let _ = stream.write_all(&response);
        })
    }

    /// Sends the responses one after the other, one per request; the last one repeats.
    pub(crate) fn responding_in_turn(responses: &'static [&'static str]) -> Self {
        Self::start(move |stream, seen| {
            let response = responses.get(seen).or(responses.last()).expect("a response");
            let _ = stream.write_all(response.as_bytes());
        })
    }

    fn serve(
        address: IpAddr,
        handle: impl Fn(&mut TcpStream, usize, &Mutex<Vec<String>>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port on the loopback interface");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let handle = Arc::new(handle);
        let shared = Arc::clone(&requests);
        thread::spawn(move || {
            for (seen, stream) in listener.incoming().enumerate() {
                let (handle, requests) = (Arc::clone(&handle), Arc::clone(&shared));
                thread::spawn(move || handle(&mut stream.expect("a connection"), seen, &requests));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests so far, with head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("requests").clone()
    }
}

/// Keeps the connection open until the client closes it, like a server that hangs.
pub(crate) fn wait_for_close(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

/// A response with a `Content-Length`.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
                return text.into_owned();
            }
        }
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            _ => return text.into_owned(),
        }
    }
}

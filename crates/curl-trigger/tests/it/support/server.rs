//! A TCP server whose every answer is written by the test, byte by byte.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A server on a port of its own. Lives as long as the test process.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Reads a request from each connection, then lets `answer` write; it is told how many came before.
    pub(crate) fn start(answer: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), answer)
    }

    /// The same on another address.
    pub(crate) fn start_on(
        address: IpAddr,
        answer: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::serve(address, move |stream, seen, requests| {
            let request = read_request(stream);
            requests.lock().expect("requests").push(request);
            answer(stream, seen);
            let _ = stream.shutdown(Shutdown::Write);
            wait_for_close(stream);
        })
    }

    /// Hands over each connection before anything is read from it.
    pub(crate) fn start_raw(handle: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::serve(Ipv4Addr::LOCALHOST.into(), move |stream, _, requests| {
            requests.lock().expect("requests").push(String::new());
            handle(stream);
        })
    }

    /// Gives the same answer to every request.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |stream, _| {
            let _ = stream.write_all(&answer);
        })
    }

    /// Gives these answers one after the other, the last one for ever.
    pub(crate) fn in_turn(answers: &'static [&'static str]) -> Self {
        Self::start(move |stream, seen| {
            let answer = answers.get(seen).or(answers.last()).expect("an answer");
            let _ = stream.write_all(answer.as_bytes());
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

    /// The requests read so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("requests").clone()
    }
}

/// Does nothing until the client goes away: a server that hangs.
pub(crate) fn wait_for_close(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

/// An answer with a body of known length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
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

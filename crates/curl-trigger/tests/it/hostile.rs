//! Servers that would like to keep the program, or its memory, for ever.

use std::{
    io::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    program::{Ran, finish, plain},
    server::Server,
};

/// All the address space the program gets, in KiB: its file, its stack and what it allocates.
const MEMORY: &str = "12288";

/// Runs with little memory and a time limit of two seconds; gives what came and how long it took.
fn bounded(server: &Server, options: &[&str]) -> (Ran, Duration) {
    let started = Instant::now();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$0\"; exec \"$@\"", MEMORY]).arg(plain());
    command.args(["-sS", "-m", "2", "-o", "/dev/null"]).args(options).arg(server.url("/"));
    (finish(&mut command), started.elapsed())
}

/// Writes a piece for ever.
fn endless(begin: &'static str, piece: Vec<u8>) -> Server {
    Server::start(move |stream, _| {
        let mut written = stream.write_all(begin.as_bytes());
        while written.is_ok() {
            written = stream.write_all(&piece);
        }
    })
}

#[test]
fn a_byte_now_and_then_ends_with_the_time() {
    for begin in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"] {
        let server = Server::start(move |stream, _| {
            let mut written = stream.write_all(begin.as_bytes());
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
                if written.is_err() {
                    break;
                }
                written = stream.write_all(&[*byte]);
                // The server's slowness is the case.
                thread::sleep(Duration::from_millis(100));
            }
        });
        let (ran, took) = bounded(&server, &[]);
        ran.exits(28);
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn endless_bodies_end_with_the_time_in_little_memory() {
    let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
    for (begin, piece) in [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 65_536]),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n".repeat(10_000)),
    ] {
        bounded(&endless(begin, piece), &[]).0.exits(28);
    }
}

#[test]
fn endless_headers_and_trailers_are_refused() {
    for begin in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"] {
        let server = endless(begin, b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1_000));
        let (ran, took) = bounded(&server, &[]);
        ran.exits(56);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
    bounded(&endless("", interim), &[]).0.exits(56);
}

#[test]
fn a_hundred_megabytes_of_headers_are_not_read() {
    let server = Server::start(|stream, _| {
        let megabyte = b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(24_000);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        for _ in 0..100 {
            if stream.write_all(&megabyte).is_err() {
                return;
            }
        }
        let _ = stream.write_all(b"Content-Length: 0\r\n\r\n");
    });
    bounded(&server, &[]).0.exits(56);
}

#[test]
fn an_endless_redirect_is_cut_off() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    bounded(&Server::answering(answer), &["-L"]).0.exits(47);
}

#[test]
fn a_server_that_never_reads_ends_with_the_time() {
    let server = Server::start_raw(|stream| {
        // Held open, unread, until the program is gone.
        while stream.peek(&mut [0]).is_ok_and(|length| length > 0) {
            thread::park_timeout(Duration::from_millis(50));
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("large");
    std::fs::write(&path, vec![b'x'; 4 << 20]).expect("a file");
    let body = format!("@{}", path.display());
    let started = Instant::now();
    crate::support::program::run(&["-sS", "-m", "1", "--data-binary", &body, &server.url("/")]).exits(28);
    assert!(started.elapsed() < Duration::from_secs(10));
}

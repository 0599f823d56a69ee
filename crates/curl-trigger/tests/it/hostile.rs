//! Servers that would like to keep the program, or its memory, for ever.

use std::{
    fs,
    io::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    program::{Ran, finish, plain, run_with},
    server::{Server, answer},
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
    fs::write(&path, vec![b'x'; 4 << 20]).expect("a file");
    let body = format!("@{}", path.display());
    let started = Instant::now();
    crate::support::program::run(&["-sS", "-m", "1", "--data-binary", &body, &server.url("/")]).exits(28);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_servers_text_is_one_bounded_line_without_control_characters() {
    let long = "x".repeat(20_000);
    let elsewhere = format!("HTTP/1.1 302 {long}\r\nLocation: http://{long}.invalid:1/{long}\r\n\r\n");
    let answers = [
        format!("HTTP/1.1 500 {long}\r\nX-Long: {long}\r\nX-{long}: y\r\nContent-Length: 0\r\n\r\n"),
        // U+009B begins a terminal's control sequence, U+2028 is a line break, U+202E turns the direction.
        answer(
            "500 No",
            "X-Turn: a\u{9b}2Jb\u{202e}c\r\n",
            "{\"detail\":\"a\\u001b[2Jb\u{9b}c\\nd\u{2028}e\"}",
        ),
        elsewhere,
    ];
    for text in answers {
        let server = Server::answering(text);
        let url = server.url("/");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("message");
        let message = path.to_str().expect("a path");
        for options in [&[][..], &["-v"]] {
            let arguments = [options, &["-f", "-L", "-o", "/dev/null", &url]].concat();
            let ran = run_with(&arguments, &[("TERMINATION_MESSAGE_PATH", message)]);
            let last = fs::read_to_string(&path).expect("the message");
            for line in ran.err.lines().chain([last.as_str()]) {
                assert!(line.len() < 1200, "{} bytes: {}", line.len(), &line[..100]);
                let harmless = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{202e}');
                assert!(line.chars().all(harmless), "{line:?}");
            }
            assert!(ran.err.lines().last().is_some_and(|line| line.contains("(exit ")), "{}", ran.err);
            assert!(last.contains("(exit ") && !last.contains('\n'), "{last}");
        }
    }
}

#[test]
fn no_piece_of_a_secret_is_left_where_a_servers_text_is_cut() {
    let secret = "s3cret-t0ken-0123456789";
    for before in 170..200 {
        let detail = format!("{{\"detail\":\"{}{secret}\"}}", "x".repeat(before));
        let server = Server::answering(answer("401 No", "", &detail));
        let ran =
            run_with(&["-o", "/dev/null"], &[("TRIGGER_URL", &server.url("/")), ("BEARER_TOKEN", secret)]);
        let err = ran.exits(22).err;
        assert!(!err.contains("s3"), "{err}");
    }
}

//! Servers that try to make the program hang or to use up its memory.

use std::{
    fs,
    io::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    program::{CommandOutput, finish, plain, run_with},
    server::{Server, response},
};

/// The limit of the program's address space, in KiB: its file, its stack and its allocations.
const MEMORY: &str = "12288";

/// Runs with little memory and a time limit of two seconds; returns the output and the elapsed time.
fn bounded(server: &Server, options: &[&str]) -> (CommandOutput, Duration) {
    let started = Instant::now();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$0\"; exec \"$@\"", MEMORY]).arg(plain());
    command.args(["-sS", "-m", "2", "-o", "/dev/null"]).args(options).arg(server.url("/"));
    (finish(&mut command), started.elapsed())
}

/// Sends the start, then the piece again and again.
fn endless(start: &'static str, piece: Vec<u8>) -> Server {
    Server::start(move |stream, _| {
        let mut written = stream.write_all(start.as_bytes());
        while written.is_ok() {
            written = stream.write_all(&piece);
        }
    })
}

#[test]
fn a_slow_response_ends_at_the_time_limit() {
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"] {
        let server = Server::start(move |stream, _| {
            let mut written = stream.write_all(start.as_bytes());
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
                if written.is_err() {
                    break;
                }
                written = stream.write_all(&[*byte]);
                // The slow server is the case under test.
                thread::sleep(Duration::from_millis(100));
            }
        });
        let (output, took) = bounded(&server, &[]);
        output.exits(28);
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn endless_bodies_end_at_the_time_limit_and_need_little_memory() {
    let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
    for (start, piece) in [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 65_536]),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n".repeat(10_000)),
    ] {
        bounded(&endless(start, piece), &[]).0.exits(28);
    }
}

#[test]
fn endless_headers_and_trailers_are_rejected() {
    for start in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"] {
        let server = endless(start, b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1_000));
        // Not 28: the limit of the length applies before that of the time.
        bounded(&server, &[]).0.exits(56);
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
fn an_endless_redirect_ends_at_the_limit() {
    let response = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    bounded(&Server::responding_with(response), &["-L"]).0.exits(47);
}

#[test]
fn a_server_that_never_reads_ends_at_the_time_limit() {
    let server = Server::start_raw(|stream| {
        // Keeps the connection open without reading until the program exits.
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
fn a_text_of_the_server_is_one_truncated_line_without_control_characters() {
    let long = "x".repeat(20_000);
    let elsewhere = format!("HTTP/1.1 302 {long}\r\nLocation: http://{long}.invalid:1/{long}\r\n\r\n");
    let responses = [
        format!("HTTP/1.1 500 {long}\r\nX-Long: {long}\r\nX-{long}: y\r\nContent-Length: 0\r\n\r\n"),
        // U+009B starts a control sequence of a terminal, U+2028 is a line break, U+202E changes the text direction.
        response(
            "500 No",
            "X-Turn: a\u{9b}2Jb\u{202e}c\r\n",
            "{\"detail\":\"a\\u001b[2Jb\u{9b}c\\nd\u{2028}e\"}",
        ),
        elsewhere,
    ];
    for text in responses {
        let server = Server::responding_with(text);
        let url = server.url("/");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("message");
        let message = path.to_str().expect("a path");
        for options in [&[][..], &["-v"]] {
            let arguments = [options, &["-f", "-L", "-o", "/dev/null", &url]].concat();
            let output = run_with(&arguments, &[("TERMINATION_MESSAGE_PATH", message)]);
            let last = fs::read_to_string(&path).expect("the message");
            for line in output.err.lines().chain([last.as_str()]) {
                assert!(line.len() < 1200, "{} bytes: {}", line.len(), &line[..100]);
                let harmless = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{202e}');
                assert!(line.chars().all(harmless), "{line:?}");
            }
            assert!(output.err.lines().last().is_some_and(|line| line.contains("(exit ")), "{}", output.err);
            assert!(last.contains("(exit ") && !last.contains('\n'), "{last}");
        }
    }
}

#[test]
fn no_part_of_a_secret_remains_where_a_text_of_the_server_is_truncated() {
    let secret = "s3cret-t0ken-0123456789";
    for before in 170..200 {
        let detail = format!("{{\"detail\":\"{}{secret}\"}}", "x".repeat(before));
        let server = Server::responding_with(response("401 No", "", &detail));
        let output =
            run_with(&["-o", "/dev/null"], &[("TRIGGER_URL", &server.url("/")), ("BEARER_TOKEN", secret)]);
        let err = output.exits(22).err;
        assert!(!err.contains("s3"), "{err}");
    }
}

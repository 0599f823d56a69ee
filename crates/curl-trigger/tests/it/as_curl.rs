//! The same exit codes, requests and standard output as Debian's curl.
//!
//! Each program has its own server with the same behavior. Where curl-trigger differs on purpose, the case has curl's
//! exit code too; `docs/curl-trigger.md` has the reasons.

use crate::support::{
    comparison::{case, compare, differing, hangs_after, ok, redirect, responds_with},
    program::{CommandOutput, curl, run},
    server::{Server, response},
};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn complete_responses() {
    let chunked = CHUNKED;
    compare(vec![
        case("200", &[], responds_with(ok()), 0, 1),
        case("200 with -i", &["-i"], responds_with(ok()), 0, 1),
        case("202 to a POST", &["-X", "POST"], responds_with(response("202 Accepted", "", "{}")), 0, 1),
        case("204", &[], responds_with("HTTP/1.1 204 No Content\r\n\r\n"), 0, 1),
        case("404", &[], responds_with(response("404 Not Found", "", "no\n")), 0, 1),
        case("404 with -f", &["-f"], responds_with(response("404 Not Found", "", "no\n")), 22, 1),
        case(
            "404 with -f and -i",
            &["-f", "-i"],
            responds_with(response("404 Not Found", "", "no\n")),
            22,
            1,
        ),
        case(
            "500 with --fail-with-body",
            &["--fail-with-body"],
            responds_with(response("500 Oops", "", "no\n")),
            22,
            1,
        ),
        case("302", &["-f"], responds_with(redirect("302 Found", "/x")), 0, 1),
        case("until close", &[], responds_with("HTTP/1.0 200 OK\r\n\r\nfine\n"), 0, 1),
        case(
            "chunked",
            &[],
            responds_with(format!("{chunked}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n")),
            0,
            1,
        ),
        case(
            "interim response",
            &["-i"],
            responds_with(format!("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n{}", ok())),
            0,
            1,
        ),
    ]);
}

#[test]
fn incomplete_responses() {
    let chunked = CHUNKED;
    compare(vec![
        case("no response", &[], responds_with(""), 52, 1),
        case("truncated in the status line", &[], responds_with("HTTP/1.1 20"), 52, 1),
        differing(
            56,
            case("truncated in the headers", &[], responds_with("HTTP/1.1 200 OK\r\nA: b\r\n"), 0, 1),
        ),
        case(
            "truncated body",
            &[],
            responds_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine\n"),
            18,
            1,
        ),
        case("truncated chunk", &[], responds_with(format!("{chunked}9\r\nfine\n")), 18, 1),
        case("no chunk size", &[], responds_with(format!("{chunked}zz\r\nfine\n")), 56, 1),
    ]);
}

#[test]
fn responses_that_are_not_http() {
    compare(vec![
        case("another protocol", &[], responds_with("SSH-2.0-OpenSSH_9.2\r\n"), 1, 1),
        case("binary garbage", &[], responds_with(vec![0, 1, 2, 3, 255, 254, 10, 13]), 1, 1),
        differing(
            8,
            case(
                "two lengths",
                &[],
                responds_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nfine\n"),
                18,
                1,
            ),
        ),
        case(
            "negative length",
            &[],
            responds_with("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nfine\n"),
            8,
            1,
        ),
        case("status of letters", &[], responds_with("HTTP/1.1 2x0 OK\r\n\r\n"), 1, 1),
        case(
            "header without colon",
            &[],
            responds_with("HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 5\r\n\r\nfine\n"),
            8,
            1,
        ),
        case(
            "huge headers",
            &[],
            responds_with(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200_000))),
            56,
            1,
        ),
        differing(
            56,
            case(
                "one huge header",
                &[],
                responds_with(format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(1_000_000))),
                27,
                1,
            ),
        ),
    ]);
}

#[test]
fn time_limits() {
    compare(vec![
        case("-m, no response", &["-m", "1"], hangs_after(""), 28, 1),
        case("-m, stuck headers", &["-m", "1"], hangs_after("HTTP/1.1 200 OK\r\nA: b"), 28, 1),
        case(
            "-m, stuck body",
            &["-m", "1"],
            hangs_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine\n"),
            28,
            1,
        ),
        case("-m with decimals", &["-m", "0.3"], hangs_after(""), 28, 1),
        case(
            "-m includes redirects",
            &["-L", "-m", "1"],
            hangs_after("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"),
            28,
            1,
        ),
        case(
            "--connect-timeout ends with the connection",
            &["--connect-timeout", "1", "-m", "2"],
            hangs_after(""),
            28,
            1,
        ),
        case("-m applies to each attempt", &["-m", "1", "--retry", "1"], hangs_after(""), 28, 2),
    ]);
}

#[test]
fn write_out_and_output() {
    let format = "%{http_code} %{num_redirects} %{size_download} %{method} %{content_type} %{exitcode}%%\\n";
    let options: &'static [&'static str] = Box::leak(vec!["-w", format].into_boxed_slice());
    compare(vec![
        case("-w", options, responds_with(response("200 OK", "Content-Type: a/b\r\n", "fine\n")), 0, 1),
        case(
            "-w with an error",
            options,
            responds_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine\n"),
            18,
            1,
        ),
        case("-w without a response", options, responds_with(""), 52, 1),
        case("-w of an unknown variable", &["-w", "a%{nonsense}b\\x%q"], responds_with(ok()), 0, 1),
        case("-w with onerror", &["-w", "%{onerror}x"], responds_with(ok()), 0, 1),
        case("-o", &["-o", "/dev/null", "-w", "%{http_code}"], responds_with(ok()), 0, 1),
    ]);
}

#[test]
fn requests_that_are_never_sent() {
    for (arguments, code) in [
        (&["http://127.0.0.1:1/"][..], 7),
        (&["--retry", "1", "http://127.0.0.1:1/"], 7),
        (&["--retry", "1", "--retry-connrefused", "http://127.0.0.1:1/"], 7),
        (&["http://127.0.0.1:99999/"], 3),
        (&["http:///"], 3),
        (&["http://a b/"], 3),
        (&["gopher9://127.0.0.1/"], 1),
        (&["--nonsense", "http://127.0.0.1:1/"], 2),
        (&["-m", "many", "http://127.0.0.1:1/"], 2),
        (&["-X"], 2),
        (&[], 2),
    ] {
        let (theirs, ours) = (curl(arguments), run(arguments));
        assert_eq!((theirs.code, ours.code), (Some(code), Some(code)), "{arguments:?}\n{theirs:?}\n{ours:?}");
    }
}

#[test]
fn the_request_has_the_same_headers_and_body() {
    let sent_by = |program: fn(&[&str]) -> CommandOutput| {
        let server = Server::responding_with(ok());
        let url = server.url("/a/../b?c=d");
        program(&[
            "-s", "-X", "PUT", "-H", "X-A: b", "-H", "Accept:", "-H", "X-Empty;", "-d", "a=1", "-d", "b=2",
            "-A", "me", &url,
        ]);
        let request = server.requests().remove(0).replace(&server.port.to_string(), "PORT");
        let mut lines: Vec<String> = request.lines().map(|line| line.trim_end().to_string()).collect();
        lines.retain(|line| line != "Connection: close");
        lines[1..].sort();
        lines
    };
    assert_eq!(sent_by(curl), sent_by(run));
}

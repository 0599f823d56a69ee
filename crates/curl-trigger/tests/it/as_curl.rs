//! Case by case against Debian's curl: the same exit code, the same requests, the same standard output.
//!
//! Both programs get a server of their own that behaves the same. Where this program differs on purpose, the
//! case says what curl does; `docs/curl-trigger.md` says why.

use std::{io::Write, net::TcpStream, sync::Arc, thread};

use crate::support::{
    program::{Ran, curl, run},
    server::{Server, answer, wait_for_close},
};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

type Answer = Arc<dyn Fn(&mut TcpStream, usize) + Send + Sync>;

/// One case: options, the server, and curl's exit code with the requests it makes.
struct Case {
    about: &'static str,
    options: &'static [&'static str],
    answer: Answer,
    code: i32,
    requests: usize,
    /// This program's exit code where it is not curl's.
    differs: Option<i32>,
}

fn case(
    about: &'static str,
    options: &'static [&'static str],
    answer: Answer,
    code: i32,
    requests: usize,
) -> Case {
    Case { about, options, answer, code, requests, differs: None }
}

fn but(differs: i32, case: Case) -> Case {
    Case { differs: Some(differs), ..case }
}

/// Writes this, then closes.
fn says(text: impl Into<Vec<u8>>) -> Answer {
    let text = text.into();
    Arc::new(move |stream, _| {
        let _ = stream.write_all(&text);
    })
}

/// Writes these in turn, the last one for ever.
fn turns(texts: &[String]) -> Answer {
    let texts = texts.to_vec();
    Arc::new(move |stream, seen| {
        let _ = stream.write_all(texts.get(seen).or(texts.last()).expect("a text").as_bytes());
    })
}

/// Writes this, then leaves the connection open without a word.
fn hangs_after(text: &'static str) -> Answer {
    Arc::new(move |stream, _| {
        let _ = stream.write_all(text.as_bytes());
        wait_for_close(stream);
    })
}

fn ok() -> String {
    answer("200 OK", "", "fine\n")
}

fn busy(headers: &str) -> String {
    answer("503 Service Unavailable", headers, "busy\n")
}

fn redirect(status: &str, location: &str) -> String {
    answer(status, &format!("Location: {location}\r\n"), "moved\n")
}

/// Runs every case at once, as most of the time goes into waiting for pauses.
fn compare(cases: Vec<Case>) {
    let failed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || compare_one(&case))).collect();
        all.into_iter().filter_map(|case| case.join().expect("a case")).collect()
    });
    assert!(failed.is_empty(), "{} differ:\n{}", failed.len(), failed.join("\n"));
}

fn compare_one(case: &Case) -> Option<String> {
    let ask = |program: fn(&[&str]) -> Ran| {
        let answer = Arc::clone(&case.answer);
        let server = Server::start(move |stream, seen| answer(stream, seen));
        let mut arguments = vec!["-s"];
        arguments.extend(case.options);
        let url = server.url("/path?query");
        arguments.push(&url);
        let ran = program(&arguments);
        (ran.code, server.requests().len(), ran.out)
    };
    let (theirs, ours) = (ask(curl), ask(run));
    let expected = (Some(case.code), case.requests);
    let mine = (Some(case.differs.unwrap_or(case.code)), case.requests);
    let same_output = case.differs.is_some() || theirs.2 == ours.2;
    if (theirs.0, theirs.1) == expected && (ours.0, ours.1) == mine && same_output {
        return None;
    }
    Some(format!(
        "{}: curl {theirs:?}, curl-trigger {ours:?}, expected {expected:?} and {mine:?}",
        case.about
    ))
}

#[test]
fn whole_answers() {
    let chunked = CHUNKED;
    compare(vec![
        case("200", &[], says(ok()), 0, 1),
        case("200 with -i", &["-i"], says(ok()), 0, 1),
        case("202 to a POST", &["-X", "POST"], says(answer("202 Accepted", "", "{}")), 0, 1),
        case("204", &[], says("HTTP/1.1 204 No Content\r\n\r\n"), 0, 1),
        case("404", &[], says(answer("404 Not Found", "", "no\n")), 0, 1),
        case("404 with -f", &["-f"], says(answer("404 Not Found", "", "no\n")), 22, 1),
        case("404 with -f and -i", &["-f", "-i"], says(answer("404 Not Found", "", "no\n")), 22, 1),
        case("500 with --fail-with-body", &["--fail-with-body"], says(answer("500 Oops", "", "no\n")), 22, 1),
        case("302", &["-f"], says(redirect("302 Found", "/x")), 0, 1),
        case("until close", &[], says("HTTP/1.0 200 OK\r\n\r\nfine\n"), 0, 1),
        case("chunked", &[], says(format!("{chunked}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n")), 0, 1),
        case(
            "interim answer",
            &["-i"],
            says(format!("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n{}", ok())),
            0,
            1,
        ),
    ]);
}

#[test]
fn answers_that_break_off() {
    let chunked = CHUNKED;
    compare(vec![
        case("no answer", &[], says(""), 52, 1),
        case("cut in the status line", &[], says("HTTP/1.1 20"), 52, 1),
        but(56, case("cut in the headers", &[], says("HTTP/1.1 200 OK\r\nA: b\r\n"), 0, 1)),
        case("cut body", &[], says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine\n"), 18, 1),
        case("cut chunk", &[], says(format!("{chunked}9\r\nfine\n")), 18, 1),
        case("no chunk size", &[], says(format!("{chunked}zz\r\nfine\n")), 56, 1),
    ]);
}

#[test]
fn answers_that_are_not_http() {
    compare(vec![
        case("another protocol", &[], says("SSH-2.0-OpenSSH_9.2\r\n"), 1, 1),
        case("binary garbage", &[], says(vec![0, 1, 2, 3, 255, 254, 10, 13]), 1, 1),
        but(
            8,
            case(
                "two lengths",
                &[],
                says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nfine\n"),
                18,
                1,
            ),
        ),
        case("negative length", &[], says("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nfine\n"), 8, 1),
        case("status of letters", &[], says("HTTP/1.1 2x0 OK\r\n\r\n"), 1, 1),
        case(
            "header without colon",
            &[],
            says("HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 5\r\n\r\nfine\n"),
            8,
            1,
        ),
        case(
            "huge headers",
            &[],
            says(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200_000))),
            56,
            1,
        ),
        but(
            56,
            case(
                "one huge header",
                &[],
                says(format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(1_000_000))),
                27,
                1,
            ),
        ),
    ]);
}

#[test]
fn time_limits() {
    compare(vec![
        case("-m, silence", &["-m", "1"], hangs_after(""), 28, 1),
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
            "-m, redirects count",
            &["-L", "-m", "1"],
            hangs_after("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"),
            28,
            1,
        ),
        case(
            "--connect-timeout is over once connected",
            &["--connect-timeout", "1", "-m", "2"],
            hangs_after(""),
            28,
            1,
        ),
        case("-m bounds each attempt", &["-m", "1", "--retry", "1"], hangs_after(""), 28, 2),
    ]);
}

#[test]
fn retries_of_what_may_pass() {
    compare(vec![
        case("503 then 200", &["--retry", "2"], turns(&[busy(""), ok()]), 0, 2),
        case("503 then 200 with -f", &["-f", "--retry", "2"], turns(&[busy(""), ok()]), 0, 2),
        case("503 for ever", &["-f", "--retry", "1"], turns(&[busy("")]), 22, 2),
        case("503 for ever without -f", &["--retry", "1"], turns(&[busy("")]), 0, 2),
        case("408", &["--retry", "1"], turns(&[answer("408 Timeout", "", ""), ok()]), 0, 2),
        case(
            "429 with Retry-After",
            &["--retry", "1"],
            turns(&[answer("429 Many", "Retry-After: 2\r\n", ""), ok()]),
            0,
            2,
        ),
        case("500", &["--retry", "1"], turns(&[answer("500 Oops", "", ""), ok()]), 0, 2),
        case("501 is not retried", &["-f", "--retry", "1"], turns(&[answer("501 No", "", ""), ok()]), 22, 1),
        case("401 is not retried", &["-f", "--retry", "1"], turns(&[answer("401 No", "", ""), ok()]), 22, 1),
    ]);
}

#[test]
fn retries_of_all_errors_and_their_pauses() {
    compare(vec![
        case(
            "404, all errors",
            &["-f", "--retry", "1", "--retry-all-errors"],
            turns(&[answer("404 No", "", ""), ok()]),
            0,
            2,
        ),
        case(
            "404, all errors, no -f",
            &["--retry", "1", "--retry-all-errors"],
            turns(&[answer("404 No", "", ""), ok()]),
            0,
            1,
        ),
        case("no answer is not retried", &["--retry", "1"], turns(&[String::new(), ok()]), 52, 1),
        case(
            "no answer, all errors",
            &["--retry", "1", "--retry-all-errors"],
            turns(&[String::new(), ok()]),
            0,
            2,
        ),
        case(
            "pause past the limit",
            &["--retry", "3", "--retry-max-time", "2"],
            turns(&[busy("Retry-After: 9\r\n"), ok()]),
            0,
            1,
        ),
        case(
            "fixed pause",
            &["--retry", "2", "--retry-delay", "1"],
            turns(&[busy(""), busy(""), ok()]),
            0,
            3,
        ),
        case("POST is retried too", &["-d", "x=1", "--retry", "1"], turns(&[busy(""), ok()]), 0, 2),
    ]);
}

#[test]
fn redirects() {
    compare(vec![
        case("not followed", &[], turns(&[redirect("302 Found", "/next"), ok()]), 0, 1),
        case("followed", &["-L"], turns(&[redirect("302 Found", "/next"), ok()]), 0, 2),
        case("followed with -i", &["-L", "-i"], turns(&[redirect("302 Found", "/next"), ok()]), 0, 2),
        case(
            "a POST becomes a GET",
            &["-L", "-d", "x=1"],
            turns(&[redirect("302 Found", "/next"), ok()]),
            0,
            2,
        ),
        case("a POST stays", &["-L", "-d", "x=1"], turns(&[redirect("307 Temporary", "next"), ok()]), 0, 2),
        case("in a circle", &["-L", "--max-redirs", "3"], turns(&[redirect("302 Found", "/next")]), 47, 4),
        case("nowhere", &["-L"], turns(&[answer("302 Found", "", "moved\n")]), 0, 1),
        case("to another scheme", &["-L"], turns(&[redirect("302 Found", "gopher9://127.0.0.1/")]), 1, 1),
        case(
            "404 behind it with -f",
            &["-L", "-f"],
            turns(&[redirect("302 Found", "/next"), answer("404 No", "", "")]),
            22,
            2,
        ),
    ]);
}

#[test]
fn write_out_and_output() {
    let format = "%{http_code} %{num_redirects} %{size_download} %{method} %{content_type} %{exitcode}%%\\n";
    let options: &'static [&'static str] = Box::leak(vec!["-w", format].into_boxed_slice());
    compare(vec![
        case("-w", options, says(answer("200 OK", "Content-Type: a/b\r\n", "fine\n")), 0, 1),
        case("-w with an error", options, says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine\n"), 18, 1),
        case("-w without an answer", options, says(""), 52, 1),
        case("-w of an unknown variable", &["-w", "a%{nonsense}b\\x%q"], says(ok()), 0, 1),
        case("-w of an error only", &["-w", "%{onerror}x"], says(ok()), 0, 1),
        case("-o", &["-o", "/dev/null", "-w", "%{http_code}"], says(ok()), 0, 1),
        case("-o that can't be written", &["-o", "/nowhere/x"], says(ok()), 23, 1),
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
fn the_request_itself_has_what_curls_has() {
    let ask = |program: fn(&[&str]) -> Ran| {
        let server = Server::answering(ok());
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
    assert_eq!(ask(curl), ask(run));
}

//! What is printed where, and the termination message.

use std::{
    fs,
    process::{Command, Stdio},
    sync::mpsc,
};

use crate::support::{
    program::{EmptyRoot, plain, run, run_with},
    server::{Server, response, wait_for_close},
};

#[test]
fn the_termination_message_is_the_outcome_line() {
    let server = Server::responding_with(response(
        "409 Conflict",
        "",
        r#"{"title":"Conflict","detail":"run_1 is active"}"#,
    ));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("termination-log");
    let path = path.to_str().expect("a path");
    let url = server.url("/v1/targets/sync/runs");
    let environment =
        [("TRIGGER_URL", url.as_str()), ("TRIGGER_NAME", "sync"), ("TERMINATION_MESSAGE_PATH", path)];
    let output = run_with(&[], &environment).exits(22);
    let line = "❌ sync failed: HTTP 409 Conflict: run_1 is active (exit 22)";
    assert_eq!(fs::read_to_string(path).expect("the message"), line);
    assert!(output.err.ends_with(&format!("{line}\n")), "{}", output.err);
    assert_eq!(output.out, r#"{"title":"Conflict","detail":"run_1 is active"}"#);
}

#[test]
fn the_default_termination_log_is_used_if_it_exists() {
    let server = Server::responding_with(response("200 OK", "", ""));
    let url = server.url("/");
    let root = EmptyRoot::new(plain(), &[("dev/termination-log", "before")]);
    root.run(&["-s", "--name", "n", &url], &[]).exits(0);
    assert_eq!(root.read("dev/termination-log"), "✅ n triggered successfully (HTTP 200)");
    root.run(&["--nonsense"], &[]).exits(2);
    assert!(root.read("dev/termination-log").contains("--nonsense"));
}

#[test]
fn silent_hides_everything_except_the_response() {
    let server = Server::responding_with(response("404 Not Found", "", "gone"));
    let url = server.url("/");
    let output = run(&["-s", &url]).exits(0);
    assert_eq!((output.out.as_str(), output.err.as_str()), ("gone", ""));
    let output = run(&["-sS", "--name", "n", &url]).exits(0);
    assert_eq!(output.err, "\n❌ n was not triggered: HTTP 404 Not Found (exit 0, as -f was not given)\n");
}

#[test]
fn an_output_file_has_only_the_last_attempt() {
    let server = Server::responding_in_turn(&[
        "HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\nfirst, long",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ]);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("out");
    run(&["--retry", "1", "-o", path.to_str().expect("a path"), &server.url("/")]).exits(0);
    assert_eq!(fs::read_to_string(path).expect("the output"), "end");
}

#[test]
fn help_and_version_need_no_url() {
    assert!(run(&["--help"]).exits(0).out.contains("--retry-connrefused"));
    assert!(run(&["-V"]).exits(0).out.contains("Protocols: http\n"));
    let output = run(&[]).exits(2);
    assert!(output.err.contains("TRIGGER_URL"), "{}", output.err);
}

#[test]
fn sigterm_ends_the_program_immediately() {
    let (called, calls) = mpsc::channel();
    let server = Server::start(move |stream, _| {
        called.send(()).expect("the test waits");
        wait_for_close(stream);
    });
    let mut child = Command::new(plain())
        .args(["-sS", &server.url("/")])
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    calls.recv().expect("a call");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    assert_eq!(child.wait().expect("an end").code(), Some(143));
}

#[test]
fn an_output_that_can_not_be_written_is_exit_code_23() {
    let server = Server::responding_with(response("200 OK", "", "fine"));
    for options in [&["-o", "/nowhere/x"][..], &["-o", "/dev/full"]] {
        let output = run(&[options, &["-sS", &server.url("/")]].concat()).exits(23);
        assert!(output.err.contains("can't be written"), "{}", output.err);
    }
}

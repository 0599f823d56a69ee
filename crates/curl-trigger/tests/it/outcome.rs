//! What is printed where, and what the kubelet gets to read.

use std::{
    fs,
    process::{Command, Stdio},
    sync::mpsc,
};

use crate::support::{
    program::{EmptyRoot, plain, run, run_with},
    server::{Server, answer, wait_for_close},
};

#[test]
fn the_last_words_are_the_outcome_line() {
    let server =
        Server::answering(answer("409 Conflict", "", r#"{"title":"Conflict","detail":"run_1 is active"}"#));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("termination-log");
    let path = path.to_str().expect("a path");
    let url = server.url("/v1/targets/sync/runs");
    let environment =
        [("TRIGGER_URL", url.as_str()), ("TRIGGER_NAME", "sync"), ("TERMINATION_MESSAGE_PATH", path)];
    let ran = run_with(&[], &environment).exits(22);
    let line = "❌ sync failed: HTTP 409 Conflict: run_1 is active (exit 22)";
    assert_eq!(fs::read_to_string(path).expect("the message"), line);
    assert!(ran.err.ends_with(&format!("{line}\n")), "{}", ran.err);
    assert_eq!(ran.out, r#"{"title":"Conflict","detail":"run_1 is active"}"#);
}

#[test]
fn the_kubelets_file_is_used_where_it_is_there() {
    let server = Server::answering(answer("200 OK", "", ""));
    let url = server.url("/");
    let root = EmptyRoot::new(plain(), &[("dev/termination-log", "before")]);
    root.run(&["-s", "--name", "n", &url], &[]).exits(0);
    assert_eq!(root.read("dev/termination-log"), "✅ n triggered successfully (HTTP 200)");
    root.run(&["--nonsense"], &[]).exits(2);
    assert!(root.read("dev/termination-log").contains("--nonsense"));
}

#[test]
fn silence_hides_everything_but_the_answer() {
    let server = Server::answering(answer("404 Not Found", "", "gone"));
    let url = server.url("/");
    let ran = run(&["-s", &url]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("gone", ""));
    let ran = run(&["-sS", "--name", "n", &url]).exits(0);
    assert_eq!(ran.err, "\n❌ n was not triggered: HTTP 404 Not Found (exit 0, as -f was not given)\n");
}

#[test]
fn an_output_file_holds_the_last_attempt_only() {
    let server = Server::in_turn(&[
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
    let ran = run(&[]).exits(2);
    assert!(ran.err.contains("TRIGGER_URL"), "{}", ran.err);
}

#[test]
fn a_pod_that_is_deleted_ends_at_once() {
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
fn output_that_nobody_takes_is_23() {
    let server = Server::answering(answer("200 OK", "", "fine"));
    for options in [&["-o", "/nowhere/x"][..], &["-o", "/dev/full"]] {
        let ran = run(&[options, &["-sS", &server.url("/")]].concat()).exits(23);
        assert!(ran.err.contains("can't be written"), "{}", ran.err);
    }
}

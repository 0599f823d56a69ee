//! Output files are opened before a request is sent.

use std::fs;

use crate::support::{
    program::{EmptyRoot, plain, run},
    server::{Server, response},
};

#[test]
fn a_file_that_can_not_be_opened_is_an_error_before_a_request_is_sent() {
    let server = Server::responding_with(response("200 OK", "", "fine"));
    for option in ["-o", "-D"] {
        let output = run(&[option, "/nowhere/x", "-sS", "-d", "x", &server.url("/")]).exits(23);
        assert!(output.err.contains("/nowhere/x can't be written"), "{}", output.err);
    }
    run(&["-o", "/", "-sS", "-d", "x", &server.url("/")]).exits(23);
    assert!(server.requests().is_empty());
}

#[test]
fn the_failure_is_the_termination_message() {
    let root = EmptyRoot::new(plain(), &[("dev/termination-log", "")]);
    root.run(&["-o", "/nowhere/x", "http://127.0.0.1:1/"], &[]).exits(23);
    assert!(root.read("dev/termination-log").contains("/nowhere/x can't be written: no such file"));
}

#[test]
fn the_heads_of_all_attempts_and_the_body_of_the_last_one_are_written() {
    let server = Server::responding_in_turn(&[
        "HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\nfirst, long",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ]);
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    run(&["-s", "--retry", "1", "-o", &path("out"), "-D", &path("heads"), &server.url("/")]).exits(0);
    assert_eq!(fs::read_to_string(path("out")).expect("the body"), "end");
    let heads = fs::read_to_string(path("heads")).expect("the heads");
    assert_eq!(heads.matches("HTTP/1.1 ").count(), 2, "{heads}");
}

#[test]
fn a_failed_transfer_leaves_no_new_file_and_an_old_one_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("old"), "before").expect("a file");
    for name in ["new", "old"] {
        run(&["-s", "-o", &path(name), "http://127.0.0.1:1/"]).exits(7);
    }
    assert_eq!(fs::read_to_string(path("old")).expect("the file"), "before");
    assert!(!directory.path().join("new").exists());
}

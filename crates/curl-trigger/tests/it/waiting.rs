//! `--wait`: the exit code is the run's outcome.

use std::io::Write;

use crate::support::{
    program::{Ran, run_with},
    server::{Server, answer},
};

/// Starts a run with the first answer, then gives the others to the questions about it.
fn wait_for(first: &str, then: &[String], options: &[&str]) -> (Ran, Server) {
    let mut answers = vec![first.to_string()];
    answers.extend_from_slice(then);
    let server = Server::start(move |stream, seen| {
        let answer = answers.get(seen).or(answers.last()).expect("an answer");
        let _ = stream.write_all(answer.as_bytes());
    });
    let url = server.url("/api/admin/portfolio/trigger-analysis");
    let mut arguments = vec!["--wait", "--name", "n"];
    arguments.extend(options);
    (run_with(&arguments, &[("TRIGGER_URL", &url), ("ADMIN_SECRET", "s3cret")]), server)
}

fn state(state: &str) -> String {
    answer("200 OK", "", &format!("{{\"run_id\":\"run_1\",\"state\":\"{state}\",\"reason\":\"why\"}}"))
}

#[test]
fn a_run_is_followed_by_its_location_to_its_end() {
    let first =
        answer("202 Accepted", "Location: /v1/runs/run_1\r\nRetry-After: 1\r\n", "{\"run_id\":\"run_1\"}");
    let (ran, server) = wait_for(&first, &[state("running"), state("succeeded")], &[]);
    let ran = ran.exits(0);
    assert!(ran.err.contains("✅ n succeeded (run_1, after "), "{}", ran.err);
    assert_eq!(ran.out, "{\"run_id\":\"run_1\"}", "only the call's answer is printed");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].starts_with("GET /v1/runs/run_1 HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(requests[1].contains("X-Admin-Secret: s3cret"));
}

#[test]
fn without_a_location_the_run_id_leads_to_the_status() {
    let first = answer("202 Accepted", "", "{\"status\":\"started\",\"run_id\":\"run_1\"}");
    let completed = answer("200 OK", "", "{\"run_id\":\"run_1\",\"status\":\"completed\"}");
    let (ran, server) = wait_for(&first, &[completed], &[]);
    ran.exits(0);
    assert!(server.requests()[1].starts_with("GET /api/admin/portfolio/analysis-status/run_1 HTTP/1.1"));
}

#[test]
fn a_run_that_fails_fails_the_job() {
    let first = answer("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    for (word, code) in [("failed", 100), ("cancelled", 101), ("interrupted", 102), ("unheard-of", 103)] {
        let (ran, _) = wait_for(&first, &[state(word)], &[]);
        assert!(ran.exits(code).err.contains('❌'));
    }
}

#[test]
fn a_server_that_restarts_in_between_is_asked_again() {
    let first = answer("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    let busy = answer("503 Busy", "Retry-After: 1\r\n", "");
    let (ran, server) = wait_for(&first, &[String::new(), busy, state("succeeded")], &[]);
    ran.exits(0);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn waiting_is_bounded() {
    let first = answer("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    for options in [&["--wait-timeout", "2"][..], &["-m", "2"]] {
        let (ran, _) = wait_for(&first, &[state("running")], options);
        assert!(ran.exits(28).err.contains("run_1 was not over"));
    }
}

#[test]
fn a_refused_call_is_not_waited_for() {
    let (ran, server) = wait_for(&answer("401 Unauthorized", "", ""), &[], &[]);
    ran.exits(22);
    assert_eq!(server.requests().len(), 1);
}

//! `--wait`: the exit code is the outcome of the run.

use std::io::Write;

use crate::support::{
    program::{CommandOutput, run_with},
    server::{Server, response},
};

/// Runs with `--wait`. The server sends the first response to the call, and the others to the polls.
fn wait_for(first: &str, then: &[String], options: &[&str]) -> (CommandOutput, Server) {
    let mut responses = vec![first.to_string()];
    responses.extend_from_slice(then);
    let server = Server::start(move |stream, seen| {
        let response = responses.get(seen).or(responses.last()).expect("a response");
        let _ = stream.write_all(response.as_bytes());
    });
    let url = server.url("/api/admin/portfolio/trigger-analysis");
    let mut arguments = vec!["--wait", "--name", "n"];
    arguments.extend(options);
    (run_with(&arguments, &[("TRIGGER_URL", &url), ("ADMIN_SECRET", "s3cret")]), server)
}

fn state(state: &str) -> String {
    response("200 OK", "", &format!("{{\"run_id\":\"run_1\",\"state\":\"{state}\",\"reason\":\"why\"}}"))
}

#[test]
fn a_run_is_polled_at_its_location_until_it_ends() {
    let first =
        response("202 Accepted", "Location: /v1/runs/run_1\r\nRetry-After: 1\r\n", "{\"run_id\":\"run_1\"}");
    let (output, server) = wait_for(&first, &[state("running"), state("succeeded")], &[]);
    let output = output.exits(0);
    assert!(output.err.contains("✅ n succeeded (run_1, after "), "{}", output.err);
    assert_eq!(output.out, "{\"run_id\":\"run_1\"}", "only the response to the call is printed");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].starts_with("GET /v1/runs/run_1 HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(requests[1].contains("X-Admin-Secret: s3cret"));
}

#[test]
fn without_a_location_the_url_of_the_status_is_built_from_the_run_id() {
    let first = response("202 Accepted", "", "{\"status\":\"started\",\"run_id\":\"run_1\"}");
    let completed = response("200 OK", "", "{\"run_id\":\"run_1\",\"status\":\"completed\"}");
    let (output, server) = wait_for(&first, &[completed], &[]);
    output.exits(0);
    assert!(server.requests()[1].starts_with("GET /api/admin/portfolio/analysis-status/run_1 HTTP/1.1"));
}

#[test]
fn the_exit_code_depends_on_the_state_of_the_run() {
    let first = response("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    for (name, code) in [("failed", 100), ("cancelled", 101), ("interrupted", 102), ("unheard-of", 103)] {
        let (output, _) = wait_for(&first, &[state(name)], &[]);
        assert!(output.exits(code).err.contains('❌'));
    }
}

#[test]
fn temporary_errors_of_a_poll_are_retried() {
    let first = response("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    let busy = response("503 Busy", "Retry-After: 1\r\n", "");
    let (output, server) = wait_for(&first, &[String::new(), busy, state("succeeded")], &[]);
    output.exits(0);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn waiting_has_a_time_limit() {
    let first = response("202 Accepted", "Location: /v1/runs/run_1\r\n", "{}");
    for options in [&["--wait-timeout", "2"][..], &["-m", "2"]] {
        let (output, _) = wait_for(&first, &[state("running")], options);
        assert!(output.exits(28).err.contains("run_1 was not finished"));
    }
}

#[test]
fn a_rejected_call_does_not_wait() {
    let (output, server) = wait_for(&response("401 Unauthorized", "", ""), &[], &[]);
    output.exits(22);
    assert_eq!(server.requests().len(), 1);
}

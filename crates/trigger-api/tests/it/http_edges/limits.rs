//! Limits of the number, the size and the duration of requests.

use reqwest::header::CONTENT_TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::follow;
use crate::support::{PATIENCE, TriggerApi, answer, cronjob, namespace, problem, until};

#[tokio::test]
async fn requests_that_wait_for_their_run_keep_no_others_out() {
    let namespace = namespace("requests").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[("MAX_REQUESTS", "1")]).await;
    let mut events = follow(&api, None).await;
    let waiting = tokio::spawn(api.post("/trigger-sync").header("Prefer", "wait=60").send());
    // The event proves that the run is started.
    assert!(events.next().await.is_some());
    until("requests are accepted", async || answer(api.get("/v1/runs")).await.0 == 200).await;
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_caller_that_waits_for_too_many_runs_gets_its_answer_at_once() {
    let namespace = namespace("waits").await;
    namespace.apply(&cronjob("", ""));
    // One of the two waits is for each caller.
    let api = TriggerApi::start(&namespace, &[("MAX_STREAMS", "2")]).await;
    let waiting = tokio::spawn(api.post("/trigger-sync").header("Prefer", "wait=60").send());
    until("the first run is started", async || {
        answer(api.get("/v1/runs")).await.1["runs"].as_array().is_some_and(|runs| !runs.is_empty())
    })
    .await;
    let second = api.post("/trigger-sync").header("Prefer", "wait=60");
    let response = second.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("preference-applied"));
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_body_that_is_too_long_or_not_json_is_rejected_and_starts_nothing() {
    let namespace = namespace("bodies").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let post = |media_type: &str, body: String| {
        api.post("/trigger-sync").header(CONTENT_TYPE, media_type).body(body)
    };
    problem(post("application/json", " ".repeat(20_000)), 413, "body-too-large").await;
    problem(post("text/plain", "{}".to_owned()), 415, "not-json").await;
    problem(api.post("/trigger-sync").body("{}"), 415, "not-json").await;
    for body in [
        "{",
        "[]",
        "[\"hello\"]",
        "[\"hello\", {}]",
        "{\"reason\": 1}",
        "{\"image\": \"mine\"}",
        "{\"reason\": \"a\\nb\"}",
        "{\"reason\": \"a\\u202eb\"}",
        "{\"reason\": \"a\\u2066b\"}",
        "{\"reason\": \"a\\u200fb\"}",
        "{\"reason\": \"a\\u061cb\"}",
    ] {
        problem(post("application/json", body.to_owned()), 400, "bad-request").await;
    }
    problem(post("application/json", format!("{{\"reason\": \"{}\"}}", "x".repeat(501))), 400, "bad-request")
        .await;
    let (_, page) = answer(api.get("/v1/runs")).await;
    assert_eq!(page["runs"].as_array().unwrap().len(), 0, "{page}");
}

/// Sends an incomplete request and returns the response that precedes the end of the connection.
async fn answer_to_incomplete(api: &TriggerApi, request: &str) -> String {
    let address = api.url.strip_prefix("http://").expect("an HTTP URL");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("an open connection");
    let mut answer = String::new();
    let closed = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    assert!(closed.is_ok(), "the connection stays open after {answer:?}");
    answer
}

#[tokio::test]
async fn a_request_whose_head_or_body_does_not_arrive_times_out() {
    let namespace = namespace("slow").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let head = "POST /trigger-sync HTTP/1.1\r\nHost: api\r\n";
    let body = format!(
        "{head}Content-Type: application/json\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{{\"reason\""
    );
    let (to_head, to_body, to_nothing) = tokio::join!(
        answer_to_incomplete(&api, head),
        answer_to_incomplete(&api, &body),
        answer_to_incomplete(&api, "")
    );
    assert!(to_head.is_empty() || to_head.starts_with("HTTP/1.1 408"), "{to_head}");
    assert!(to_body.starts_with("HTTP/1.1 408") && to_body.contains("problems/too-slow"), "{to_body}");
    assert!(to_nothing.is_empty(), "{to_nothing}");
    assert_eq!(answer(api.get("/v1/runs")).await.1["runs"].as_array().unwrap().len(), 0);
}

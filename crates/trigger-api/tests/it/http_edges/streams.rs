//! Event streams: resumption, limits, and shutdown.

use reqwest::StatusCode;

use super::follow;
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace, problem, until};

#[tokio::test]
async fn a_stream_resumes_after_the_last_received_event_also_after_a_restart() {
    let namespace = namespace("resume").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let mut events = follow(&api, None).await;
    let first = api.trigger().await;
    let seen = events.next().await.unwrap();
    assert_eq!((&seen.data["run_id"], seen.name.as_str()), (&first["run_id"], "state"));
    drop(events);
    jobs::finish(&namespace, first["job_name"].as_str().unwrap()).await;
    let id = seen.id.unwrap();
    let mut events = follow(&api, Some(&id)).await;
    let mut last = id.clone();
    loop {
        let event = events.next().await.unwrap();
        assert_eq!((&event.data["run_id"], event.name.as_str()), (&first["run_id"], "state"));
        let number = event.id.unwrap();
        assert!(number.parse::<i64>().unwrap() > last.parse().unwrap(), "{number} after {last}");
        last = number;
        if event.data["state"] == "succeeded" {
            break;
        }
    }
    api.kill();
    let api = TriggerApi::start(&namespace, &[]).await;
    let mut events = follow(&api, Some(&last)).await;
    let second = api.trigger().await;
    let event = events.next().await.unwrap();
    assert_eq!((event.name.as_str(), &event.data["run_id"]), ("state", &second["run_id"]), "{event:?}");
}

#[tokio::test]
async fn an_unknown_last_event_id_is_answered_with_a_gap_event() {
    let namespace = namespace("gap").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let mut events = follow(&api, Some("999999")).await;
    assert_eq!(events.next().await.unwrap().name, "gap");
    let started = api.trigger().await;
    assert_eq!(events.next().await.unwrap().data["run_id"], started["run_id"]);
    for hostile in ["-1", "one", ""] {
        problem(api.get("/v1/events").header("Last-Event-ID", hostile), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn a_graceful_shutdown_ends_all_streams() {
    let namespace = namespace("term").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    let mut all = follow(&api, Some("0")).await;
    assert!(all.next().await.is_some());
    let response = api.get(&format!("/v1/runs/{}/events", started["run_id"].as_str().unwrap())).send().await;
    let mut one = crate::support::Events::of(response.unwrap());
    let ended = api.stop();
    assert!(ended.success(), "{ended}");
    while all.next().await.is_some() {}
    while one.next().await.is_some() {}
}

#[tokio::test]
async fn a_request_that_exceeds_the_shutdown_grace_period_is_aborted() {
    let namespace = namespace("grace").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[("SHUTDOWN_GRACE_SECONDS", "1")]).await;
    let mut events = follow(&api, None).await;
    let waiting = tokio::spawn(api.post("/trigger-sync").header("Prefer", "wait=60").send());
    assert!(events.next().await.is_some());
    let ended = api.stop();
    assert!(ended.success(), "{ended}");
    assert!(waiting.await.unwrap().is_err(), "the request was aborted");
}

#[tokio::test]
async fn a_caller_with_its_share_of_the_streams_is_rejected_until_one_ends() {
    let namespace = namespace("streams").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[("MAX_STREAMS", "2")]).await;
    let first = follow(&api, None).await;
    problem(api.get("/v1/events"), 429, "too-many-requests").await;
    let rejected = api.get("/v1/events").send().await.unwrap();
    assert_eq!(rejected.headers()["retry-after"], "5");
    drop(rejected);
    assert_eq!(answer(api.get("/v1/runs")).await.0, StatusCode::OK);
    drop(first);
    let free = async || api.get("/v1/events").send().await.unwrap().status() == StatusCode::OK;
    until("a stream is accepted again", free).await;
}

#[tokio::test]
async fn the_changes_of_a_cronjob_are_events_also_when_it_is_deleted_and_created_again() {
    let namespace = namespace("target-events").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let mut events = follow(&api, None).await;
    let present = events.next_named("target").await.data;
    assert_eq!((&present["target"], &present["cronjob"]["suspended"]), (&CRONJOB.into(), &false.into()));
    let patch = |spec: &str| {
        namespace.kubectl(&["patch", "cronjob", CRONJOB, "--patch", &format!("{{\"spec\": {spec}}}")]);
    };
    patch("{\"suspend\": true}");
    assert_eq!(events.next_named("target").await.data["cronjob"]["suspended"], true);
    patch("{\"schedule\": \"1 1 29 2 *\"}");
    assert_eq!(events.next_named("target").await.data["cronjob"]["schedule"], "1 1 29 2 *");
    namespace.kubectl(&["delete", "cronjob", CRONJOB, "--wait"]);
    assert_eq!(events.next_named("target").await.data["cronjob"], serde_json::Value::Null);
    namespace.apply(&cronjob("", ""));
    assert_eq!(events.next_named("target").await.data["cronjob"]["suspended"], false);
}

#[tokio::test]
async fn the_list_of_runs_and_the_events_after_its_number_have_every_run() {
    let namespace = namespace("join").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let first = api.trigger().await;
    let (_, page) = answer(api.get("/v1/runs")).await;
    assert_eq!(page["runs"][0]["run_id"], first["run_id"]);
    let second = api.trigger().await;
    let mut events = follow(&api, Some(&page["event"].to_string())).await;
    while events.next().await.unwrap().data["run_id"] != second["run_id"] {}
}

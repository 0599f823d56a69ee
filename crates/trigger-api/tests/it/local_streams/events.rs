//! Events that join a list, deleted runs, and changed CronJobs.

use serde_json::{Value, json};

use super::{LocalApi, write_cronjob};
use crate::support::{Events, answer, problem};

async fn follow(local: &LocalApi, query: &str) -> Events {
    Events::of(local.api.get(&format!("/v1/events{query}")).send().await.expect("a response"))
}

#[tokio::test]
async fn the_events_after_a_list_continue_it_without_a_gap() {
    let local = LocalApi::start("true", &[]);
    local.ended_run().await;
    let (_, page) = answer(local.api.get("/v1/runs")).await;
    let (_, targets) = answer(local.api.get("/v1/targets")).await;
    let (listed, number) = (&page["runs"][0], page["event"].as_i64().unwrap());
    assert!(targets["event"].as_i64().unwrap() >= number, "{targets}");
    let id = local.ended_run().await;
    let mut events = follow(&local, &format!("?after={number}")).await;
    let first = events.next_of_any_kind().await.unwrap();
    assert_eq!((first.name.as_str(), first.id), ("ping", Some(number.to_string())));
    assert!(first.data["at"].as_str().unwrap().ends_with('Z'), "{:?}", first.data);
    let mut states = Vec::new();
    while states.last() != Some(&json!("succeeded")) {
        let event = events.next().await.unwrap();
        assert_eq!(event.name, "state");
        // The page may reflect more than the number says, but never less.
        if event.data["run_id"] == listed["run_id"] {
            continue;
        }
        assert_eq!(event.data["run_id"], id.as_str());
        states.push(event.data["state"].clone());
    }
    assert_eq!(states, ["pending", "running", "succeeded"]);
    for hostile in ["-1", "one", "9223372036854775808"] {
        problem(local.api.get(&format!("/v1/events?after={hostile}")), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn the_header_of_a_reconnecting_client_has_precedence_over_its_url() {
    let local = LocalApi::start("true", &[]);
    local.ended_run().await;
    let request = local.api.get("/v1/events?after=0").header("Last-Event-ID", "2");
    let mut events = Events::of(request.send().await.unwrap());
    assert_eq!(events.next().await.unwrap().id.as_deref(), Some("3"));
}

#[tokio::test]
async fn the_stream_of_a_run_can_be_resumed_from_its_first_event() {
    let local = LocalApi::start(super::PAUSE, &[]);
    let id = local.run().await;
    let path = format!("/v1/runs/{id}/events");
    let mut events = Events::of(local.api.get(&path).send().await.unwrap());
    let first = events.next_of_any_kind().await.unwrap();
    let state = events.next().await.unwrap();
    assert!(first.id.is_some() && first.id == state.id, "{first:?} {state:?}");
    drop(events);
    local.resume().await;
    local.api.wait_for_end(&id).await;
    let request = local.api.get(&path).header("Last-Event-ID", first.id.unwrap());
    let mut events = Events::of(request.send().await.unwrap());
    assert_eq!(events.next().await.unwrap().data["state"], "succeeded");
}

#[tokio::test]
async fn a_run_that_is_deleted_from_the_history_is_an_event() {
    let local = LocalApi::start("true", &[("HISTORY_RUNS", "1")]);
    let mut events = follow(&local, "").await;
    let first = local.ended_run().await;
    let second = local.ended_run().await;
    let pruned = events.next_named("pruned").await;
    assert_eq!(pruned.data, json!({ "run_id": first, "target": "sync" }));
    let (_, page) = answer(local.api.get("/v1/runs")).await;
    let listed: Vec<&Value> = page["runs"].as_array().unwrap().iter().map(|run| &run["run_id"]).collect();
    assert_eq!(listed, [second.as_str()]);
    // It has a number like all others, so a client that was disconnected gets it too.
    let number: i64 = pruned.id.unwrap().parse().unwrap();
    let mut events = follow(&local, &format!("?after={}", number - 1)).await;
    assert_eq!(events.next_named("pruned").await.data["run_id"], first.as_str());
}

#[tokio::test]
async fn a_stream_has_the_cronjob_of_each_target_and_each_of_its_changes() {
    let local = LocalApi::start("true", &[]);
    let mut events = follow(&local, "").await;
    let present = events.next_named("target").await;
    assert_eq!(
        (&present.data["target"], &present.data["cronjob"]["suspended"]),
        (&json!("sync"), &json!(false))
    );
    assert_eq!((&present.data["cronjob"]["schedule"], present.id), (&json!("0 0 29 2 *"), None));
    write_cronjob(&local.folder, "true", true);
    assert_eq!(events.next_named("target").await.data["cronjob"]["suspended"], true);
    std::fs::write(local.folder.path().join("cronjob.json"), "").unwrap();
    assert_eq!(events.next_named("target").await.data["cronjob"], Value::Null);
    write_cronjob(&local.folder, "true", false);
    assert_eq!(events.next_named("target").await.data["cronjob"]["suspended"], false);
    let mut others = follow(&local, "?target=another").await;
    local.ended_run().await;
    let first = others.next_of_any_kind().await.unwrap();
    assert_eq!(first.name, "ping");
}

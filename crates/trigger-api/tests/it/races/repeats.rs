//! A request with an Idempotency-Key starts one run, however often and to whichever replica it is sent.

use kube::api::DeleteParams;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::{CALLERS, Histories, count, name, replicas, send_concurrently};
use crate::support::{TriggerApi, answer, cronjob, jobs, namespace, problem};

const KEY: &str = "Idempotency-Key";

async fn one_job(policy: &str, histories: Histories) {
    let namespace = namespace("key").await;
    namespace.apply(&cronjob(&format!("concurrencyPolicy: {policy}"), ""));
    let mut replicas = replicas(&namespace, histories).await;
    let answers = send_concurrently(&replicas, CALLERS, |request| request.header(KEY, "morning-1")).await;
    assert_eq!(count(&answers, 200), CALLERS, "{answers:?}");
    let (_, first) = &answers[0];
    assert!(answers.iter().all(|(_, body)| same(body, first)), "{answers:?}");
    assert_eq!(jobs::names(&namespace).await, [name(first)]);

    // The key still has its run after a restart, and after the Job was deleted.
    replicas[1].kill();
    let file = format!("sqlite:{}", namespace.folder().join("first.sqlite").display());
    let url = match histories {
        Histories::Separate => file,
        Histories::Shared => return,
    };
    replicas[0].kill();
    let api = TriggerApi::start(&namespace, &[("DATABASE_URL", &url)]).await;
    let repeat = || answer(api.post("/trigger-sync").header(KEY, "morning-1"));
    assert!(same(&repeat().await.1, first));
    jobs::api(&namespace).delete(name(first), &DeleteParams::background()).await.expect("a value");
    let ended = api.wait_for_end(first["run_id"].as_str().expect("a string")).await;
    assert_eq!(ended["state"], "cancelled");
    let (status, again) = repeat().await;
    assert!(status.is_success() && same(&again, first), "{again}");
    assert!(jobs::names(&namespace).await.is_empty());
}

fn same(one: &Value, other: &Value) -> bool {
    !one["run_id"].is_null() && ["run_id", "job_name", "namespace"].iter().all(|key| one[*key] == other[*key])
}

#[tokio::test]
async fn fifty_concurrent_requests_with_one_key_are_one_run_also_after_a_restart_and_without_the_job() {
    one_job("Allow", Histories::Separate).await;
}

#[tokio::test]
async fn under_forbid_fifty_concurrent_requests_with_one_key_are_one_run() {
    one_job("Forbid", Histories::Separate).await;
}

#[tokio::test]
async fn under_replace_a_repeated_request_does_not_replace_its_own_run() {
    one_job("Replace", Histories::Separate).await;
}

#[tokio::test]
async fn fifty_concurrent_requests_with_one_key_are_one_run_with_one_history() {
    one_job("Forbid", Histories::Shared).await;
}

#[tokio::test]
async fn a_key_is_the_same_with_and_without_quotes_and_an_empty_body_is_the_same_as_none() {
    let namespace = namespace("quoted").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let (_, first) = answer(api.post("/trigger-sync").header(KEY, "a-1")).await;
    for request in [
        api.post("/trigger-sync").header(KEY, "\"a-1\""),
        api.post("/trigger-sync").header(KEY, "a-1").body(""),
        api.post("/trigger-sync").header(KEY, "a-1").header(CONTENT_TYPE, "application/json").body("{}"),
        api.post("/v1/targets/kraken-trading-job/runs").header(KEY, "a-1").body("  "),
    ] {
        let (status, body) = answer(request).await;
        assert!(status.is_success() && same(&body, &first), "{status} {body}");
    }
    assert_eq!(jobs::names(&namespace).await.len(), 1);
    for invalid in ["", "  ", "\"\"", "\"open"] {
        problem(api.post("/trigger-sync").header(KEY, invalid), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn a_reused_key_with_another_body_is_rejected_with_the_first_run() {
    let namespace = namespace("reused").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let with = |reason: &str| {
        let body = format!("{{\"reason\": \"{reason}\"}}");
        api.post("/trigger-sync").header(KEY, "b-1").header(CONTENT_TYPE, "application/json").body(body)
    };
    let (_, first) = answer(with("late data")).await;
    let rejected = problem(with("other data"), 422, "key-reused").await;
    assert_eq!(rejected["run"]["run_id"], first["run_id"]);
    problem(api.post("/trigger-sync").header(KEY, "b-1"), 422, "key-reused").await;
    assert!(same(&answer(with("late data")).await.1, &first));
}

#[tokio::test]
async fn a_foreign_job_with_the_name_of_the_key_is_reported_and_not_changed() {
    let namespace = namespace("foreign").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let (_, started) = answer(api.post("/trigger-sync").header(KEY, "c-1")).await;
    let job = name(&started).to_owned();
    // A program with a new history does not have that run, so that only the Job's name counts.
    jobs::api(&namespace).delete(&job, &DeleteParams::background()).await.unwrap();
    api.wait_for_end(started["run_id"].as_str().unwrap()).await;
    let foreign = jobs::without_owner(&namespace, &job).await.metadata.uid;
    let url = format!("sqlite:{}", namespace.folder().join("other.sqlite").display());
    let other = TriggerApi::start(&namespace, &[("DATABASE_URL", &url)]).await;
    let rejected = problem(other.post("/trigger-sync").header(KEY, "c-1"), 409, "name-taken").await;
    assert!(rejected["detail"].as_str().unwrap().contains(&job), "{rejected}");
    assert_eq!(jobs::api(&namespace).get(&job).await.unwrap().metadata.uid, foreign);
    let (status, _) = answer(other.post("/trigger-sync").header(KEY, "c-2")).await;
    assert!(status.is_success());
}

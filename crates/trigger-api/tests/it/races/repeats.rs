//! A request with an Idempotency-Key starts one run, however often it is sent, and to whom.

use kube::api::DeleteParams;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::{CALLERS, Histories, count, max_concurrent, name, replicas};
use crate::support::{TriggerApi, answer, cronjob, jobs, namespace, problem};

const KEY: &str = "Idempotency-Key";

async fn one_job(policy: &str, histories: Histories) {
    let namespace = namespace("key").await;
    namespace.apply(&cronjob(&format!("concurrencyPolicy: {policy}"), ""));
    let mut replicas = replicas(&namespace, histories).await;
    let answers = max_concurrent(&replicas, CALLERS, |request| request.header(KEY, "morning-1")).await;
    assert_eq!(count(&answers, 200), CALLERS, "{answers:?}");
    let (_, first) = &answers[0];
    assert!(answers.iter().all(|(_, body)| same(body, first)), "{answers:?}");
    assert_eq!(jobs::names(&namespace).await, [name(first)]);

    // A program that was killed knows it as well, and so does one that finds the Job no more.
    replicas[1].kill();
    let file = format!("sqlite:{}", namespace.folder().join("first.sqlite").display());
    let url = match histories {
        Histories::Apart => file,
        Histories::Shared => return,
    };
    replicas[0].kill();
    let api = TriggerApi::start(&namespace, &[("DATABASE_URL", &url)]).await;
    let repeat = || answer(api.post("/trigger-sync").header(KEY, "morning-1"));
    assert!(same(&repeat().await.1, first));
    jobs::api(&namespace).delete(name(first), &DeleteParams::background()).await.expect("it is there");
    let ended = api.wait_for_end(first["run_id"].as_str().expect("a text")).await;
    assert_eq!(ended["state"], "cancelled");
    let (status, again) = repeat().await;
    assert!(status.is_success() && same(&again, first), "{again}");
    assert!(jobs::names(&namespace).await.is_empty());
}

fn same(one: &Value, other: &Value) -> bool {
    !one["run_id"].is_null() && ["run_id", "job_name", "namespace"].iter().all(|key| one[*key] == other[*key])
}

#[tokio::test]
async fn fifty_at_once_with_one_key_are_one_run_on_two_replicas_after_a_restart_and_after_the_job_is_gone() {
    one_job("Allow", Histories::Apart).await;
}

#[tokio::test]
async fn under_forbid_fifty_at_once_with_one_key_are_one_run_too() {
    one_job("Forbid", Histories::Apart).await;
}

#[tokio::test]
async fn under_replace_a_repeat_does_not_replace_its_own_run() {
    one_job("Replace", Histories::Apart).await;
}

#[tokio::test]
async fn fifty_at_once_with_one_key_are_one_run_where_the_history_is_shared() {
    one_job("Forbid", Histories::Shared).await;
}

#[tokio::test]
async fn a_key_means_the_same_in_quotes_and_bare_and_an_empty_body_is_no_body() {
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
    for hostile in ["", "  ", "\"\"", "\"open"] {
        problem(api.post("/trigger-sync").header(KEY, hostile), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn a_key_that_comes_again_with_another_body_is_refused_and_names_the_first_run() {
    let namespace = namespace("reused").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let with = |reason: &str| {
        let body = format!("{{\"reason\": \"{reason}\"}}");
        api.post("/trigger-sync").header(KEY, "b-1").header(CONTENT_TYPE, "application/json").body(body)
    };
    let (_, first) = answer(with("late data")).await;
    let refused = problem(with("other data"), 422, "key-reused").await;
    assert_eq!(refused["run"]["run_id"], first["run_id"]);
    problem(api.post("/trigger-sync").header(KEY, "b-1"), 422, "key-reused").await;
    assert!(same(&answer(with("late data")).await.1, &first));
}

#[tokio::test]
async fn a_foreign_job_that_has_the_name_of_the_key_is_told_and_left_alone() {
    let namespace = namespace("foreign").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let (_, started) = answer(api.post("/trigger-sync").header(KEY, "c-1")).await;
    let job = name(&started).to_owned();
    // Another program's history knows nothing of that run: there the Job's name alone counts.
    jobs::api(&namespace).delete(&job, &DeleteParams::background()).await.unwrap();
    api.wait_for_end(started["run_id"].as_str().unwrap()).await;
    let foreign = jobs::stranger(&namespace, &job).await.metadata.uid;
    let url = format!("sqlite:{}", namespace.folder().join("other.sqlite").display());
    let other = TriggerApi::start(&namespace, &[("DATABASE_URL", &url)]).await;
    let refused = problem(other.post("/trigger-sync").header(KEY, "c-1"), 409, "name-taken").await;
    assert!(refused["detail"].as_str().unwrap().contains(&job), "{refused}");
    assert_eq!(jobs::api(&namespace).get(&job).await.unwrap().metadata.uid, foreign);
    let (status, _) = answer(other.post("/trigger-sync").header(KEY, "c-2")).await;
    assert!(status.is_success());
}

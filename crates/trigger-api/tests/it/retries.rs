//! `POST /v1/runs/{run}/retry` starts a run again, by the rules of every start.

use kube::api::DeleteParams;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::cluster::Namespace;
use trigger_core::run::{Run, RunId, Trigger};
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace, objects, problem};

const KEY: &str = "Idempotency-Key";

fn retry(run: &str) -> String {
    format!("/v1/runs/{run}/retry")
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_else(|| panic!("no {field}: {document}"))
}

async fn annotations(namespace: &Namespace, run: &Value) -> Value {
    let job = objects::get(namespace, &format!("jobs/{}", text(run, "job_name"))).await;
    job["metadata"]["annotations"].clone()
}

#[tokio::test]
async fn a_scheduled_run_is_started_again_also_after_its_job_was_deleted() {
    let namespace = namespace("retry-scheduled").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let job = jobs::scheduled(&namespace, &format!("{CRONJOB}-29384050")).await;
    let earlier = job.metadata.uid.as_deref().unwrap();
    jobs::finish(&namespace, job.metadata.name.as_deref().unwrap()).await;
    let ended = api.wait_for_end(earlier).await;
    assert_eq!((&ended["trigger"], &ended["retry_of"]), (&json!("scheduled"), &Value::Null));
    assert_eq!(ended["links"]["retry"], retry(earlier));
    for deleted in [false, true] {
        if deleted {
            let job = job.metadata.name.as_deref().unwrap();
            jobs::api(&namespace).delete(job, &DeleteParams::background()).await.unwrap();
        }
        let body = json!({ "reason": "the receiver was away" });
        let response = api.post(&retry(earlier)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let run: Value = response.json().await.unwrap();
        assert_eq!(location, format!("/v1/runs/{}", text(&run, "run_id")));
        assert_eq!((text(&run, "retry_of"), text(&run, "trigger")), (earlier, "manual"), "{run}");
        assert_eq!(run["links"]["retry_of"], format!("/v1/runs/{earlier}"));
        assert_eq!(run["reason"], "the receiver was away");
        assert_eq!(annotations(&namespace, &run).await["tradeops.dev/retry-of"], earlier);
    }
}

#[tokio::test]
async fn a_new_history_reads_from_the_job_which_run_it_repeats() {
    let namespace = namespace("retry-annotation").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let first = api.trigger().await;
    let (_, second) = answer(api.post(&retry(text(&first, "run_id")))).await;
    api.kill();
    let empty = format!("sqlite:{}", namespace.folder().join("empty.sqlite").display());
    let api = TriggerApi::start(&namespace, &[("DATABASE_URL", &empty)]).await;
    let read = api.run(text(&second, "run_id")).await;
    assert_eq!(read["retry_of"], first["run_id"]);
    assert_eq!(api.run(text(&first, "run_id")).await["retry_of"], Value::Null);
    // A retry of a retry repeats the retry.
    let (_, third) = answer(api.post(&retry(text(&second, "run_id")))).await;
    assert_eq!(third["retry_of"], second["run_id"]);
}

#[tokio::test]
async fn a_key_finds_the_first_retry_and_can_not_be_used_for_another_run() {
    let namespace = namespace("retry-key").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let (one, other) = (api.trigger().await, api.trigger().await);
    let request = |run: &Value| api.post(&retry(text(run, "run_id"))).header(KEY, "again-1");
    let (_, first) = answer(request(&one)).await;
    let (status, second) = answer(request(&one)).await;
    assert!(status.is_success() && first["run_id"] == second["run_id"], "{first} {second}");
    problem(request(&other), 422, "key-reused").await;
    problem(api.post("/trigger-sync").header(KEY, "again-1"), 422, "key-reused").await;
    assert_eq!(jobs::names(&namespace).await.len(), 3);
}

#[tokio::test]
async fn a_retry_waits_for_the_end_of_its_run_if_the_request_prefers_it() {
    let namespace = namespace("retry-waits").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let first = api.trigger().await;
    let waiting = api.post(&retry(text(&first, "run_id"))).header("prefer", "wait=60").send();
    let finishing = async {
        loop {
            let names = jobs::names(&namespace).await;
            if let Some(name) = names.iter().find(|name| **name != text(&first, "job_name")) {
                return jobs::finish(&namespace, name).await;
            }
        }
    };
    let (response, ()) = tokio::join!(waiting, finishing);
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["preference-applied"], "wait=60");
    let run: Value = response.json().await.unwrap();
    assert_eq!((&run["state"], &run["retry_of"]), (&json!("succeeded"), &first["run_id"]), "{run}");
}

#[tokio::test]
async fn the_concurrency_policy_applies_to_retries() {
    let namespace = namespace("retry-forbid").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let active = api.trigger().await;
    let conflict = problem(api.post(&retry(text(&active, "run_id"))), 409, "conflicting-run").await;
    assert_eq!(conflict["run"]["run_id"], active["run_id"]);
    jobs::finish(&namespace, text(&active, "job_name")).await;
    api.wait_for_end(text(&active, "run_id")).await;
    let (status, run) = answer(api.post(&retry(text(&active, "run_id")))).await;
    assert_eq!((status, &run["retry_of"]), (StatusCode::ACCEPTED, &active["run_id"]), "{run}");
}

#[tokio::test]
async fn a_run_without_a_target_and_an_unknown_run_can_not_be_repeated() {
    let namespace = namespace("retry-removed").await;
    namespace.apply(&cronjob("", ""));
    let database = format!("sqlite:{}", namespace.folder().join("history.sqlite").display());
    let store = SqlStore::connect(&database.clone().into()).await.unwrap();
    let removed = Run::pending(
        RunId::new("of-a-removed-target"),
        "removed".parse().unwrap(),
        "trading",
        "removed-1",
        Trigger::Manual,
        "2026-02-11T12:00:00Z".parse().unwrap(),
    );
    store.save(&removed).await.unwrap();
    store.close().await;
    let api = TriggerApi::start(&namespace, &[]).await;
    let rejected = problem(api.post(&retry("of-a-removed-target")), 404, "unknown-target").await;
    let detail = text(&rejected, "detail");
    assert!(detail.contains("removed") && detail.contains("not configured any more"), "{detail}");
    problem(api.post(&retry("unknown")), 404, "unknown-run").await;
    let body = json!({ "reason": "x", "target": "removed" });
    let run = api.trigger().await;
    problem(api.post(&retry(text(&run, "run_id"))).json(&body), 400, "bad-request").await;
}

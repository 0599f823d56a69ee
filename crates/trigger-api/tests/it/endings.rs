//! Runs whose Jobs are cleaned up, deleted or cancelled.

use k8s_openapi::api::batch::v1::Job;
use kube::api::DeleteParams;
use kube::runtime::wait::await_condition;
use serde_json::Value;
use testkit::cluster::Namespace;
use tokio::time::timeout;

use crate::support::{PATIENCE, TriggerApi, answer, cronjob, jobs, namespace};

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_else(|| panic!("no {field}: {document}"))
}

async fn wait_until_deleted(namespace: &Namespace, name: &str) {
    let gone = await_condition(jobs::api(namespace), name, |job: Option<&Job>| job.is_none());
    timeout(PATIENCE, gone).await.expect("the Job is deleted").expect("the API server responds");
}

#[tokio::test]
async fn a_job_that_is_cleaned_up_immediately_stays_a_succeeded_run() {
    let namespace = namespace("ttl").await;
    namespace.apply(&cronjob("", "ttlSecondsAfterFinished: 0"));
    let api = TriggerApi::start(&namespace, &[]).await;
    for _ in 0..3 {
        let started = api.trigger().await;
        jobs::finish(&namespace, text(&started, "job_name")).await;
        wait_until_deleted(&namespace, text(&started, "job_name")).await;
        let run = api.wait_for_end(text(&started, "run_id")).await;
        assert_eq!((text(&run, "state"), &run["cause"]), ("succeeded", &Value::Null), "{run}");
    }
}

#[tokio::test]
async fn a_job_that_was_deleted_unobserved_is_an_interrupted_run() {
    let namespace = namespace("unseen").await;
    namespace.apply(&cronjob("", "ttlSecondsAfterFinished: 0"));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let (ended, deleted, stays) = (api.trigger().await, api.trigger().await, api.trigger().await);
    api.kill();
    jobs::finish(&namespace, text(&ended, "job_name")).await;
    let _ = jobs::api(&namespace).delete(text(&deleted, "job_name"), &DeleteParams::background()).await;
    wait_until_deleted(&namespace, text(&ended, "job_name")).await;
    wait_until_deleted(&namespace, text(&deleted, "job_name")).await;
    let api = TriggerApi::start(&namespace, &[]).await;
    for run in [&ended, &deleted] {
        let run = api.wait_for_end(text(run, "run_id")).await;
        assert_eq!((text(&run, "state"), text(&run["cause"], "reason")), ("interrupted", "OutcomeUnknown"));
    }
    assert_eq!(api.run(text(&stays, "run_id")).await["state"], "pending");
}

#[tokio::test]
async fn a_job_that_ended_unobserved_and_still_exists_has_its_outcome() {
    let namespace = namespace("looked-late").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    api.kill();
    jobs::finish(&namespace, text(&started, "job_name")).await;
    let api = TriggerApi::start(&namespace, &[]).await;
    assert_eq!(api.wait_for_end(text(&started, "run_id")).await["state"], "succeeded");
}

#[tokio::test]
async fn a_job_that_someone_deletes_is_a_cancelled_run() {
    let namespace = namespace("deleted").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    namespace.kubectl(&["delete", "job", text(&started, "job_name")]);
    let run = api.wait_for_end(text(&started, "run_id")).await;
    assert_eq!((text(&run, "state"), text(&run["cause"], "reason")), ("cancelled", "JobDeleted"));
}

#[tokio::test]
async fn cancelling_deletes_the_job_and_its_pods_and_is_idempotent() {
    let namespace = namespace("cancel").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    let path = format!("/v1/runs/{}", text(&started, "run_id"));
    let (status, first) = answer(api.delete(&path)).await;
    assert!(status.is_success(), "{first}");
    assert!(["Cancelling", "CancelledOnRequest"].contains(&text(&first["cause"], "reason")), "{first}");
    let ended = api.wait_for_end(text(&started, "run_id")).await;
    assert_eq!((text(&ended, "state"), text(&ended["cause"], "reason")), ("cancelled", "CancelledOnRequest"));
    assert_eq!(text(&ended["cause"], "message"), "Cancelled by anonymous.");
    wait_until_deleted(&namespace, text(&started, "job_name")).await;
    assert_eq!(answer(api.delete(&path)).await.1, ended);
    // The pods are deleted before the Job.
    assert_eq!(namespace.kubectl(&["get", "pods", "--output", "name"]), "");
    assert_eq!(answer(api.delete("/v1/runs/none")).await.0.as_u16(), 404);
}

#[tokio::test]
async fn cancelling_an_ended_run_changes_nothing() {
    let namespace = namespace("cancel-late").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    jobs::finish(&namespace, text(&started, "job_name")).await;
    let ended = api.wait_for_end(text(&started, "run_id")).await;
    let (status, answered) = answer(api.delete(&format!("/v1/runs/{}", text(&started, "run_id")))).await;
    assert!(status.is_success());
    assert_eq!(answered, ended);
    assert_eq!(jobs::names(&namespace).await, [text(&started, "job_name")]);
}

#[tokio::test]
async fn the_name_of_a_cancelled_job_is_not_used_again_not_even_after_a_restart() {
    for policy in ["Forbid", "Replace"] {
        let namespace = namespace("names").await;
        namespace.apply(&cronjob(&format!("concurrencyPolicy: {policy}"), ""));
        let mut api = TriggerApi::start(&namespace, &[]).await;
        let mut names = std::collections::HashSet::new();
        for _ in 0..3 {
            let started = api.trigger().await;
            assert!(names.insert(text(&started, "job_name").to_owned()), "{policy}: {started}");
            let (status, _) = answer(api.delete(&format!("/v1/runs/{}", text(&started, "run_id")))).await;
            assert!(status.is_success());
            api.wait_for_end(text(&started, "run_id")).await;
            api.stop();
            api = TriggerApi::start(&namespace, &[]).await;
        }
    }
}

#[tokio::test]
async fn a_run_that_is_cancelled_while_trigger_api_restarts_is_a_cancelled_run() {
    let namespace = namespace("cancel-restart").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    let finalizers = r#"{"metadata":{"finalizers":["tradeops.dev/test"]}}"#;
    let patch = |finalizers: &str| {
        namespace.kubectl(&[
            "patch",
            "job",
            text(&started, "job_name"),
            "--type=merge",
            "--patch",
            finalizers,
        ]);
    };
    patch(finalizers);
    let (status, _) = answer(api.delete(&format!("/v1/runs/{}", text(&started, "run_id")))).await;
    assert!(status.is_success());
    api.stop();
    patch(r#"{"metadata":{"finalizers":null}}"#);
    wait_until_deleted(&namespace, text(&started, "job_name")).await;
    let api = TriggerApi::start(&namespace, &[]).await;
    let ended = api.wait_for_end(text(&started, "run_id")).await;
    assert_eq!((text(&ended, "state"), text(&ended["cause"], "reason")), ("cancelled", "CancelledOnRequest"));
}

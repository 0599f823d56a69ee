//! The concurrencyPolicy of the CronJob is enforced.

use std::collections::HashSet;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use tokio::time::timeout;

use super::{CALLERS, Histories, count, name, replicas, send_concurrently};
use crate::support::api_server::{ApiServerProxy, Fault, WATCH};
use crate::support::{CRONJOB, PATIENCE, TriggerApi, answer, cronjob, jobs, namespace, problem};

async fn forbid(histories: Histories) {
    let namespace = namespace("forbid").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let replicas = replicas(&namespace, histories).await;
    let answers = send_concurrently(&replicas, CALLERS, |request| request).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, CALLERS - 1), "{answers:?}");
    let (_, started) = answers.iter().find(|(status, _)| status.is_success()).expect("a value");
    for (_, rejected) in answers.iter().filter(|(status, _)| !status.is_success()) {
        assert_eq!(rejected["type"], "https://tradeops.dev/problems/conflicting-run", "{rejected}");
        assert_eq!(rejected["run"]["job_name"], started["job_name"], "{rejected}");
        assert_eq!(rejected["run"]["run_id"], started["run_id"], "{rejected}");
    }
    assert_eq!(jobs::names(&namespace).await, [name(started)]);
}

#[tokio::test]
async fn under_forbid_fifty_concurrent_requests_on_two_replicas_start_one_job() {
    forbid(Histories::Separate).await;
}

#[tokio::test]
async fn under_forbid_fifty_concurrent_requests_on_two_replicas_with_one_history_start_one_job() {
    forbid(Histories::Shared).await;
}

#[tokio::test]
async fn under_allow_fifty_concurrent_requests_start_fifty_jobs() {
    let namespace = namespace("allow").await;
    namespace.apply(&cronjob("concurrencyPolicy: Allow", ""));
    let replicas = replicas(&namespace, Histories::Separate).await;
    let answers = send_concurrently(&replicas, CALLERS, |request| request).await;
    assert_eq!(count(&answers, 200), CALLERS, "{answers:?}");
    let answered: HashSet<&str> = answers.iter().map(|(_, body)| name(body)).collect();
    let existing = jobs::names(&namespace).await;
    assert_eq!(answered, existing.iter().map(String::as_str).collect());
    assert_eq!(existing.len(), CALLERS);
}

/// Requests that arrive while the first Job is created get that Job; later requests replace it.
#[tokio::test]
async fn under_replace_fifty_concurrent_requests_on_two_replicas_leave_one_job_and_the_others_are_replaced() {
    let namespace = namespace("replace").await;
    namespace.apply(&cronjob("concurrencyPolicy: Replace", ""));
    let replicas = replicas(&namespace, Histories::Shared).await;
    let earlier = replicas[0].trigger().await;
    let answers = send_concurrently(&replicas, CALLERS, |request| request).await;
    assert_eq!(count(&answers, 200), CALLERS, "{answers:?}");
    let left = jobs::ids(&namespace).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_ne!(left[0], earlier["run_id"], "the earlier Job still exists");
    let all: HashSet<&str> = answers.iter().map(|(_, body)| body["run_id"].as_str().unwrap()).collect();
    for id in all.iter().copied().chain(earlier["run_id"].as_str()) {
        let run = replicas[1].run(id).await;
        if id == left[0] {
            assert!(["pending", "running"].contains(&run["state"].as_str().unwrap()), "{run}");
        } else {
            let run = replicas[1].wait_for_run(id, |run| run["cause"]["reason"] == "Replaced").await;
            assert_eq!(run["state"], "cancelled", "{run}");
        }
    }
}

#[tokio::test]
async fn under_replace_a_second_start_cancels_the_first_run_and_names_the_replacement() {
    let namespace = namespace("replaced").await;
    namespace.apply(&cronjob("concurrencyPolicy: Replace", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let first = api.trigger().await;
    let second = api.trigger().await;
    assert_ne!(first["job_name"], second["job_name"]);
    let run = api.wait_for_end(first["run_id"].as_str().unwrap()).await;
    assert_eq!(
        (run["state"].as_str(), run["cause"]["reason"].as_str()),
        (Some("cancelled"), Some("Replaced"))
    );
    assert!(run["cause"]["message"].as_str().unwrap().contains(name(&second)), "{run}");
    assert_eq!(jobs::names(&namespace).await, [name(&second)]);
}

#[tokio::test]
async fn a_scheduled_job_conflicts_too() {
    let namespace = namespace("scheduled").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let job = jobs::scheduled(&namespace, &format!("{CRONJOB}-29384040")).await;
    // Immediately, because a start is decided by the state of the API server, not by cached state.
    let rejected = problem(api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(rejected["run"]["job_name"], job.metadata.name.unwrap());
    let id = rejected["run"]["run_id"].as_str().unwrap();
    assert_eq!(api.wait_for_run(id, |_| true).await["trigger"], "scheduled");
}

#[tokio::test]
async fn a_job_that_the_cronjob_lists_as_active_conflicts() {
    let namespace = namespace("active").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let job = jobs::scheduled(&namespace, &format!("{CRONJOB}-29384041")).await.metadata;
    let active = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": job.name, "namespace": job.namespace, "uid": job.uid,
    });
    let cronjobs: Api<CronJob> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let patch = Patch::Merge(json!({ "status": { "active": [active] } }));
    cronjobs.patch_status(CRONJOB, &PatchParams::default(), &patch).await.unwrap();
    let rejected = problem(api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(rejected["run"]["run_id"], job.uid.unwrap());
}

#[tokio::test]
async fn after_a_run_has_ended_the_next_start_succeeds_even_within_the_same_second() {
    let namespace = namespace("next").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid\nsuccessfulJobsHistoryLimit: 10", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let mut names = HashSet::new();
    for _ in 0..6 {
        let started = api.trigger().await;
        jobs::finish(&namespace, name(&started)).await;
        assert!(names.insert(name(&started).to_owned()), "{started}");
        let run = api.wait_for_end(started["run_id"].as_str().unwrap()).await;
        assert_eq!(run["state"], "succeeded", "{run}");
    }
    let (_, page) = answer(api.get("/v1/runs?state=succeeded")).await;
    assert_eq!(page["runs"].as_array().unwrap().len(), 6, "{page}");
}

/// The end of the Job may not be observed before the next start, so that the cached Job is still active.
#[tokio::test]
async fn a_start_immediately_after_the_end_of_a_job_does_not_wait_for_the_watch() {
    let namespace = namespace("right-after").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid\nsuccessfulJobsHistoryLimit: 10", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    for _ in 0..5 {
        jobs::finish(&namespace, name(&api.trigger().await)).await;
    }
    assert_eq!(jobs::names(&namespace).await.len(), 5);
}

/// A watch that hangs leaves the cached state outdated. The names of the Jobs don't conflict either, because the earlier Job
/// was deleted.
#[tokio::test]
async fn under_forbid_a_replica_with_a_hung_watch_rolls_its_job_back_when_another_one_is_active() {
    let namespace = namespace("stale").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let proxy = ApiServerProxy::start().await;
    let mut replicas = replicas(&namespace, Histories::Separate).await;
    let kubeconfig = proxy.kubeconfig(&namespace).await;
    let own = namespace.folder().join("hung.sqlite").display().to_string();
    let variables =
        [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("DATABASE_URL", &format!("sqlite:{own}"))];
    let first = replicas[0].trigger().await;
    jobs::finish(&namespace, name(&first)).await;
    replicas[0].wait_for_end(first["run_id"].as_str().unwrap()).await;
    proxy.fail("GET", WATCH, Fault::HungBody);
    replicas[1] = TriggerApi::start(&namespace, &variables).await;
    jobs::api(&namespace).delete(name(&first), &DeleteParams::background()).await.unwrap();
    let gone = await_condition(jobs::api(&namespace), name(&first), |job: Option<&Job>| job.is_none());
    timeout(PATIENCE, gone).await.unwrap().unwrap();
    let scheduled = jobs::scheduled(&namespace, &format!("{CRONJOB}-29384042")).await.metadata;
    let request = || replicas[1].post("/trigger-sync").header("Idempotency-Key", "stale-1");
    let rejected = problem(request(), 409, "conflicting-run").await;
    assert_eq!(rejected["run"]["run_id"].as_str(), scheduled.uid.as_deref());
    let scheduled = scheduled.name.unwrap();
    assert_eq!(jobs::names(&namespace).await, std::slice::from_ref(&scheduled));
    // A repeat of the rejected request is a new request.
    jobs::finish(&namespace, &scheduled).await;
    let (status, started) = answer(request()).await;
    assert!(status.is_success() && started["state"] == "pending", "{started}");
}

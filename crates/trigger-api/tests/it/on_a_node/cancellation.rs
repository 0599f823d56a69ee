//! Runs that are cancelled or deleted while they run.

use std::collections::HashSet;

use kube::runtime::wait::conditions::is_deleted;
use serde_json::{Value, json};

use super::test_env::{FollowedLog, JobTemplate, NodeTestEnv, StartedRun, WAIT};
use crate::support::{TriggerApi, answer, problem};

#[tokio::test]
async fn a_cancelled_run_deletes_its_pods_and_keeps_its_log() {
    let script = "trap 'echo told to end; exit 1' TERM; echo waiting; sleep 1000 & wait";
    let mut template = JobTemplate::of(script);
    template.pod()["terminationGracePeriodSeconds"] = 20.into();
    let node = template.on_a_node("cancelled").await;
    let run = node.trigger().await;
    let mut log = FollowedLog::of(&node.api, &run).await;
    log.until("waiting\n").await;
    let pod = node.pods(&run).remove(0);
    let uid = node.namespace.kubectl(&["get", "pod", &pod, "--output", "jsonpath={.metadata.uid}"]);
    let (_, answered) = answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
    let message = "Cancelled by anonymous. The run ends when its pods have stopped.";
    let stopping = json!({"reason": "Cancelling", "message": message});
    assert_eq!((&answered["state"], &answered["cause"]), (&json!("running"), &stopping));
    node.wait_for_pod(&pod, is_deleted(&uid)).await;
    // The log includes what the container prints after SIGTERM.
    assert_eq!(log.rest().await, "waiting\ntold to end\n");
    assert_eq!(node.kept_log(&run).await, (false, "waiting\ntold to end\n".to_owned()));
    let ended = node.api.wait_for_end(&run.id).await;
    let cause = json!({"reason": "CancelledOnRequest", "message": "Cancelled by anonymous."});
    assert_eq!((&ended["state"], &ended["cause"]), (&json!("cancelled"), &cause));
}

/// A template whose container ignores SIGTERM, so that it runs until the end of its grace period.
fn unstoppable(policy: &str, grace_period: u32) -> JobTemplate {
    let mut template = JobTemplate::of("trap '' TERM; echo waiting; while true; do sleep 0.1; done");
    template.pod()["terminationGracePeriodSeconds"] = grace_period.into();
    template.cronjob["concurrencyPolicy"] = policy.into();
    template
}

/// Starts a run, and waits until its container is running. Returns the run and its pod.
async fn running(node: &NodeTestEnv) -> (StartedRun, String) {
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    (run.clone(), node.pods(&run).remove(0))
}

/// Checks that the run is being cancelled, and that a start beside it is rejected.
async fn assert_in_the_way(node: &NodeTestEnv, run: &StartedRun, pod: &str) {
    let stopping = node.wait_for_cause(run, "Cancelling").await;
    assert_eq!((&stopping["state"], &stopping["finished_at"]), (&json!("running"), &Value::Null));
    let rejected = problem(node.api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(rejected["run"]["run_id"], run.id.as_str());
    assert!(rejected["detail"].as_str().expect("a text").contains("is being cancelled"), "{rejected}");
    assert!(pod_runs(node, pod));
}

/// Whether a container of the pod may be running.
fn pod_runs(node: &NodeTestEnv, pod: &str) -> bool {
    let output = ["--ignore-not-found", "--output", "jsonpath={.status.phase}"];
    let phase = node.namespace.kubectl(&[&["get", "pod", pod], &output[..]].concat());
    !["", "Succeeded", "Failed"].contains(&phase.as_str())
}

/// Waits until the run is cancelled, and checks that its pod has ended.
async fn assert_ends(node: &NodeTestEnv, run: &StartedRun, pod: &str, cause: &str) {
    let ended = node.api.wait_for_end(&run.id).await;
    assert_eq!((&ended["state"], &ended["cause"]["reason"]), (&json!("cancelled"), &json!(cause)), "{ended}");
    assert!(!pod_runs(node, pod));
}

#[tokio::test]
async fn a_cancelled_run_whose_container_ignores_sigterm_blocks_the_next_start_until_it_has_ended() {
    let node = unstoppable("Forbid", 6).on_a_node("ignores-term").await;
    let mut names = HashSet::new();
    for _ in 0..2 {
        let (run, pod) = running(&node).await;
        assert!(names.insert(run.job.clone()), "the name is used again: {}", run.job);
        for _ in 0..2 {
            let (status, answered) = answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
            assert!(status.is_success() && answered["cause"]["reason"] == "Cancelling", "{answered}");
        }
        assert_in_the_way(&node, &run, &pod).await;
        assert_ends(&node, &run, &pod, "CancelledOnRequest").await;
    }
}

#[tokio::test]
async fn under_replace_a_start_is_rejected_until_the_replaced_container_has_ended() {
    let node = unstoppable("Replace", 14).on_a_node("replace-waits").await;
    let (run, pod) = running(&node).await;
    problem(node.api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_in_the_way(&node, &run, &pod).await;
    assert_ends(&node, &run, &pod, "Replaced").await;
    let next = node.trigger().await;
    assert_ne!(next.job, run.job);
}

#[tokio::test]
async fn under_replace_a_start_waits_for_a_container_that_ends_soon() {
    let mut template = JobTemplate::of("trap 'exit 0' TERM; echo waiting; sleep 1000 & wait");
    template.cronjob["concurrencyPolicy"] = "Replace".into();
    template.pod()["terminationGracePeriodSeconds"] = 30.into();
    let node = template.on_a_node("replace-soon").await;
    let (run, pod) = running(&node).await;
    let next = node.trigger().await;
    assert!(!pod_runs(&node, &pod), "the replaced pod still runs");
    assert_ne!(next.job, run.job);
    assert_ends(&node, &run, &pod, "Replaced").await;
}

#[tokio::test]
async fn a_job_that_someone_deletes_blocks_the_next_start_until_its_pods_have_stopped() {
    for cascade in ["background", "foreground"] {
        let node = unstoppable("Forbid", 5).on_a_node(cascade).await;
        let (run, pod) = running(&node).await;
        let policy = format!("--cascade={cascade}");
        node.namespace.kubectl(&["delete", "job", &run.job, &policy, "--wait=false"]);
        assert_in_the_way(&node, &run, &pod).await;
        assert_ends(&node, &run, &pod, "JobDeleted").await;
        assert_ne!(node.trigger().await.job, run.job);
    }
}

#[tokio::test]
async fn a_job_that_is_deleted_while_trigger_api_is_down_is_active_until_its_pods_have_stopped() {
    let mut node = unstoppable("Forbid", 12).on_a_node("deleted-unseen").await;
    let (run, pod) = running(&node).await;
    node.api.kill();
    node.namespace.kubectl(&["delete", "job", &run.job, "--cascade=background", "--wait"]);
    node.api = TriggerApi::start(&node.namespace, &[]).await;
    assert_in_the_way(&node, &run, &pod).await;
    assert_ends(&node, &run, &pod, "JobDeleted").await;
}

#[tokio::test]
async fn a_job_that_is_deleted_without_its_pods_is_active_until_they_have_ended() {
    let mut template = JobTemplate::of(WAIT);
    template.cronjob["concurrencyPolicy"] = "Forbid".into();
    let node = template.on_a_node("orphan").await;
    let (run, pod) = running(&node).await;
    node.namespace.kubectl(&["delete", "job", &run.job, "--cascade=orphan", "--wait"]);
    assert_in_the_way(&node, &run, &pod).await;
    let resume = "echo > /signal/go";
    node.namespace.kubectl(&["exec", &pod, "--", "sh", "-c", resume]);
    let ended = node.api.wait_for_end(&run.id).await;
    assert_eq!((&ended["state"], &ended["cause"]["reason"]), (&json!("cancelled"), &json!("JobDeleted")));
    assert_ne!(node.trigger().await.job, run.job);
}

#[tokio::test]
async fn a_deleted_job_that_a_finalizer_holds_is_active_until_its_pods_have_ended() {
    let node = unstoppable("Forbid", 1).on_a_node("finalizer").await;
    let (run, pod) = running(&node).await;
    let patch = |finalizers: &Value| {
        let patch = json!({"metadata": {"finalizers": finalizers}}).to_string();
        node.namespace.kubectl(&["patch", "job", &run.job, "--type=merge", "--patch", &patch]);
    };
    patch(&json!(["tradeops.dev/test"]));
    node.namespace.kubectl(&["delete", "job", &run.job, "--wait=false"]);
    // The garbage collector does not delete the pods before the Job is gone; the request does.
    assert_in_the_way(&node, &run, &pod).await;
    answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
    node.namespace.kubectl(&["wait", "pod", &pod, "--for=delete", "--timeout=60s"]);
    patch(&Value::Null);
    assert_ends(&node, &run, &pod, "CancelledOnRequest").await;
}

#[tokio::test]
async fn a_job_that_is_suspended_while_it_runs_has_that_cause_until_it_is_resumed() {
    let node = JobTemplate::of(&format!("echo I am $HOSTNAME; {WAIT}")).on_a_node("suspended").await;
    let (run, first) = running(&node).await;
    let suspend = |value: bool| {
        let patch = json!({"spec": {"suspend": value}}).to_string();
        node.namespace.kubectl(&["patch", "job", &run.job, "--type=merge", "--patch", &patch]);
    };
    suspend(true);
    let suspended = node.wait_for_cause(&run, "Suspended").await;
    assert_eq!(suspended["state"], "running");
    node.namespace.kubectl(&["wait", "pod", &first, "--for=delete", "--timeout=60s"]);
    assert_eq!(node.api.run(&run.id).await["cause"]["reason"], "Suspended");
    suspend(false);
    let resumed = node.api.wait_for_run(&run.id, |run| run["cause"].is_null()).await;
    assert_eq!(resumed["state"], "running");
    let mut log = FollowedLog::of(&node.api, &run).await;
    log.until("main <==\n").await;
    let second = node.pods(&run).pop().unwrap();
    log.until(&format!("I am {second}\nwaiting\n")).await;
    node.resume(&run);
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
}

#[tokio::test]
async fn a_job_that_is_deleted_while_it_runs_is_a_cancelled_run_with_its_log() {
    let node = JobTemplate::of(WAIT).on_a_node("job-deleted").await;
    let run = node.trigger().await;
    let mut log = FollowedLog::of(&node.api, &run).await;
    log.until("waiting\n").await;
    node.namespace.kubectl(&["delete", "job", &run.job, "--wait=false"]);
    let ended = node.api.wait_for_end(&run.id).await;
    assert_eq!((&ended["state"], &ended["cause"]["reason"]), (&json!("cancelled"), &json!("JobDeleted")));
    assert_eq!(log.rest().await, "waiting\n");
    node.wait_for_clean_up(&run).await;
    assert_eq!(node.kept_log(&run).await.1, "waiting\n");
}

//! Runs that are cancelled or deleted while they run.

use serde_json::json;

use super::test_env::{FollowedLog, JobTemplate, WAIT};
use crate::support::answer;

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
    let (_, cancelled) = answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
    assert_eq!(
        (&cancelled["state"], &cancelled["cause"]["reason"]),
        (&json!("cancelled"), &json!("CancelledOnRequest"))
    );
    node.wait_for_pod(&pod, kube::runtime::wait::conditions::is_deleted(&uid)).await;
    // The log includes what the container prints after SIGTERM.
    assert_eq!(log.rest().await, "waiting\ntold to end\n");
    assert_eq!(node.kept_log(&run).await, (false, "waiting\ntold to end\n".to_owned()));
    let now = node.api.run(&run.id).await;
    assert_eq!((&now["state"], &now["cause"]), (&json!("cancelled"), &cancelled["cause"]));
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

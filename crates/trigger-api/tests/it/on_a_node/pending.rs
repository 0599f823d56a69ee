//! Causes of pending runs, and their cancellation.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::test_env::{JobTemplate, NodeTestEnv, StartedRun, all_events, to_end};
use crate::support::answer;

/// Starts the template's Job, waits until its cause has that reason, cancels it, checks that no other cause was published,
/// and returns the message of the cause.
async fn pending_message(template: &JobTemplate, purpose: &str, reason: &str) -> String {
    let node = template.on_a_node(purpose).await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, reason).await;
    assert_eq!((&waiting["state"], &waiting["started_at"]), (&json!("pending"), &Value::Null), "{waiting}");
    cancel(&node, &run).await;
    let seen = to_end(&mut events).await;
    let published: Vec<(&Value, &Value)> = seen
        .iter()
        .map(|run| (&run["state"], &run["cause"]["reason"]))
        .filter(|(_, reason)| *reason != "Cancelling")
        .collect();
    let pending = json!("pending");
    let all = [(&pending, &Value::Null), (&pending, &json!(reason))];
    // The cause may be observed before the start is stored; then the first event has it already.
    assert!(
        published[..published.len() - 1] == all || published[..published.len() - 1] == all[1..],
        "{seen:?}"
    );
    // The deletion may be observed before the cancellation is stored; the cancellation stays the cause.
    assert_eq!(node.api.run(&run.id).await["cause"]["reason"], "CancelledOnRequest");
    waiting["cause"]["message"].as_str().expect("a cause has a message").to_owned()
}

async fn cancel(node: &NodeTestEnv, run: &StartedRun) {
    let (status, answered) = answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
    assert_eq!(status, StatusCode::OK, "{answered}");
    node.wait_for_clean_up(run).await;
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "cancelled");
}

#[tokio::test]
async fn a_missing_image_that_is_never_pulled_is_named() {
    let mut template = JobTemplate::of("");
    template.main()["image"] = "localhost/nothing:1".into();
    template.main()["imagePullPolicy"] = "Never".into();
    let message = pending_message(&template, "never-pulled", "ImagePullFailed").await;
    let reason = "Container image \"localhost/nothing:1\" is not present with pull policy of Never";
    assert_eq!(
        message,
        format!("The image localhost/nothing:1 of the container main can't be pulled: {reason}")
    );
}

/// The kubelet alternates between `ErrImagePull` and `ImagePullBackOff`, with different messages.
#[tokio::test]
async fn an_image_that_can_not_be_pulled_has_one_cause_while_the_kubelet_retries() {
    let mut template = JobTemplate::of("");
    template.main()["image"] = "registry.invalid/nothing:1".into();
    let node = template.on_a_node("no-registry").await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, "ImagePullFailed").await;
    let message = waiting["cause"]["message"].as_str().unwrap();
    let what = "The image registry.invalid/nothing:1 of the container main can't be pulled: failed to pull";
    assert!(message.starts_with(what) && message.contains("lookup registry.invalid"), "{message}");
    let pod = node.pods(&run).remove(0);
    for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"] {
        node.wait_for_pod(&pod, |pod: Option<&k8s_openapi::api::core::v1::Pod>| is_waiting(pod, reason))
            .await;
    }
    cancel(&node, &run).await;
    let seen = to_end(&mut events).await;
    let before = seen.iter().filter(|run| run["cause"]["reason"] != "Cancelling").count();
    assert!((2..=3).contains(&before), "{seen:?}");
}

fn is_waiting(pod: Option<&k8s_openapi::api::core::v1::Pod>, reason: &str) -> bool {
    let containers = pod.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
    containers.into_iter().flatten().any(|container| {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some(reason))
    })
}

#[tokio::test]
async fn an_invalid_image_name_is_named() {
    let mut template = JobTemplate::of("");
    template.main()["image"] = "No Image".into();
    let message = pending_message(&template, "image-name", "InvalidImageName").await;
    assert_eq!(message, "The image name of the container main is invalid: No Image");
}

#[tokio::test]
async fn a_pod_that_matches_no_node_has_the_message_of_the_scheduler() {
    let mut template = JobTemplate::of("");
    template.pod()["nodeSelector"] = json!({"tradeops.dev/no-such": "node"});
    let message = pending_message(&template, "selector", "Unschedulable").await;
    assert!(message.starts_with("The pod can't be scheduled: 0/1 nodes are available"), "{message}");
    assert!(message.contains("didn't match Pod's node affinity/selector"), "{message}");
}

#[tokio::test]
async fn a_pod_with_too_large_requests_has_the_message_of_the_scheduler() {
    let mut template = JobTemplate::of("");
    template.main()["resources"] = json!({"requests": {"cpu": "1000"}});
    let message = pending_message(&template, "cpu", "Unschedulable").await;
    assert!(message.contains("Insufficient cpu"), "{message}");
}

#[tokio::test]
async fn a_missing_configmap_is_named() {
    let mut template = JobTemplate::of("");
    template.main()["envFrom"] = json!([{"configMapRef": {"name": "no-such-settings"}}]);
    let message = pending_message(&template, "configmap", "CreateContainerConfigError").await;
    assert_eq!(message, "The container main can't be started: configmap \"no-such-settings\" not found");
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let mut template = JobTemplate::of("");
    let from = json!({"secretKeyRef": {"name": "no-such-secret", "key": "token"}});
    template.main()["env"] = json!([{"name": "TOKEN", "valueFrom": from}]);
    let message = pending_message(&template, "secret", "CreateContainerConfigError").await;
    assert_eq!(message, "The container main can't be started: secret \"no-such-secret\" not found");
}

#[tokio::test]
async fn a_job_whose_pod_a_quota_rejects_has_the_cause_pod_not_created() {
    let node = JobTemplate::of("").on_a_node("pod-quota").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    node.namespace.apply(&quota.to_string());
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, "PodNotCreated").await;
    assert_eq!(waiting["state"], "pending");
    cancel(&node, &run).await;
}

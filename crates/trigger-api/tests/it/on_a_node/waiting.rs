//! Why a run does not start, and that it can be cancelled then.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::job::{Node, Started, Template, all_events, to_end};
use crate::support::answer;

/// Triggers the template's Job, waits until it waits for that reason, checks that nothing else was told of it, cancels it,
/// and gives what it waited for.
async fn reason_to_wait(template: &Template, purpose: &str, reason: &str) -> String {
    let node = template.on_a_node(purpose).await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, reason).await;
    assert_eq!((&waiting["state"], &waiting["started_at"]), (&json!("pending"), &Value::Null), "{waiting}");
    cancel(&node, &run).await;
    let seen = to_end(&mut events).await;
    let told: Vec<(&Value, &Value)> =
        seen.iter().map(|run| (&run["state"], &run["cause"]["reason"])).collect();
    let pending = json!("pending");
    let all = [(&pending, &Value::Null), (&pending, &json!(reason))];
    // What is heard before the launch is written down is told with it.
    assert!(told[..told.len() - 1] == all || told[..told.len() - 1] == all[1..], "{seen:?}");
    // The deletion may be heard of before the request for it is noted; what stays is the request.
    assert_eq!(node.api.run(&run.id).await["cause"]["reason"], "CancelledOnRequest");
    waiting["cause"]["message"].as_str().expect("a cause has a message").to_owned()
}

async fn cancel(node: &Node, run: &Started) {
    let (status, cancelled) = answer(node.api.delete(&format!("/v1/runs/{}", run.id))).await;
    assert_eq!((status, &cancelled["state"]), (StatusCode::OK, &json!("cancelled")), "{cancelled}");
    node.wait_for_clean_up(run).await;
}

#[tokio::test]
async fn an_image_that_is_not_there_and_never_pulled_is_named() {
    let mut template = Template::of("");
    template.main()["image"] = "localhost/nothing:1".into();
    template.main()["imagePullPolicy"] = "Never".into();
    let message = reason_to_wait(&template, "never-pulled", "ImagePullFailed").await;
    assert_eq!(message, "The image localhost/nothing:1 of the container main can't be pulled.");
}

/// The kubelet says `ErrImagePull` and `ImagePullBackOff` by turns, with other words each time.
#[tokio::test]
async fn an_image_that_can_not_be_pulled_is_told_once_while_the_node_tries_again() {
    let mut template = Template::of("");
    template.main()["image"] = "registry.invalid/nothing:1".into();
    let node = template.on_a_node("no-registry").await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, "ImagePullFailed").await;
    assert_eq!(
        waiting["cause"]["message"],
        "The image registry.invalid/nothing:1 of the container main can't be pulled."
    );
    let pod = node.pods(&run).remove(0);
    for said in ["ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"] {
        node.wait_for_pod(&pod, |pod: Option<&k8s_openapi::api::core::v1::Pod>| says(pod, said)).await;
    }
    cancel(&node, &run).await;
    let seen = to_end(&mut events).await;
    assert!((2..=3).contains(&seen.len()), "{seen:?}");
}

fn says(pod: Option<&k8s_openapi::api::core::v1::Pod>, reason: &str) -> bool {
    let containers = pod.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
    containers.into_iter().flatten().any(|container| {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some(reason))
    })
}

#[tokio::test]
async fn an_image_name_that_is_none_is_named() {
    let mut template = Template::of("");
    template.main()["image"] = "No Image".into();
    let message = reason_to_wait(&template, "image-name", "InvalidImageName").await;
    assert_eq!(message, "The container main has an image name that is none: No Image");
}

#[tokio::test]
async fn a_pod_that_no_node_takes_waits_with_the_scheduler_s_words() {
    let mut template = Template::of("");
    template.pod()["nodeSelector"] = json!({"tradeops.dev/no-such": "node"});
    let message = reason_to_wait(&template, "selector", "Unschedulable").await;
    assert!(message.starts_with("The pod has no node: 0/1 nodes are available"), "{message}");
    assert!(message.contains("didn't match Pod's node affinity/selector"), "{message}");
}

#[tokio::test]
async fn a_pod_that_wants_more_than_there_is_waits_with_the_scheduler_s_words() {
    let mut template = Template::of("");
    template.main()["resources"] = json!({"requests": {"cpu": "1000"}});
    let message = reason_to_wait(&template, "cpu", "Unschedulable").await;
    assert!(message.contains("Insufficient cpu"), "{message}");
}

#[tokio::test]
async fn a_configmap_that_is_missing_is_named() {
    let mut template = Template::of("");
    template.main()["envFrom"] = json!([{"configMapRef": {"name": "no-such-settings"}}]);
    let message = reason_to_wait(&template, "configmap", "CreateContainerConfigError").await;
    assert_eq!(message, "The container main can't be started: configmap \"no-such-settings\" not found");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named() {
    let mut template = Template::of("");
    let from = json!({"secretKeyRef": {"name": "no-such-secret", "key": "token"}});
    template.main()["env"] = json!([{"name": "TOKEN", "valueFrom": from}]);
    let message = reason_to_wait(&template, "secret", "CreateContainerConfigError").await;
    assert_eq!(message, "The container main can't be started: secret \"no-such-secret\" not found");
}

#[tokio::test]
async fn a_job_for_which_a_quota_allows_no_pod_says_that_there_is_none() {
    let node = Template::of("").on_a_node("pod-quota").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    node.namespace.apply(&quota.to_string());
    let run = node.trigger().await;
    let waiting = node.wait_for_cause(&run, "PodNotCreated").await;
    assert_eq!(waiting["state"], "pending");
    cancel(&node, &run).await;
}

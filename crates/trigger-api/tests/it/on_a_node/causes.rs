//! Why a run failed.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::EvictParams;
use serde_json::{Value, json};

use super::test_env::{FollowedLog, JobTemplate, all_events, container, to_end};

/// Runs the template's Job until it fails, and returns the reason, the exit code and the message of the cause.
async fn failure(template: &JobTemplate, purpose: &str) -> (String, Option<i64>, String) {
    let node = template.on_a_node(purpose).await;
    let (_, ended) = node.run().await;
    assert_eq!(ended["state"], "failed", "{ended}");
    parts(&ended["cause"])
}

fn parts(cause: &Value) -> (String, Option<i64>, String) {
    let text = |key: &str| cause[key].as_str().unwrap_or_else(|| panic!("{cause}")).to_owned();
    (text("reason"), cause["exit_code"].as_i64(), text("message"))
}

fn cause(reason: &str, exit_code: Option<i64>, message: &str) -> (String, Option<i64>, String) {
    (reason.to_owned(), exit_code, message.to_owned())
}

#[tokio::test]
async fn an_exit_code_is_the_cause_without_a_mention_of_a_retry() {
    let node = JobTemplate::of("exit 3").on_a_node("exit-code").await;
    let mut events = all_events(&node.api).await;
    node.trigger().await;
    let seen = to_end(&mut events).await;
    let failed = parts(&seen.last().unwrap()["cause"]);
    assert_eq!(failed, cause("ExitCode", Some(3), "The container main exited with code 3."));
    // On a busy node, the pod may be created late, which is a cause too.
    let is_expected = |cause: &Value| cause.is_null() || cause["reason"] == "PodNotCreated";
    let mut before = seen.iter().filter(|run| run["state"] != "failed");
    assert!(before.all(|run| is_expected(&run["cause"])), "{seen:?}");
}

/// A shell whose last command was killed exits with 128 plus the signal.
#[tokio::test]
async fn an_exit_code_that_means_a_signal_is_explained() {
    let failed = failure(&JobTemplate::of("sleep 1000 & kill -KILL $!; wait $!"), "signal").await;
    let message = "The container main exited with code 137, which means signal 9.";
    assert_eq!(failed, cause("ExitCode", Some(137), message));
}

#[tokio::test]
async fn a_container_over_its_memory_limit_is_distinguished_from_other_killed_ones() {
    let mut template = JobTemplate::of("exec awk 'BEGIN { text = \"x\"; while (1) text = text text }'");
    template.main()["resources"] = json!({"limits": {"memory": "16Mi"}});
    let failed = failure(&template, "memory").await;
    let message = "The container main exceeded its memory limit and was killed.";
    assert_eq!(failed, cause("OutOfMemory", Some(137), message));
}

#[tokio::test]
async fn a_missing_command_is_named() {
    let mut template = JobTemplate::of("");
    template.main()["command"] = json!(["/bin/nowhere"]);
    let (reason, code, message) = failure(&template, "no-command").await;
    assert_eq!((reason.as_str(), code), ("StartError", Some(128)), "{message}");
    assert!(message.starts_with("The container main could not be started: "), "{message}");
    assert!(message.contains("/bin/nowhere"), "{message}");
}

#[tokio::test]
async fn a_job_that_exceeds_its_deadline_fails() {
    let mut template = JobTemplate::of("exec sleep 1000");
    template.job["activeDeadlineSeconds"] = 4.into();
    let (reason, code, message) = failure(&template, "deadline").await;
    assert_eq!((reason.as_str(), code), ("DeadlineExceeded", None), "{message}");
}

#[tokio::test]
async fn the_cause_says_that_the_failure_policy_does_not_allow_a_retry() {
    let mut template = JobTemplate::of("exit 42");
    template.job["backoffLimit"] = 6.into();
    template.job["podFailurePolicy"] =
        json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]});
    let message =
        "The container main exited with code 42. The Job's podFailurePolicy does not allow a retry.";
    assert_eq!(failure(&template, "policy").await, cause("ExitCode", Some(42), message));
}

#[tokio::test]
async fn an_init_container_that_fails_is_named() {
    let mut template = JobTemplate::of("true");
    template.pod()["initContainers"] = json!([container("prepare", "exit 5")]);
    let failed = failure(&template, "init").await;
    assert_eq!(failed, cause("ExitCode", Some(5), "The container prepare exited with code 5."));
}

#[tokio::test]
async fn of_two_containers_the_one_that_failed_is_named() {
    let mut template = JobTemplate::of("true");
    template.pod()["containers"].as_array_mut().unwrap().push(container("other", "exit 7"));
    let failed = failure(&template, "two").await;
    assert_eq!(failed, cause("ExitCode", Some(7), "The container other exited with code 7."));
}

/// A sidecar is stopped after the main containers, usually with a non-zero exit code.
#[tokio::test]
async fn the_exit_of_a_sidecar_is_not_the_cause() {
    let mut template = JobTemplate::of("exit 3");
    let mut sidecar = container("beside", "exec sleep 1000");
    sidecar["restartPolicy"] = "Always".into();
    template.pod()["initContainers"] = json!([sidecar]);
    let failed = failure(&template, "sidecar").await;
    assert_eq!(failed, cause("ExitCode", Some(3), "The container main exited with code 3."));
}

#[tokio::test]
async fn a_crash_looping_container_has_a_cause_while_it_waits() {
    let mut template = JobTemplate::of("echo try; exit 9");
    template.pod()["restartPolicy"] = "OnFailure".into();
    // A high limit, because a busy kubelet reports only the longer delays between later restarts.
    template.job["backoffLimit"] = 10.into();
    let node = template.on_a_node("crash-loop").await;
    let run = node.trigger().await;
    let restarted =
        |run: &Value| run["cause"]["message"].as_str().is_some_and(|text| text.contains("is restarted"));
    let waiting = node.api.wait_for_run(&run.id, restarted).await;
    assert_eq!(waiting["state"], "running");
    let message = "The container main exited with code 9. It is restarted after a delay.";
    assert_eq!(parts(&waiting["cause"]), cause("ExitCode", Some(9), message));
    // The log has every start, including those that ended before they were observed.
    let mut log = FollowedLog::of(&node.api, &run).await;
    let twice = log.until("main <==\ntry\n").await;
    assert!(twice.starts_with("try\n\n==> "), "{twice}");
    node.api.delete(&format!("/v1/runs/{}", run.id)).send().await.unwrap();
    assert_eq!(log.rest().await, node.kept_log(&run).await.1);
}

#[tokio::test]
async fn a_container_that_was_restarted_until_the_job_failed_is_named() {
    let mut template = JobTemplate::of("exit 9");
    template.pod()["restartPolicy"] = "OnFailure".into();
    template.job["backoffLimit"] = 1.into();
    let failed = failure(&template, "gave-up").await;
    assert_eq!(failed, cause("ExitCode", Some(9), "The container main exited with code 9."));
}

/// The cause of a run whose pod is stopped by `stop` while its container ignores SIGTERM.
async fn cause_of_stopped_pod(
    purpose: &str,
    stop: impl AsyncFnOnce(&super::test_env::NodeTestEnv, &str),
) -> (String, Option<i64>, String) {
    let template = JobTemplate::of("trap '' TERM; echo waiting; while true; do sleep 0.1; done");
    let node = template.on_a_node(purpose).await;
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    let pod = node.pods(&run).remove(0);
    stop(&node, &pod).await;
    let ended = node.api.wait_for_end(&run.id).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let (reason, code, message) = parts(&ended["cause"]);
    (reason, code, message.replace(&pod, "POD"))
}

#[tokio::test]
async fn a_deleted_pod_is_distinguished_from_a_killed_container() {
    let found = cause_of_stopped_pod("pod-gone", async |node, pod| {
        node.namespace.kubectl(&["delete", "pod", pod, "--wait=false"]);
    });
    let message =
        "The pod POD was deleted in the cluster before it finished. The container main exited with code 137.";
    assert_eq!(found.await, cause("PodDeleted", Some(137), message));
}

#[tokio::test]
async fn an_evicted_pod_names_the_eviction() {
    let found = cause_of_stopped_pod("evicted", async |node, pod| {
        let pods: Api<Pod> = Api::namespaced(node.namespace.client.clone(), &node.namespace.name);
        pods.evict(pod, &EvictParams::default()).await.unwrap();
    });
    let message = "The pod was evicted through the Eviction API, for example by `kubectl drain` or an autoscaler: \
                   Eviction API: evicting. The container main exited with code 137.";
    assert_eq!(found.await, cause("EvictionByEvictionAPI", Some(137), message));
}

#[tokio::test]
async fn a_cause_has_the_termination_message_of_the_program() {
    let script = "printf 'no data\\nfor today' > /dev/termination-log; exit 4";
    let failed = failure(&JobTemplate::of(script), "message").await;
    let message = "The container main exited with code 4. Its termination message: no data for today.";
    assert_eq!(failed, cause("ExitCode", Some(4), message));
}

//! Why a run failed.

use serde_json::{Value, json};

use super::job::{FollowedLog, Template, all_events, container, to_end};

/// Runs the template's Job to its failure, and gives the cause: its reason, its exit code and its message.
async fn failure(template: &Template, purpose: &str) -> (String, Option<i64>, String) {
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
async fn an_exit_code_is_the_cause_and_nothing_is_said_of_another_try() {
    let node = Template::of("exit 3").on_a_node("exit-code").await;
    let mut events = all_events(&node.api).await;
    node.trigger().await;
    let seen = to_end(&mut events).await;
    let failed = parts(&seen.last().unwrap()["cause"]);
    assert_eq!(failed, cause("ExitCode", Some(3), "The container main exited with code 3."));
    // Whether it was ever seen running depends on how fast the node tells.
    let before = seen.iter().filter(|run| run["state"] != "failed");
    assert!(before.clone().count() <= 2 && before.clone().all(|run| run["cause"].is_null()), "{seen:?}");
}

/// A container's first process ends as a shell does whose last command was killed, when it is one.
#[tokio::test]
async fn an_exit_code_that_stands_for_a_signal_is_explained() {
    let failed = failure(&Template::of("sleep 1000 & kill -KILL $!; wait $!"), "signal").await;
    let message = "The container main exited with code 137, which stands for signal 9.";
    assert_eq!(failed, cause("ExitCode", Some(137), message));
}

#[tokio::test]
async fn a_container_that_takes_too_much_memory_is_told_apart_from_others_that_are_killed() {
    let mut template = Template::of("exec awk 'BEGIN { text = \"x\"; while (1) text = text text }'");
    template.main()["resources"] = json!({"limits": {"memory": "16Mi"}});
    let failed = failure(&template, "memory").await;
    let message = "The container main took more memory than its limit and was killed.";
    assert_eq!(failed, cause("OutOfMemory", Some(137), message));
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let mut template = Template::of("");
    template.main()["command"] = json!(["/bin/nowhere"]);
    let (reason, code, message) = failure(&template, "no-command").await;
    assert_eq!((reason.as_str(), code), ("StartError", Some(128)), "{message}");
    assert!(message.starts_with("The container main could not be started: "), "{message}");
    assert!(message.contains("/bin/nowhere"), "{message}");
}

#[tokio::test]
async fn a_job_that_runs_too_long_is_ended_by_its_deadline() {
    let mut template = Template::of("exec sleep 1000");
    template.job["activeDeadlineSeconds"] = 4.into();
    let (reason, code, message) = failure(&template, "deadline").await;
    assert_eq!((reason.as_str(), code), ("DeadlineExceeded", None), "{message}");
}

#[tokio::test]
async fn a_failure_that_the_policy_does_not_try_again_says_so() {
    let mut template = Template::of("exit 42");
    template.job["backoffLimit"] = 6.into();
    template.job["podFailurePolicy"] =
        json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]});
    let message =
        "The container main exited with code 42. The Job's podFailurePolicy does not have that tried again.";
    assert_eq!(failure(&template, "policy").await, cause("ExitCode", Some(42), message));
}

#[tokio::test]
async fn an_init_container_that_fails_is_named() {
    let mut template = Template::of("true");
    template.pod()["initContainers"] = json!([container("prepare", "exit 5")]);
    let failed = failure(&template, "init").await;
    assert_eq!(failed, cause("ExitCode", Some(5), "The container prepare exited with code 5."));
}

#[tokio::test]
async fn of_two_containers_the_one_that_failed_is_named() {
    let mut template = Template::of("true");
    template.pod()["containers"].as_array_mut().unwrap().push(container("other", "exit 7"));
    let failed = failure(&template, "two").await;
    assert_eq!(failed, cause("ExitCode", Some(7), "The container other exited with code 7."));
}

/// A sidecar is ended when the others have ended, and most often with a code that is not 0.
#[tokio::test]
async fn the_end_of_a_sidecar_is_not_taken_for_the_failure() {
    let mut template = Template::of("exit 3");
    let mut sidecar = container("beside", "exec sleep 1000");
    sidecar["restartPolicy"] = "Always".into();
    template.pod()["initContainers"] = json!([sidecar]);
    let failed = failure(&template, "sidecar").await;
    assert_eq!(failed, cause("ExitCode", Some(3), "The container main exited with code 3."));
}

#[tokio::test]
async fn a_container_that_is_started_again_and_again_shows_why_while_it_waits() {
    let mut template = Template::of("echo try; exit 9");
    template.pod()["restartPolicy"] = "OnFailure".into();
    // So many that the kubelet waits longer and longer between them: a busy one does not tell of its short waits.
    template.job["backoffLimit"] = 10.into();
    let node = template.on_a_node("crash-loop").await;
    let run = node.trigger().await;
    let again =
        |run: &Value| run["cause"]["message"].as_str().is_some_and(|text| text.contains("started again"));
    let waiting = node.api.wait_for_run(&run.id, again).await;
    assert_eq!(waiting["state"], "running");
    let message = "The container main exited with code 9. It is started again after a while.";
    assert_eq!(parts(&waiting["cause"]), cause("ExitCode", Some(9), message));
    // Every start is in the log, also those that were over before anyone could look.
    let mut log = FollowedLog::of(&node.api, &run).await;
    let twice = log.until("main <==\ntry\n").await;
    assert!(twice.starts_with("try\n\n==> "), "{twice}");
    node.api.delete(&format!("/v1/runs/{}", run.id)).send().await.unwrap();
    assert_eq!(log.rest().await, node.kept_log(&run).await.1);
}

#[tokio::test]
async fn a_container_that_was_started_again_until_the_job_gave_up_is_named() {
    let mut template = Template::of("exit 9");
    template.pod()["restartPolicy"] = "OnFailure".into();
    template.job["backoffLimit"] = 1.into();
    let failed = failure(&template, "gave-up").await;
    assert_eq!(failed, cause("ExitCode", Some(9), "The container main exited with code 9."));
}

//! Logs of active runs, and of runs whose pods still exist or were deleted.

use serde_json::json;

use super::test_env::{FollowedLog, JobTemplate, WAIT, container, numbers};
use crate::support::{TriggerApi, problem};

#[tokio::test]
async fn a_long_log_is_complete_while_the_pod_exists_and_its_last_whole_lines_are_kept_afterwards() {
    let node = JobTemplate::of(&format!("seq 1 20000; {WAIT}")).on_a_node("long-log").await;
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    node.resume(&run);
    node.api.wait_for_end(&run.id).await;
    let whole = format!("{}waiting\n", numbers(1, 20000));
    assert_eq!(node.log(&run).await, (false, whole.clone()));
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (cut, tail) = node.kept_log(&run).await;
    assert!(cut);
    assert!(whole.ends_with(&format!("\n{tail}")), "{}", &tail[..100]);
    assert!((64 * 1024 - 6..=64 * 1024).contains(&tail.len()), "{}", tail.len());
}

#[tokio::test]
async fn a_short_log_is_kept_whole_including_an_unterminated_last_line() {
    let node = JobTemplate::of("echo one; printf two").on_a_node("short-log").await;
    let (run, _) = node.run().await;
    node.followed_log(&run).await;
    node.delete_job(&run);
    assert_eq!(node.kept_log(&run).await, (false, "one\ntwo".to_owned()));
}

#[tokio::test]
async fn a_followed_log_is_streamed_and_ends_with_the_run() {
    let script = format!("{WAIT}; echo went on; read go <&3; echo last");
    let node = JobTemplate::of(&script).on_a_node("follow").await;
    let run = node.trigger().await;
    node.api.wait_for_run(&run.id, |run| run["state"] == "running").await;
    let mut log = FollowedLog::of(&node.api, &run).await;
    assert_eq!(log.until("waiting\n").await, "waiting\n");
    node.resume(&run);
    assert_eq!(log.until("went on\n").await, "waiting\nwent on\n");
    // A later reader gets the earlier lines too.
    let later = FollowedLog::of(&node.api, &run).await;
    assert_eq!(node.log(&run).await, (false, "waiting\nwent on\n".to_owned()));
    node.resume(&run);
    assert_eq!(log.rest().await, "waiting\nwent on\nlast\n");
    assert_eq!(later.rest().await, "waiting\nwent on\nlast\n");
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
}

#[tokio::test]
async fn no_line_is_lost_when_two_processes_print_at_once() {
    let script = format!("seq 10001 13000 & seq 20001 23000 >&2; wait; {WAIT}");
    let node = JobTemplate::of(&script).on_a_node("two-writers").await;
    let run = node.trigger().await;
    let mut log = FollowedLog::of(&node.api, &run).await;
    // Stdout and stderr are separate pipes, so the end of one does not imply the end of the other.
    log.until("waiting\n").await;
    log.until("23000\n").await;
    node.resume(&run);
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (cut, text) = node.kept_log(&run).await;
    let numbers = text.lines().filter(|line| *line != "waiting").map(|line| line.parse().unwrap());
    let mut lines: Vec<u32> = numbers.collect();
    lines.sort_unstable();
    assert!(!cut);
    assert!(lines.iter().copied().eq((10001..=13000).chain(20001..=23000)), "{} lines", lines.len());
}

#[tokio::test]
async fn a_run_that_printed_nothing_has_no_log() {
    let node = JobTemplate::of("true").on_a_node("silent").await;
    let (run, _) = node.run().await;
    // Read to its end, whether or not the run has ended already.
    let followed = node.api.get(&format!("/v1/runs/{}/logs?follow=true", run.id)).send().await.unwrap();
    followed.text().await.unwrap();
    node.delete_job(&run);
    let detail = problem(node.api.get(&format!("/v1/runs/{}/logs", run.id)), 404, "no-log").await;
    assert!(detail["detail"].as_str().unwrap().contains("printed nothing"), "{detail}");
}

#[tokio::test]
async fn the_log_of_a_pod_has_a_header_for_each_container() {
    let mut template = JobTemplate::of("echo of the main one");
    let sidecar = |mut container: serde_json::Value| {
        container["restartPolicy"] = "Always".into();
        container
    };
    let stay = "echo of the sidecar; trap 'exit 0' TERM; sleep 1000 & wait";
    template.pod()["initContainers"] =
        json!([container("first", "echo of the first one"), sidecar(container("beside", stay))]);
    let node = template.on_a_node("containers").await;
    let (run, ended) = node.run().await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let pod = &node.pods(&run)[0];
    let (_, whole) = node.log(&run).await;
    assert_eq!(
        whole,
        format!(
            "of the first one\n\n==> {pod}/beside <==\nof the sidecar\n\n\
             ==> {pod}/main <==\nof the main one\n"
        )
    );
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (_, kept) = node.kept_log(&run).await;
    for part in ["of the first one\n", "/beside <==\nof the sidecar\n", "/main <==\nof the main one\n"] {
        assert!(kept.contains(part), "{part:?} is not in {kept}");
    }
}

#[tokio::test]
async fn without_permission_for_logs_runs_succeed_and_the_log_names_the_missing_permission() {
    let template = JobTemplate::of("echo unread");
    let mut node = template.on_a_node("no-permission").await;
    let rules = node.namespace.kubectl(&["get", "role", "trigger-api-job-trigger", "--output", "json"]);
    let mut role: serde_json::Value = serde_json::from_str(&rules).unwrap();
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != json!(["pods/log"]));
    node.namespace.apply(&role.to_string());
    // The program is restarted, because it may already read the log over an open connection.
    node.api = TriggerApi::start(&node.namespace, &[]).await;
    let (run, ended) = node.run().await;
    assert_eq!(ended["state"], "succeeded");
    node.followed_log(&run).await;
    let (_, text) = node.log(&run).await;
    let namespace = &node.namespace.name;
    let expected = format!(
        "[the log can't be read, because trigger-api may not get pods/log in the namespace {namespace}]\n"
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_log_that_its_node_has_rotated_is_marked() {
    // The node rotates a log of 10 MiB, and checks that every 10 s.
    let lines = "yes \"$(printf '%01023d' 0)\" | head -c 12000000";
    let node = JobTemplate::of(&format!("echo first; {lines}; {WAIT}")).on_a_node("rotated").await;
    let run = node.trigger().await;
    // Any text: only the last 64 KiB are followed, and a kubelet can miss the rotation while it sends the log.
    FollowedLog::of(&node.api, &run).await.until("0").await;
    let pod = node.pods(&run).remove(0);
    crate::support::until("the log is rotated", async || {
        node.namespace.kubectl(&["logs", &pod, "--limit-bytes=5"]) != "first"
    })
    .await;
    let (_, text) = node.log(&run).await;
    let mark = "[the beginning of this log is missing: its node has rotated the log]\n";
    assert!(text.starts_with(mark), "{:?}", text.get(..200));
    node.resume(&run);
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
}

#[tokio::test]
async fn the_whole_log_has_the_attempts_that_the_node_no_longer_has() {
    // A node keeps the logs of the last two starts of a container, and of the last one after its end.
    let script = "n=$(cat /signal/n 2>/dev/null); n=$((n + 1)); echo $n > /signal/n; echo try-$n; [ $n = 3 ]";
    let mut template = JobTemplate::of(script);
    template.pod()["restartPolicy"] = "OnFailure".into();
    template.job["backoffLimit"] = 6.into();
    let node = template.on_a_node("restarted").await;
    let run = node.trigger().await;
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
    for query in ["", "?container=main", "?offset=0"] {
        let response = node.api.get(&format!("/v1/runs/{}/logs{query}", run.id)).send().await.unwrap();
        assert_eq!(response.headers()["x-log-cut"], "false", "{query}");
        let text = response.text().await.unwrap();
        assert!((1..=3).all(|number| text.contains(&format!("try-{number}"))), "{query}: {text}");
    }
}

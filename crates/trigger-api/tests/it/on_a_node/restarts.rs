//! Restarts and replicas of trigger-api while Jobs run.

use super::test_env::{FollowedLog, JobTemplate, StartedRun, WAIT, all_events, kept_log, numbers, to_end};
use crate::support::{CRONJOB, TriggerApi};

#[tokio::test]
async fn after_a_restart_during_a_run_its_whole_log_and_its_end_are_observed() {
    let script = format!("seq 1 100; {WAIT}; echo last");
    let mut node = JobTemplate::of(&script).on_a_node("killed").await;
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    node.api.kill();
    node.api = TriggerApi::start(&node.namespace, &[]).await;
    let mut log = FollowedLog::of(&node.api, &run).await;
    log.until("waiting\n").await;
    node.resume(&run);
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
    let all = format!("{}waiting\nlast\n", numbers(1, 100));
    assert_eq!(log.rest().await, all);
    node.delete_job(&run);
    assert_eq!(node.kept_log(&run).await, (false, all));
}

#[tokio::test]
async fn a_run_that_ended_while_the_program_was_down_has_its_state_and_log_after_a_restart() {
    let mut template = JobTemplate::of(&format!("{WAIT}; echo meanwhile; exit 3"));
    template.job["ttlSecondsAfterFinished"] = 100.into();
    let mut node = template.on_a_node("down").await;
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    node.api.kill();
    node.resume(&run);
    node.namespace.kubectl(&["wait", "job", &run.job, "--for=condition=Failed", "--timeout=60s"]);
    node.api = TriggerApi::start(&node.namespace, &[]).await;
    let ended = node.api.wait_for_end(&run.id).await;
    assert_eq!((ended["state"].as_str(), ended["cause"]["exit_code"].as_i64()), (Some("failed"), Some(3)));
    node.followed_log(&run).await;
    node.delete_job(&run);
    assert_eq!(node.kept_log(&run).await, (false, "waiting\nmeanwhile\n".to_owned()));
}

#[tokio::test]
async fn the_tail_of_a_log_that_was_complete_before_it_was_read_is_marked_as_cut() {
    let mut node = JobTemplate::of(&format!("seq 10001 30000; {WAIT}")).on_a_node("late").await;
    node.api.kill();
    let from = format!("--from=cronjob/{CRONJOB}");
    node.namespace.kubectl(&["create", "job", "by-hand", &from]);
    let id = node.namespace.kubectl(&["get", "job", "by-hand", "--output", "jsonpath={.metadata.uid}"]);
    let run = StartedRun { id, job: "by-hand".to_owned() };
    node.namespace.kubectl(&["wait", "job", &run.job, "--for=jsonpath={.status.ready}=1", "--timeout=60s"]);
    node.resume(&run);
    node.namespace.kubectl(&["wait", "job", &run.job, "--for=condition=Complete", "--timeout=60s"]);
    node.api = TriggerApi::start(&node.namespace, &[]).await;
    // Waits for an event unless the run is stored already.
    let mut events = all_events(&node.api).await;
    if node.api.get(&format!("/v1/runs/{}", run.id)).send().await.unwrap().status() == 404 {
        to_end(&mut events).await;
    }
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (cut, tail) = node.kept_log(&run).await;
    assert!(cut, "{} bytes", tail.len());
    assert!(tail.len() > 64 * 1024 - 6 && tail.ends_with("\n30000\nwaiting\n"), "{} bytes", tail.len());
}

#[tokio::test]
async fn two_replicas_with_separate_histories_both_keep_the_log() {
    let node = JobTemplate::of(&format!("{WAIT}; echo last")).on_a_node("replicas").await;
    let other = format!("sqlite:{}", node.namespace.folder().join("other.sqlite").display());
    let other = TriggerApi::start(&node.namespace, &[("DATABASE_URL", &other)]).await;
    let run = node.trigger().await;
    FollowedLog::of(&node.api, &run).await.until("waiting\n").await;
    node.resume(&run);
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
    assert_eq!(other.wait_for_end(&run.id).await["state"], "succeeded");
    node.followed_log(&run).await;
    kept_log(&other, &run).await;
    node.delete_job(&run);
    let expected = (false, "waiting\nlast\n".to_owned());
    assert_eq!(node.kept_log(&run).await, expected);
    assert_eq!(kept_log(&other, &run).await, expected);
}

//! Jobs that are deleted as soon as they end.

use futures_util::future::join_all;
use serde_json::json;

use super::test_env::{JobTemplate, NodeTestEnv, StartedRun};

/// The run's state, and its log after the Job was deleted.
async fn state_and_log(node: &NodeTestEnv, run: &StartedRun) -> (String, String) {
    let ended = node.api.wait_for_end(&run.id).await;
    node.wait_for_clean_up(run).await;
    (ended["state"].as_str().expect("a run has a state").to_owned(), node.kept_log(run).await.1)
}

#[tokio::test]
async fn a_job_that_is_cleaned_up_immediately_keeps_its_state_and_its_log() {
    let mut template = JobTemplate::of("echo soon gone");
    template.job["ttlSecondsAfterFinished"] = 0.into();
    let node = template.on_a_node("gone-at-once").await;
    let run = node.trigger().await;
    assert_eq!(state_and_log(&node, &run).await, ("succeeded".to_owned(), "soon gone\n".to_owned()));
}

#[tokio::test]
async fn a_failed_job_that_is_cleaned_up_immediately_keeps_its_cause() {
    let mut template = JobTemplate::of("echo soon gone; exit 3");
    template.job["ttlSecondsAfterFinished"] = 0.into();
    let node = template.on_a_node("failed-and-gone").await;
    let run = node.trigger().await;
    assert_eq!(state_and_log(&node, &run).await, ("failed".to_owned(), "soon gone\n".to_owned()));
    let ended = node.api.run(&run.id).await;
    assert_eq!((&ended["cause"]["reason"], &ended["cause"]["exit_code"]), (&json!("ExitCode"), &json!(3)));
}

/// The CronJob controller applies the history limits to every Job that the CronJob owns, including manual ones.
#[tokio::test]
async fn runs_and_logs_are_kept_for_a_cronjob_without_a_history() {
    let mut template = JobTemplate::of("echo no history");
    template.cronjob["successfulJobsHistoryLimit"] = 0.into();
    let node = template.on_a_node("no-history").await;
    let run = node.trigger().await;
    assert_eq!(state_and_log(&node, &run).await, ("succeeded".to_owned(), "no history\n".to_owned()));
}

#[tokio::test]
async fn none_of_twenty_short_runs_that_are_cleaned_up_immediately_is_lost() {
    let mut template = JobTemplate::of("echo this is $HOSTNAME");
    template.job["ttlSecondsAfterFinished"] = 0.into();
    template.cronjob["successfulJobsHistoryLimit"] = 0.into();
    let node = template.on_a_node("twenty").await;
    let runs = join_all((0..20).map(|_| node.trigger())).await;
    for run in &runs {
        let (state, log) = state_and_log(&node, run).await;
        assert_eq!(state, "succeeded");
        assert!(log.starts_with(&format!("this is {}-", run.job)), "{}: {log:?}", run.job);
    }
}

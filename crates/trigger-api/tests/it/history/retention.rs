//! How much of the history is kept.

use tempfile::TempDir;

use super::health::variables;
use crate::support::{TriggerApi, answer, until};

#[tokio::test]
async fn surplus_runs_are_deleted_while_runs_are_stored() {
    let folder = TempDir::new().unwrap();
    let database = format!("sqlite:{}", folder.path().join("history.sqlite").display());
    let variables = variables(&folder, &database);
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let api = TriggerApi::spawn(&[&variables[..], &[("HISTORY_RUNS", "10")]].concat());
    let mut last = String::new();
    for _ in 0..30 {
        last = api.trigger().await["run_id"].as_str().expect("an id").to_owned();
    }
    api.wait_for_end(&last).await;
    until("only ten runs are left", async || {
        let (_, page) = answer(api.get("/v1/runs?limit=100")).await;
        // The rate of requests is limited, so some have no list.
        page["runs"].as_array().is_some_and(|runs| runs.len() == 10)
    })
    .await;
    api.run(&last).await;
}

#[tokio::test]
async fn a_history_that_would_be_too_small_is_rejected() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_trigger-api"))
        .env_clear()
        .envs([("CRONJOB_NAME", "job"), ("HISTORY_BYTES", "1000")])
        .output()
        .await
        .expect("the program is built");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("HISTORY_BYTES") && text.contains("1048576"), "{text}");
}

//! Queued and active runs across restarts, with both stores.

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use testkit::postgres::Server;

use super::{
    TRIGGER, admin, block_views, source, start, status, trigger_analysis, wait_for_end_of, wait_for_status,
};
use crate::support::{answer, problem};

#[tokio::test]
async fn queued_and_active_runs_survive_a_kill_and_are_executed_after_the_restart() {
    let source = source().await;
    for postgres in [false, true] {
        let folder = TempDir::new().unwrap();
        let history = Server::shared().database().await.url;
        let variables = [("DATABASE_URL", history.as_str())];
        let variables = if postgres { &variables[..] } else { &[] };
        let blocking = block_views(&source).await;
        let mut api = start(&folder, &source, variables);
        let mut ids = vec![trigger_analysis(&api).await];
        wait_for_status(&api, &ids[0], |status| status["status"] == "running").await;
        for _ in 0..5 {
            ids.push(trigger_analysis(&api).await);
        }
        let keyed = admin(api.post(TRIGGER)).header("idempotency-key", "nightly");
        let (_, keyed) = answer(keyed).await;
        api.kill();

        let api = start(&folder, &source, variables);
        assert_eq!(status(&api, &ids[5]).await["status"], "queued");
        let again = admin(api.post(TRIGGER)).header("idempotency-key", "nightly");
        assert_eq!(answer(again).await, (StatusCode::ACCEPTED, keyed), "the idempotency key is still known");
        drop(blocking);
        for id in &ids {
            assert_eq!(wait_for_end_of(&api, id).await["status"], "completed", "{id}");
        }
        let first = wait_for_end_of(&api, &ids[0]).await;
        assert_eq!(first["progress"]["attempt"], 2, "the run was started again");
    }
}

#[tokio::test]
async fn a_run_of_a_task_without_resume_is_interrupted_by_a_kill() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let config = folder.path().join("targets.json");
    let manifest = folder.path().join("none.yaml");
    let targets = json!({
        "local": { "manifests": manifest },
        "targets": [{ "name": "analysis", "task": "portfolio-analysis", "resume": false }],
    });
    std::fs::write(&config, targets.to_string()).unwrap();
    let variables = [("CONFIG_FILE", config.to_str().unwrap())];
    let blocking = block_views(&source).await;
    let mut api = start(&folder, &source, &variables);
    let id = trigger_analysis(&api).await;
    wait_for_status(&api, &id, |status| status["status"] == "running").await;
    api.kill();
    let api = start(&folder, &source, &variables);
    let ended = wait_for_end_of(&api, &id).await;
    assert_eq!((&ended["status"], &ended["cause"]["reason"]), (&json!("interrupted"), &json!("Restarted")));
    drop(blocking);
    assert_eq!(wait_for_end_of(&api, &trigger_analysis(&api).await).await["status"], "completed");
    problem(admin(api.get("/v1/targets/portfolio-analysis")), 404, "unknown-target").await;
}

#[tokio::test]
async fn a_graceful_shutdown_releases_the_run_and_the_next_process_executes_it_immediately() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    // The lease is long enough that it does not expire during the test.
    let variables = [("TASK_LEASE_SECONDS", "600")];
    let blocking = block_views(&source).await;
    let mut api = start(&folder, &source, &variables);
    let id = trigger_analysis(&api).await;
    wait_for_status(&api, &id, |status| status["status"] == "running").await;
    assert!(api.stop().success());
    drop(blocking);
    let api = start(&folder, &source, &variables);
    let ended = wait_for_end_of(&api, &id).await;
    assert_eq!((&ended["status"], &ended["progress"]["attempt"]), (&json!("completed"), &json!(1)));
}

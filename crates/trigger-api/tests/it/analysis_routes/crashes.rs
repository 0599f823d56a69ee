//! What a kill leaves, on both stores.

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use testkit::postgres::Server;

use super::{TRIGGER, admin, ask, held_up, source, start, status, until, until_ended};
use crate::support::{answer, problem};

#[tokio::test]
async fn what_waits_and_what_goes_on_survives_a_kill_and_is_done_by_the_next_one() {
    let source = source().await;
    for postgres in [false, true] {
        let folder = TempDir::new().unwrap();
        let history = Server::shared().database().await.url;
        let variables = [("DATABASE_URL", history.as_str())];
        let variables = if postgres { &variables[..] } else { &[] };
        let holding = held_up(&source).await;
        let mut api = start(&folder, &source, variables);
        let mut ids = vec![ask(&api).await];
        until(&api, &ids[0], |status| status["status"] == "running").await;
        for _ in 0..5 {
            ids.push(ask(&api).await);
        }
        let keyed = admin(api.post(TRIGGER)).header("idempotency-key", "nightly");
        let (_, keyed) = answer(keyed).await;
        api.kill();

        let api = start(&folder, &source, variables);
        assert_eq!(status(&api, &ids[5]).await["status"], "queued");
        let again = admin(api.post(TRIGGER)).header("idempotency-key", "nightly");
        assert_eq!(answer(again).await, (StatusCode::ACCEPTED, keyed), "the key is known as before");
        drop(holding);
        for id in &ids {
            assert_eq!(until_ended(&api, id).await["status"], "completed", "{id}");
        }
        let first = until_ended(&api, &ids[0]).await;
        assert_eq!(first["progress"]["attempt"], 2, "it was begun again");
    }
}

#[tokio::test]
async fn a_task_that_is_not_to_be_resumed_is_interrupted() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let config = folder.path().join("targets.json");
    let manifest = folder.path().join("none.yaml");
    let targets = json!({
        "local": { "manifests": manifest },
        "targets": [{ "name": "analysis", "task": "portfolio-analysis", "resume": false }],
    });
    std::fs::write(&config, targets.to_string()).unwrap();
    let variables = [("CONFIG_FILE", config.to_str().unwrap())];
    let holding = held_up(&source).await;
    let mut api = start(&folder, &source, &variables);
    let id = ask(&api).await;
    until(&api, &id, |status| status["status"] == "running").await;
    api.kill();
    let api = start(&folder, &source, &variables);
    let ended = until_ended(&api, &id).await;
    assert_eq!((&ended["status"], &ended["cause"]["reason"]), (&json!("interrupted"), &json!("Restarted")));
    drop(holding);
    assert_eq!(until_ended(&api, &ask(&api).await).await["status"], "completed");
    problem(admin(api.get("/v1/targets/portfolio-analysis")), 404, "unknown-target").await;
}

#[tokio::test]
async fn a_program_that_is_asked_to_end_lets_go_of_its_run_and_the_next_one_does_it_at_once() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    // So long that nothing is taken over for silence.
    let variables = [("TASK_LEASE_SECONDS", "600")];
    let holding = held_up(&source).await;
    let mut api = start(&folder, &source, &variables);
    let id = ask(&api).await;
    until(&api, &id, |status| status["status"] == "running").await;
    assert!(api.stop().success());
    drop(holding);
    let api = start(&folder, &source, &variables);
    let ended = until_ended(&api, &id).await;
    assert_eq!((&ended["status"], &ended["progress"]["attempt"]), (&json!("completed"), &json!(1)));
}

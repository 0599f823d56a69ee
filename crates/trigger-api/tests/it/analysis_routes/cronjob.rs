//! The deployed CronJob, with the real curl-trigger in it, and a secret that changes.

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;

use super::{ADMIN_SECRET, TRIGGER, admin, source, start};
use crate::support::{PATIENCE, answer};

#[tokio::test]
async fn the_cronjob_starts_an_analysis_waits_for_it_and_ends_as_it_does() {
    let curl_trigger = testkit::curl_trigger::build("plain", env!("CARGO_TARGET_TMPDIR"));
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let analysing = start(&folder, &source, &[]);
    // Another one stands for the cluster, as the first one's address is known only now.
    let cluster = TempDir::new().unwrap();
    let manifest = testkit::manifests::folder().as_ref().join("portfolio-analysis-trigger.yaml");
    let config = cluster.path().join("config.json");
    let settings = |secret: &str| {
        json!({ "local": {
            "manifests": manifest,
            "programs": { "gcr.io/united-lane-361102/curl-trigger": [curl_trigger] },
            "env": { "TRIGGER_URL": format!("{}{TRIGGER}", analysing.url), "ADMIN_SECRET": secret },
        } })
    };
    let database = format!("sqlite:{}", cluster.path().join("history.sqlite").display());
    let variables = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", config.to_str().unwrap()),
        ("CRONJOB_NAME", "portfolio-analysis-trigger"),
        ("DATABASE_URL", &database),
    ];
    for (secret, state, words) in [
        (ADMIN_SECRET, "succeeded", "✅ Portfolio analysis succeeded (run_"),
        ("not-the-secret", "failed", "HTTP 401"),
    ] {
        std::fs::write(&config, settings(secret).to_string()).unwrap();
        let starting = crate::support::TriggerApi::spawn(&variables);
        let started = starting.trigger().await;
        let id = started["run_id"].as_str().unwrap();
        let ended = starting.wait_for_end(id).await;
        let log = answer(starting.get(&format!("/v1/runs/{id}/logs"))).await.1;
        assert_eq!(ended["state"], state, "{ended}: {log}");
        assert!(log.as_str().unwrap().contains(words), "{log}");
        assert!(!log.as_str().unwrap().contains(secret), "{log}");
    }
    let runs = answer(admin(analysing.get("/v1/runs"))).await.1;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "a wrong secret starts nothing");
}

#[tokio::test]
async fn the_administrators_secret_is_rotated_without_a_restart() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let file = folder.path().join("secret");
    std::fs::write(&file, "the-old-secret").unwrap();
    let variables = [("ADMIN_SECRET", ""), ("ADMIN_SECRET_FILE", file.to_str().unwrap())];
    let api = start(&folder, &source, &variables);
    let ask = |secret: &'static str| {
        let request = api.post(TRIGGER).header("x-admin-secret", secret);
        async { answer(request).await }
    };
    assert_eq!(ask("the-old-secret").await.0, StatusCode::ACCEPTED);
    assert_eq!(ask("the-new-secret").await.0, StatusCode::UNAUTHORIZED);
    std::fs::write(&file, "the-new-secret\n").unwrap();
    let accepted = tokio::time::timeout(PATIENCE, async {
        // The file is looked at on use, not more than once a second: nothing else would tell of it.
        let mut turns = tokio::time::interval(std::time::Duration::from_millis(50));
        while ask("the-new-secret").await.0 != StatusCode::ACCEPTED {
            turns.tick().await;
        }
    });
    accepted.await.expect("the new secret is accepted");
    assert_eq!(ask("the-old-secret").await.0, StatusCode::UNAUTHORIZED);
}

//! The deployed CronJob with the real curl-trigger, and a rotated secret.

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;

use super::{ADMIN_SECRET, TRIGGER, admin, source, start};
use crate::support::{PATIENCE, answer};

#[tokio::test]
async fn the_cronjob_starts_an_analysis_waits_for_its_end_and_has_its_outcome() {
    let curl_trigger = testkit::curl_trigger::build("plain", env!("CARGO_TARGET_TMPDIR"));
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let analysis_api = start(&folder, &source, &[]);
    // A second trigger-api executes the CronJob, whose manifest needs the address of the first one.
    let cluster = TempDir::new().unwrap();
    let manifest = testkit::manifests::folder().as_ref().join("portfolio-analysis-trigger.yaml");
    let config = cluster.path().join("config.json");
    let settings = |secret: &str| {
        json!({ "local": {
            "manifests": manifest,
            "programs": { "gcr.io/united-lane-361102/curl-trigger": [curl_trigger] },
            "env": { "TRIGGER_URL": format!("{}{TRIGGER}", analysis_api.url), "ADMIN_SECRET": secret },
        } })
    };
    let database = format!("sqlite:{}", cluster.path().join("history.sqlite").display());
    let variables = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", config.to_str().unwrap()),
        ("CRONJOB_NAME", "portfolio-analysis-trigger"),
        ("DATABASE_URL", &database),
    ];
    for (secret, state, output) in [
        (ADMIN_SECRET, "succeeded", "✅ Portfolio analysis succeeded (run_"),
        ("not-the-secret", "failed", "HTTP 401"),
    ] {
        std::fs::write(&config, settings(secret).to_string()).unwrap();
        let cronjob_api = crate::support::TriggerApi::spawn(&variables);
        let started = cronjob_api.trigger().await;
        let id = started["run_id"].as_str().unwrap();
        let ended = cronjob_api.wait_for_end(id).await;
        let log = answer(cronjob_api.get(&format!("/v1/runs/{id}/logs"))).await.1;
        assert_eq!(ended["state"], state, "{ended}: {log}");
        assert!(log.as_str().unwrap().contains(output), "{log}");
        assert!(!log.as_str().unwrap().contains(secret), "{log}");
    }
    let runs = answer(admin(analysis_api.get("/v1/runs"))).await.1;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "the wrong secret starts no run");
}

#[tokio::test]
async fn a_rotated_admin_secret_takes_effect_without_a_restart() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let file = folder.path().join("secret");
    std::fs::write(&file, "the-old-secret").unwrap();
    let variables = [("ADMIN_SECRET", ""), ("ADMIN_SECRET_FILE", file.to_str().unwrap())];
    let api = start(&folder, &source, &variables);
    let trigger = |secret: &'static str| {
        let request = api.post(TRIGGER).header("x-admin-secret", secret);
        async { answer(request).await }
    };
    assert_eq!(trigger("the-old-secret").await.0, StatusCode::ACCEPTED);
    assert_eq!(trigger("the-new-secret").await.0, StatusCode::UNAUTHORIZED);
    std::fs::write(&file, "the-new-secret\n").unwrap();
    let accepted = tokio::time::timeout(PATIENCE, async {
        // The file is read on use, at most once a second, so the change can only be polled for.
        let mut interval = tokio::time::interval(std::time::Duration::from_millis(50));
        while trigger("the-new-secret").await.0 != StatusCode::ACCEPTED {
            interval.tick().await;
        }
    });
    accepted.await.expect("the new secret is accepted");
    assert_eq!(trigger("the-old-secret").await.0, StatusCode::UNAUTHORIZED);
}

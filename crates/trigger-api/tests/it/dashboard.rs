//! The dashboard page of the replaced system, which sends `POST /trigger-sync` without a body and shows the message.

use reqwest::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TriggerApi, answer, until};

/// Starts the program with a CronJob of that shell command, and these options of its target.
fn start(folder: &TempDir, command: &str, options: &Value, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("cronjobs.yaml"), path("config.json"));
    let container = json!({ "name": "main", "image": "busybox", "command": ["sh", "-c", command] });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    let cronjob = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "kraken-trading-job" },
        "spec": {
            "schedule": "0 0 29 2 *",
            "jobTemplate": { "spec": { "backoffLimit": 0, "template": { "spec": pod } } },
        },
    });
    std::fs::write(&manifest, cronjob.to_string()).expect("the file can be written");
    let mut target = json!({ "cronjob": "kraken-trading-job" });
    for (name, value) in options.as_object().expect("an object") {
        target[name] = value.clone();
    }
    let settings = json!({
        "local": { "manifests": manifest, "programs": { "busybox": ["/usr/bin/env"] } },
        "targets": [target],
    });
    std::fs::write(&config, settings.to_string()).expect("the file can be written");
    let database = format!("sqlite:{}", path("history.sqlite"));
    let defaults = [("EXECUTOR", "local"), ("CONFIG_FILE", &config), ("DATABASE_URL", &database)];
    TriggerApi::spawn(&[&defaults, variables].concat())
}

/// The request of the page: `requests.post(url)` of Python.
fn click(api: &TriggerApi) -> RequestBuilder {
    let post = api.post("/trigger-sync").header(USER_AGENT, "python-requests/2.32.3");
    post.header(ACCEPT, "*/*").header(CONTENT_LENGTH, "0")
}

#[tokio::test]
async fn the_page_shows_how_the_run_ended_without_a_change() {
    for (command, state, outcome) in [
        ("exit 0", "succeeded", "started and succeeded"),
        ("exit 3", "failed", "started and failed: The program exited with code 3."),
    ] {
        let folder = TempDir::new().unwrap();
        let api = start(&folder, command, &json!({ "wait_seconds": 30 }), &[]);
        let response = click(&api).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        // The request has no preference that the response could apply.
        assert!(!response.headers().contains_key("preference-applied"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["state"], state, "{body}");
        let expected = format!("Job {} {outcome}", body["job_name"].as_str().unwrap());
        assert_eq!(body["message"], expected, "{body}");
    }
}

#[tokio::test]
async fn the_message_of_a_run_that_has_not_ended_says_so() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, "exec sleep 600", &json!({ "wait_seconds": 1 }), &[]);
    let (_, body) = answer(click(&api)).await;
    assert_eq!(body["state"], "running", "{body}");
    assert!(body["message"].as_str().unwrap().ends_with(" started and is running"), "{body}");
}

#[tokio::test]
async fn a_repetition_has_the_outcome_of_the_first_run() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, "exit 3", &json!({ "wait_seconds": 30 }), &[]);
    let keyed = || click(&api).header("idempotency-key", "one");
    let (_, first) = answer(keyed()).await;
    let (_, second) = answer(keyed()).await;
    assert_eq!((&second["run_id"], &second["state"]), (&first["run_id"], &json!("failed")));
    let message = second["message"].as_str().unwrap();
    assert!(
        message.ends_with(
            "was started by an earlier request with the same key and failed: The program exited with code 3."
        ),
        "{message}"
    );
}

#[tokio::test]
async fn a_preference_of_the_request_replaces_the_targets_default() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, "exec sleep 600", &json!({ "wait_seconds": 60 }), &[]);
    for preference in ["wait=0", "respond-async"] {
        let (status, body) = answer(click(&api).header("prefer", preference)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(["pending", "running"].contains(&body["state"].as_str().unwrap()), "{preference}: {body}");
    }
    // The route of every target is for programs, which say whether they wait.
    let (status, run) = answer(api.post("/v1/targets/kraken-trading-job/runs")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
}

#[tokio::test]
async fn a_click_that_would_exceed_the_callers_share_of_waits_is_answered_at_once() {
    let folder = TempDir::new().unwrap();
    // One of the two waits is for each caller.
    let api = start(&folder, "exec sleep 600", &json!({ "wait_seconds": 60 }), &[("MAX_STREAMS", "2")]);
    let waiting = tokio::spawn(click(&api).send());
    until("the first run is started", async || {
        answer(api.get("/v1/runs")).await.1["runs"].as_array().is_some_and(|runs| !runs.is_empty())
    })
    .await;
    let (status, body) = answer(click(&api)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body["message"].as_str().unwrap().contains(" started"), "{body}");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn without_the_setting_a_click_does_not_wait() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, "exec sleep 600", &json!({}), &[]);
    let (status, body) = answer(click(&api)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(["pending", "running"].contains(&body["state"].as_str().unwrap()), "{body}");
}

//! Routes of a replaced system: aliases, trailing slashes, and the health for administrators.

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::trading_days::views_with;

use crate::support::{TriggerApi, answer, problem};

const ADMIN_SECRET: &str = "the-secret-of-administrators";
const INTERNAL_TOKEN: &str = "the-token-of-dashboards";
const SNAPSHOT: &str = "/api/admin/insights/trigger-snapshot";
const ANALYSIS: &str = "/jobs/analysis";

const MANIFEST: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: insights}
spec:
  schedule: '0 0 29 2 *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: busybox, command: [\"true\"]}]
";

/// Settings of the local executor with the CronJob `insights`, and these aliases.
fn settings(folder: &TempDir, aliases: &Value) -> String {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("cronjobs.yaml"), path("config.json"));
    std::fs::write(&manifest, MANIFEST).expect("the file can be written");
    let settings = json!({
        "local": { "manifests": manifest, "programs": { "busybox": ["/usr/bin/env"] } },
        "targets": [{ "cronjob": "insights" }],
        "aliases": aliases,
    });
    std::fs::write(&config, settings.to_string()).expect("the file can be written");
    config
}

fn start(folder: &TempDir, aliases: &Value, variables: &[(&str, &str)]) -> TriggerApi {
    let config = settings(folder, aliases);
    let database = format!("sqlite:{}", folder.path().join("history.sqlite").display());
    let defaults = [("EXECUTOR", "local"), ("CONFIG_FILE", &config), ("DATABASE_URL", &database)];
    TriggerApi::spawn(&[&defaults, variables].concat())
}

const CREDENTIALS: [(&str, &str); 2] = [("ADMIN_SECRET", ADMIN_SECRET), ("INTERNAL_TOKEN", INTERNAL_TOKEN)];

#[tokio::test]
async fn an_alias_of_a_cronjob_is_answered_as_trigger_sync() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &json!({ SNAPSHOT: "insights" }), &CREDENTIALS);
    problem(api.post(SNAPSHOT), 401, "missing-credential").await;
    problem(api.get(SNAPSHOT), 405, "method-not-allowed").await;
    for header in [("x-admin-secret", ADMIN_SECRET), ("x-internal-token", INTERNAL_TOKEN)] {
        let post = || api.post(SNAPSHOT).header(header.0, header.1);
        let (status, body) = answer(post().json(&json!({ "reason": "by hand" }))).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["job_name"].as_str().unwrap().split_once('-').unwrap().0, "insights");
        let run = api.get(&format!("/v1/runs/{}", body["run_id"].as_str().unwrap()));
        let (_, run) = answer(run.header(header.0, header.1)).await;
        assert_eq!((&run["target"], &run["reason"]), (&json!("insights"), &json!("by hand")));
        problem(post().json(&json!({ "image": "mine" })), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn an_alias_of_a_task_is_answered_as_the_route_of_the_task() {
    let folder = TempDir::new().unwrap();
    let day = jiff::civil::date(2026, 2, 11);
    let source = views_with(&[day]).await;
    let variables = [&CREDENTIALS[..], &[("SOURCE_DATABASE_URL", &source.url)]].concat();
    let api = start(&folder, &json!({ ANALYSIS: "portfolio-analysis" }), &variables);
    problem(api.post(ANALYSIS), 401, "missing-credential").await;
    problem(api.post(ANALYSIS).header("x-internal-token", INTERNAL_TOKEN), 403, "not-allowed").await;
    let admin = |path: &str| api.post(path).header("x-admin-secret", ADMIN_SECRET);
    problem(admin(ANALYSIS).json(&json!({ "dates": [] })), 400, "bad-request").await;
    let started = admin(ANALYSIS).json(&json!({ "date": "2026-02-11" })).send().await.unwrap();
    assert_eq!(started.status(), StatusCode::ACCEPTED);
    let location = started.headers()["location"].to_str().unwrap().to_owned();
    let body: Value = started.json().await.unwrap();
    assert_eq!((&body["status"], body["message"].is_string()), (&json!("started"), true), "{body}");
    assert_eq!(
        location,
        format!("/api/admin/portfolio/analysis-status/{}", body["run_id"].as_str().unwrap())
    );
}

#[tokio::test]
async fn the_served_document_describes_the_aliases() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &json!({ SNAPSHOT: "insights" }), &[]);
    let (_, document) = answer(api.get("/openapi.json")).await;
    let (alias, original) =
        (&document["paths"][SNAPSHOT]["post"], &document["paths"]["/trigger-sync"]["post"]);
    assert_eq!(alias["responses"], original["responses"]);
    assert_ne!(alias["operationId"], original["operationId"]);
}

#[test]
fn the_program_does_not_start_with_an_alias_that_is_a_route_or_has_no_target() {
    for (alias, target, expected) in [
        ("/v1/runs/latest", "insights", "/v1/runs/latest is the route /v1/runs/{run} already"),
        ("/metrics", "insights", "/metrics is the route /metrics already"),
        (SNAPSHOT, "other", "there is no target other"),
        ("/a/", "insights", "is not a path"),
        ("/{all}", "insights", "is not a path"),
    ] {
        let folder = TempDir::new().unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_trigger-api"))
            .env_clear()
            .envs([("EXECUTOR", "local"), ("LISTEN_ADDR", "127.0.0.1:0")])
            .env("CONFIG_FILE", settings(&folder, &json!({ alias: target })))
            .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("history.sqlite").display()))
            .output()
            .expect("the program is built");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains("ALIASES: ") && log.contains(expected), "{alias}: {log}");
    }
}

#[tokio::test]
async fn a_trailing_slash_is_redirected_to_the_path_without_it() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &json!({ SNAPSHOT: "insights" }), &CREDENTIALS);
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    for path in ["/trigger-sync", "/v1/runs?limit=1", "/v1/runs/one/events", "/readyz", SNAPSHOT] {
        let (path, query) =
            path.split_once('?').map_or((path, String::new()), |(path, query)| (path, format!("?{query}")));
        let response = client.post(format!("{}{path}/{query}", api.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{path}");
        assert_eq!(response.headers()["location"], format!("{path}{query}"));
    }
    for unknown in ["/nothing/", "//example.com/", "//v1/runs/"] {
        problem(client.post(format!("{}{unknown}", api.url)), 404, "unknown-route").await;
    }
    // The client repeats the request, with its body and credentials, as curl does with --location.
    let (status, body) = answer(api.post("/trigger-sync/").header("x-internal-token", INTERNAL_TOKEN)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn the_health_for_administrators_requires_their_credential() {
    let health = "/api/admin/health";
    let (folder, open_folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let api = start(&folder, &json!({}), &CREDENTIALS);
    problem(api.get(health), 401, "missing-credential").await;
    problem(api.get(health).header("x-internal-token", INTERNAL_TOKEN), 403, "not-allowed").await;
    let (status, body) = answer(api.get(health).header("x-admin-secret", ADMIN_SECRET)).await;
    assert_eq!((status, &body["status"], &body["problems"]), (StatusCode::OK, &json!("healthy"), &json!([])));
    assert!(body["version"].is_string() && body["timestamp"].is_string(), "{body}");
    let open = start(&open_folder, &json!({}), &[]);
    assert!(open.get(health).send().await.unwrap().status().is_client_error(), "also if access is open");
}

//! The portfolio analysis over HTTP: authorization, responses, and restarts. The program uses the local executor, because no
//! test needs a cluster. The trading days are in a real Postgres.

mod authorization;
mod cronjob;
mod full_queue;
mod responses;
mod restarts;

use std::time::Duration;

use jiff::civil::date;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tempfile::TempDir;
use testkit::postgres::Database;
use testkit::trading_days::views_with;

use crate::support::{PATIENCE, TriggerApi, answer};

pub(crate) const ADMIN_SECRET: &str = "the-admin-secret-of-analyses";
const TRIGGER: &str = "/api/admin/portfolio/trigger-analysis";
/// The newer of the two days in the views.
const DAY: &str = "2026-02-11";

/// A database whose views have two sample days.
async fn source() -> Database {
    views_with(&[date(2026, 2, 10), date(2026, 2, 11)]).await
}

/// Locks a view until the connection is dropped, so that an analysis waits.
async fn block_views(source: &Database) -> PgConnection {
    let mut connection = source.connect().await;
    let sql = "BEGIN; REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv";
    connection.execute(sqlx::raw_sql(sql)).await.expect("the superuser may refresh the view");
    connection
}

/// Starts the program for that source, with its history in a file of the folder.
fn start(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    start_without_secret(folder, source, &[&[("ADMIN_SECRET", ADMIN_SECRET)], variables].concat())
}

fn start_without_secret(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("none.yaml"), path("config.json"));
    std::fs::write(&manifest, "").expect("the file can be written");
    let settings = json!({ "local": { "manifests": manifest } });
    std::fs::write(&config, settings.to_string()).expect("the file can be written");
    let database = format!("sqlite:{}", path("history.sqlite"));
    let defaults = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &config),
        ("DATABASE_URL", &database),
        ("SOURCE_DATABASE_URL", &source.url),
        ("TASK_LEASE_SECONDS", "5"),
    ];
    TriggerApi::spawn(&[&defaults, variables].concat())
}

/// Starts the program for that source, with a timeout of five seconds for each analysis.
fn start_with_short_timeout(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("none.yaml"), path("short.json"));
    let settings = json!({
        "local": { "manifests": manifest },
        "targets": [{ "task": "portfolio-analysis", "timeout_seconds": 5 }],
    });
    std::fs::write(&config, settings.to_string()).expect("the file can be written");
    start(folder, source, &[&[("CONFIG_FILE", config.as_str())], variables].concat())
}

fn admin(request: RequestBuilder) -> RequestBuilder {
    request.header("x-admin-secret", ADMIN_SECRET)
}

/// Starts an analysis and returns the id of its run.
async fn trigger_analysis(api: &TriggerApi) -> String {
    let (status, body) = answer(admin(api.post(TRIGGER))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    body["run_id"].as_str().expect("a string").to_owned()
}

async fn status(api: &TriggerApi, id: &str) -> Value {
    let (status, body) = answer(admin(api.get(&format!("/api/admin/portfolio/analysis-status/{id}")))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// Polls the status of an analysis until it meets the condition.
async fn wait_for_status(api: &TriggerApi, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = tokio::time::timeout(PATIENCE, async {
        let mut interval = tokio::time::interval(Duration::from_millis(50));
        while !condition(&last) {
            interval.tick().await;
            last = status(api, id).await;
        }
    });
    let found = found.await.is_ok();
    assert!(found, "the last status does not meet the condition: {last}");
    last
}

async fn wait_for_end_of(api: &TriggerApi, id: &str) -> Value {
    wait_for_status(api, id, |status| !status["finished_at"].is_null()).await
}

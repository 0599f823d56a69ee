//! The portfolio analysis over HTTP: who may ask for it, what the answers are, and what survives. The program runs Jobs on
//! this machine here, as no test needs a cluster; the days are in a real Postgres.

mod answers;
mod callers;
mod crashes;
mod cronjob;
mod crowd;

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
/// The newest of the two days that the views have.
const DAY: &str = "2026-02-11";

/// A database with two sample days.
async fn source() -> Database {
    views_with(&[date(2026, 2, 10), date(2026, 2, 11)]).await
}

/// Keeps whoever reads a view waiting, until it is dropped.
async fn held_up(source: &Database) -> PgConnection {
    let mut connection = source.connect().await;
    let sql = "BEGIN; REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv";
    connection.execute(sqlx::raw_sql(sql)).await.expect("the superuser may");
    connection
}

/// The program for that source, with its history in a file of the folder.
fn start(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    start_without_a_secret(folder, source, &[&[("ADMIN_SECRET", ADMIN_SECRET)], variables].concat())
}

fn start_without_a_secret(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("none.yaml"), path("config.json"));
    std::fs::write(&manifest, "").expect("the folder is ours");
    let settings = json!({ "local": { "manifests": manifest } });
    std::fs::write(&config, settings.to_string()).expect("it is ours");
    let database = format!("sqlite:{}", path("history.sqlite"));
    let own = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &config),
        ("DATABASE_URL", &database),
        ("SOURCE_DATABASE_URL", &source.url),
        ("TASK_LEASE_SECONDS", "5"),
    ];
    TriggerApi::spawn(&[&own, variables].concat())
}

/// The program for that source, whose analyses may take five seconds each.
fn start_with_little_time(folder: &TempDir, source: &Database, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("none.yaml"), path("short.json"));
    let settings = json!({
        "local": { "manifests": manifest },
        "targets": [{ "task": "portfolio-analysis", "timeout_seconds": 5 }],
    });
    std::fs::write(&config, settings.to_string()).expect("it is ours");
    start(folder, source, &[&[("CONFIG_FILE", config.as_str())], variables].concat())
}

fn admin(request: RequestBuilder) -> RequestBuilder {
    request.header("x-admin-secret", ADMIN_SECRET)
}

/// Asks for an analysis, which has to be granted, and gives its id.
async fn ask(api: &TriggerApi) -> String {
    let (status, body) = answer(admin(api.post(TRIGGER))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    body["run_id"].as_str().expect("a text").to_owned()
}

async fn status(api: &TriggerApi, id: &str) -> Value {
    let (status, body) = answer(admin(api.get(&format!("/api/admin/portfolio/analysis-status/{id}")))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// Asks until the analysis is as wanted.
async fn until(api: &TriggerApi, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = tokio::time::timeout(PATIENCE, async {
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        while !wanted(&last) {
            turns.tick().await;
            last = status(api, id).await;
        }
    });
    let found = found.await.is_ok();
    assert!(found, "the analysis never was as wanted: {last}");
    last
}

async fn until_ended(api: &TriggerApi, id: &str) -> Value {
    until(api, id, |status| !status["finished_at"].is_null()).await
}

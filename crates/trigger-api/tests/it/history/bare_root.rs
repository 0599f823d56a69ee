//! The history in a root file system like that of the image: read-only, without `/tmp`.

use std::path::Path;

use reqwest::StatusCode;
use sqlx::{Connection, SqliteConnection};
use testkit::bare_root::BareRoot;
use trigger_core::run::RunId;
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use crate::support::{TriggerApi, answer};

/// Enough runs, with ids as long as those of Jobs, that SQLite by default sorts them in a temporary file.
const RUNS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10005) \
    INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, created_at, saved_at, version) \
    SELECT printf('00000000-0000-4000-8000-%012d', n), 'kraken-trading-job', 'trading', printf('job-%05d', n), 'manual', \
    'succeeded', printf('2026-02-11T%02d:%02d:%02d.000000Z', n / 3600, n / 60 % 60, n % 60), \
    '2026-02-11T12:00:00.000000Z', 1 FROM numbers";

async fn open(url: &str) -> SqlStore {
    SqlStore::connect(&url.into()).await.expect("the store can be opened")
}

#[tokio::test]
async fn old_runs_are_pruned_without_a_folder_for_temporary_files() {
    let root = BareRoot::of(Path::new(env!("CARGO_BIN_EXE_trigger-api")));
    let url = format!("sqlite:{}", root.data().join("history.sqlite").display());
    open(&url).await.close().await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(RUNS).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    std::fs::write(root.data().join("cronjobs.yaml"), "").unwrap();
    std::fs::write(root.data().join("config.yaml"), "local: {manifests: /data/cronjobs.yaml}\n").unwrap();
    let mut api = TriggerApi::spawn_by(
        root.command(),
        &[
            ("EXECUTOR", "local"),
            ("CONFIG_FILE", "/data/config.yaml"),
            ("CRONJOB_NAME", "job"),
            ("DATABASE_URL", "sqlite:/data/history.sqlite"),
        ],
    );
    let line = api.wait_for_log("old runs ");
    assert!(line.contains("\"runs\":5"), "{line}");
    assert_eq!(answer(api.get("/v1/runs?limit=100")).await.0, StatusCode::OK);
    api.kill();
    let store = open(&url).await;
    assert_eq!(store.run(&RunId::new("00000000-0000-4000-8000-000000000005")).await.unwrap(), None);
    assert!(store.run(&RunId::new("00000000-0000-4000-8000-000000000006")).await.unwrap().is_some());
}

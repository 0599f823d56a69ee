//! Lists of the history, with 10,000 runs, and with 1,000,000 runs in SQLite and in Postgres.

use std::path::Path;
use std::time::Instant;

use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use testkit::cluster::Namespace;
use testkit::postgres::Server;
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use crate::program::{ApiOnCluster, CRONJOB};
use crate::report::{Figures, milliseconds};

const STORED_RUNS: i64 = 10_000;
const MANY_RUNS: u32 = 1_000_000;
const CALLS: usize = 400;

/// The requests that are measured with a million runs. A run is created every minute, from 2023-11-14 to 2025-10-08.
const LISTS: [(&str, &str); 9] = [
    ("the first page", "/v1/runs"),
    ("500 runs", "/v1/runs?limit=500"),
    ("failed and cancelled", "/v1/runs?state=failed,cancelled"),
    ("failed runs of two targets", "/v1/runs?state=failed&target=target-7,kraken-trading-job"),
    ("manual", "/v1/runs?trigger=manual"),
    ("of one caller, who has 1,000", "/v1/runs?requested_by=jwt:bob"),
    ("of a month", "/v1/runs?since=2024-11-01T00:00:00Z&until=2024-12-01T00:00:00Z"),
    ("with a text", "/v1/runs?q=morning%20data"),
    ("with a text that no run has", "/v1/runs?q=nothing"),
];

pub(crate) async fn store_runs(history: &str) {
    let store = SqlStore::connect(&history.into()).await.expect("the history opens");
    let start = Timestamp::now() - (STORED_RUNS * 60).seconds();
    for number in 0..STORED_RUNS {
        let at = start + (number * 60).seconds();
        let run = Run {
            state: State::Succeeded,
            started_at: Some(at),
            finished_at: Some(at + 30.seconds()),
            ..Run::pending(
                RunId::new(format!("00000000-0000-4000-8000-{number:012}")),
                CRONJOB.parse().expect("a name"),
                "trading",
                format!("{CRONJOB}-{number}"),
                Trigger::Scheduled,
                at,
            )
        };
        store.save(&run).await.expect("the history saves it");
    }
    store.close().await;
}

pub(crate) async fn list_runs(program: &ApiOnCluster) {
    println!("\n| with {STORED_RUNS} runs | median | p99 |\n|---|---|---|");
    for (name, path) in [
        ("GET /v1/runs", "/v1/runs"),
        ("GET /v1/runs?limit=500", "/v1/runs?limit=500"),
        ("GET /v1/runs/{run}", "/v1/runs/00000000-0000-4000-8000-000000005000"),
    ] {
        let figures = request(program, path).await;
        println!("| {name} | {} | {} |", milliseconds(figures.median), milliseconds(figures.p99));
    }
}

/// Measures the same requests on SQLite and on Postgres.
pub(crate) async fn list_a_million_runs(namespace: &Namespace, kubeconfig: &Path) {
    let sqlite = format!("sqlite:{}", namespace.folder().join("million.sqlite").display());
    seed_sqlite(&sqlite).await;
    let postgres = Server::shared().database().await;
    seed_postgres(&postgres).await;
    let programs = [ApiOnCluster::start(kubeconfig, &sqlite), ApiOnCluster::start(kubeconfig, &postgres.url)];
    println!(
        "\n| with {MANY_RUNS} runs | SQLite, median | p99 | Postgres, median | p99 |\n|---|---|---|---|---|"
    );
    for (name, path) in LISTS.into_iter().chain([("GET /v1/targets", "/v1/targets")]) {
        print!("| {name} |");
        for program in &programs {
            let figures = request(program, path).await;
            print!(" {} | {} |", milliseconds(figures.median), milliseconds(figures.p99));
        }
        println!();
    }
    for (database, program) in ["SQLite", "Postgres"].into_iter().zip(&programs) {
        println!("{database}: {:.1} MB resident afterwards", program.resident_megabytes());
    }
}

async fn request(program: &ApiOnCluster, path: &str) -> Figures {
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        let _: Value = program.get(path).await;
        times.push(began.elapsed().as_secs_f64());
    }
    Figures::of(&times)
}

async fn seed_sqlite(url: &str) {
    SqlStore::connect(&url.into()).await.expect("the history opens").close().await;
    let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
    let time = |seconds: &str| format!("strftime('%Y-%m-%dT%H:%M:%S.000000Z', {seconds}, 'unixepoch')");
    // The triggers have stored an event for each run.
    let script = format!("BEGIN; {}; DELETE FROM run_events; COMMIT", seed(time));
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.expect("the runs are stored");
    connection.close().await.expect("it closes");
}

async fn seed_postgres(database: &testkit::postgres::Database) {
    SqlStore::connect(&database.url.clone().into()).await.expect("the history opens").close().await;
    let time = |seconds: &str| {
        format!("to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    };
    // A transaction with a million updates of the counter of events would take hours.
    database.execute("ALTER TABLE runs DISABLE TRIGGER USER").await;
    database.execute(&seed(time)).await;
    database
        .execute(
            "INSERT INTO run_counts SELECT target, state, triggered_by, COUNT(*) FROM runs \
             GROUP BY target, state, triggered_by",
        )
        .await;
    database.execute("ALTER TABLE runs ENABLE TRIGGER USER").await;
    database.execute("VACUUM ANALYZE runs").await;
}

/// The statement that stores the runs, of ten targets: 5 % manual, 2 % failed, 0.1 % cancelled. `time` converts Unix seconds.
fn seed(time: impl Fn(&str) -> String) -> String {
    format!(
        "INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, cause_reason, cause_message, requested_by, \
         reason, created_at, started_at, finished_at, saved_at, version) \
         WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {MANY_RUNS}) \
         SELECT '00000000-0000-4000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), \
         CASE n % 10 WHEN 0 THEN '{CRONJOB}' ELSE 'target-' || n % 10 END, 'trading', 'job-' || n, \
         CASE n % 20 WHEN 0 THEN 'manual' ELSE 'scheduled' END, \
         CASE WHEN n % 50 = 7 THEN 'failed' WHEN n % 1000 = 3 THEN 'cancelled' ELSE 'succeeded' END, \
         CASE WHEN n % 50 = 7 THEN 'ExitCode' WHEN n % 1000 = 3 THEN 'CancelledOnRequest' END, \
         CASE WHEN n % 50 = 7 THEN 'The container main exited with 1.' WHEN n % 1000 = 3 THEN 'Cancelled by alice.' END, \
         CASE WHEN n % 1000 = 0 THEN 'jwt:bob' WHEN n % 20 = 0 THEN 'internal' END, \
         CASE n % 20 WHEN 0 THEN 'the morning data was late' END, {}, {}, {}, '', 1 FROM numbers",
        time("1700000000 + n * 60"),
        time("1700000005 + n * 60"),
        time("1700000035 + n * 60 + n % 100"),
    )
}

//! After any fault between the program and the sink, D1 contains the complete old day or the complete new day, and another
//! run stores the new one.

use jiff::ToSpan;
use serde_json::{Value, json};
use testkit::fault_proxy::{Fault, FaultProxy};
use testkit::postgres::Database;
use testkit::worker::{Worker, worker_folder};

use crate::support::{
    DAY, SyncCommand, http, query_d1, start_worker, stored_in_d1, stored_in_sqlite, views_with,
};

/// D1 has one day stored, and the views have a different day for the same date.
struct Scenario {
    database: Database,
    worker: Worker,
    old: Value,
    new: Value,
}

impl Scenario {
    async fn prepare() -> Self {
        let database = views_with(&[DAY]).await;
        let worker = start_worker().await;
        let oracle = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
        oracle.succeeds().await;
        let old = oracle.stored().await;
        direct(&database, &worker).succeeds().await;
        let other =
            sample::day(DAY.checked_add(1.day()).expect("a day later")).replace("2026-02-12", "2026-02-11");
        database
            .execute(
                "TRUNCATE utils_statistics.trades_kpi_summary, utils_statistics.trades_kpi_series,
                   utils_statistics.trades_contract_extremes, utils_statistics.trades_portfolio_assets",
            )
            .await;
        database.execute(&other).await;
        database.execute(sample::REFRESH).await;
        oracle.succeeds().await;
        let new = stored_in_sqlite(&oracle.sqlite_path(), DAY).await;
        assert_ne!(old, new);
        Self { database, worker, old, new }
    }

    /// Ships through the proxy. Expects this exit code, a complete day, and that a run without faults stores the new day.
    async fn ships_through(&self, sink: &str, proxy: &FaultProxy, code: i32) {
        let access = &self.worker.access;
        let call =
            SyncCommand::run(&["--sink", sink]).database(&self.database).env("RETRY_BUDGET_SECONDS", "20");
        let call = match sink {
            "api" => call.api(access, &proxy.url()),
            _ => call.d1(access, &format!("{}/client/v4", proxy.url())),
        };
        let outcome = call.outcome().await;
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        assert_eq!(proxy.faults_left(), 0, "not every fault occurred: {outcome:#?}");
        let stored = stored_in_d1(access, DAY).await;
        if code == 0 {
            assert_eq!(stored, self.new, "a day reported as stored is stored");
        }
        assert!(stored == self.old || stored == self.new, "a mixed day is stored");
        direct(&self.database, &self.worker).succeeds().await;
        assert_eq!(stored_in_d1(access, DAY).await, self.new, "another run repairs it");
    }
}

/// A run without a proxy.
fn direct(database: &Database, worker: &Worker) -> SyncCommand {
    SyncCommand::run(&["--sink", "d1"]).database(database).d1(&worker.access, &worker.access.d1_api)
}

const TRANSIENT_FAULTS: [&[Fault]; 8] = [
    &[Fault::LoseAnswer],
    &[Fault::CutRequest],
    &[Fault::CutAnswer],
    &[Fault::Refuse, Fault::Refuse],
    &[Fault::Status(500), Fault::Status(503)],
    &[Fault::RetryAfter(1)],
    &[Fault::ErrorAfterCommit],
    &[Fault::LoseAnswer, Fault::CutRequest, Fault::Status(502)],
];

#[tokio::test]
async fn transient_faults_of_the_api_are_retried() {
    transient_faults_are_retried("api").await;
}

#[tokio::test]
async fn transient_faults_of_d1_are_retried() {
    transient_faults_are_retried("d1").await;
}

async fn transient_faults_are_retried(sink: &str) {
    let scenario = Scenario::prepare().await;
    let base = if sink == "api" { &scenario.worker.access.worker } else { &scenario.worker.access.d1_api };
    for faults in TRANSIENT_FAULTS {
        let proxy = FaultProxy::before(base, faults.iter().copied()).await;
        scenario.ships_through(sink, &proxy, 0).await;
        assert_eq!(
            proxy.requests().len(),
            faults.iter().filter(|fault| **fault != Fault::Refuse).count() + 1
        );
    }
}

#[tokio::test]
async fn persistent_faults_end_the_run_as_unreachable() {
    let scenario = Scenario::prepare().await;
    let worker = scenario.worker.access.worker.clone();
    for faults in [vec![Fault::Silence], vec![Fault::ErrorAfterCommit; 5], vec![Fault::LoseAnswer; 5]] {
        let proxy = FaultProxy::before(&worker, faults).await;
        // The last attempts may exceed the budget, so there can be more faults than attempts.
        let call = SyncCommand::run(&["--sink", "api"])
            .database(&scenario.database)
            .env("RETRY_BUDGET_SECONDS", "3");
        call.api(&scenario.worker.access, &proxy.url())
            .fails(6, &["2026-02-11", "unreachable", "tries"])
            .await;
        let stored = stored_in_d1(&scenario.worker.access, DAY).await;
        assert!(stored == scenario.old || stored == scenario.new, "a mixed day is stored");
    }
}

#[tokio::test]
async fn other_statuses_are_not_retried() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    for status in [400, 401, 403, 404, 409, 413, 422] {
        let proxy = FaultProxy::before(&worker.access.worker, [Fault::Status(status)]).await;
        let call = SyncCommand::run(&["--sink", "api"]).database(&database).api(&worker.access, &proxy.url());
        call.fails(5, &["2026-02-11", &status.to_string()]).await;
        assert_eq!(proxy.requests().len(), 1, "status {status}");
    }
}

#[tokio::test]
async fn an_unreachable_api_falls_back_to_d1() {
    let scenario = Scenario::prepare().await;
    let access = &scenario.worker.access;
    let proxy = FaultProxy::before(&access.worker, vec![Fault::Status(503); 9]).await;
    let call = || {
        let call = SyncCommand::run(&["--sink", "api"])
            .database(&scenario.database)
            .env("RETRY_BUDGET_SECONDS", "3");
        call.api(access, &proxy.url())
    };
    call().d1(access, &access.d1_api).env("FALLBACK", "none").fails(6, &["503"]).await;
    let outcome = call().d1(access, &access.d1_api).succeeds().await;
    assert_eq!(outcome.summary()["sink"], "d1", "{outcome:#?}");
    assert_eq!(stored_in_d1(access, DAY).await, scenario.new);
    let nowhere = call().d1(access, "http://127.0.0.1:1/client/v4");
    nowhere.fails(6, &["503", "the fallback failed too", "D1"]).await;
}

#[tokio::test]
async fn a_rejection_by_the_api_does_not_fall_back() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let call = SyncCommand::run(&["--sink", "api"]).database(&database).env("INTERNAL_TOKEN", "wrong-token");
    let call = call.env("SNAPSHOT_API_URL", &worker.access.worker).d1(&worker.access, &worker.access.d1_api);
    let outcome = call.fails(5, &["403", "INTERNAL_TOKEN"]).await;
    assert!(!outcome.stderr.contains("wrong-token"), "{outcome:#?}");
    assert_eq!(stored_in_d1(&worker.access, DAY).await["metrics_daily"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn the_rejection_of_d1_without_tables_names_the_migrations() {
    let database = views_with(&[DAY]).await;
    let worker =
        tokio::task::spawn_blocking(|| Worker::start(&["--no-migrations"])).await.expect("it starts");
    let call =
        SyncCommand::run(&["--sink", "d1"]).database(&database).d1(&worker.access, &worker.access.d1_api);
    call.fails(5, &["metrics_daily", "7500", "migrations"]).await;
    let call =
        SyncCommand::run(&["--sink", "d1"]).database(&database).d1(&worker.access, &worker.access.d1_api);
    let call = call.env("CLOUDFLARE_API_TOKEN", "wrong-token");
    let outcome = call.fails(5, &["CLOUDFLARE_API_TOKEN"]).await;
    assert!(!outcome.stderr.contains("wrong-token"), "{outcome:#?}");
}

#[tokio::test]
async fn transient_errors_of_d1_do_not_fail_the_run_whatever_their_status() {
    let scenario = Scenario::prepare().await;
    let access = &scenario.worker.access;
    let failures = json!([
        { "status": 400, "code": 7500, "message": "D1_ERROR: D1 DB is overloaded. Requests queued for too long." },
        { "status": 200, "code": 7500, "message": "Network connection lost." },
    ]);
    let put = http().put(format!("{}/failures", access.d1_api)).body(failures.to_string());
    assert!(put.send().await.expect("the harness answers").status().is_success());
    let outcome = direct(&scenario.database, &scenario.worker).succeeds().await;
    let retries = outcome.log().iter().filter(|line| line["wait_ms"].is_number()).count();
    assert_eq!(retries, 2, "{outcome:#?}");
    assert_eq!(stored_in_d1(access, DAY).await, scenario.new);
}

#[tokio::test]
async fn d1_with_the_first_migration_only_requires_the_second_if_a_holding_has_no_symbol() {
    let database = views_with(&[DAY]).await;
    let worker =
        tokio::task::spawn_blocking(|| Worker::start(&["--no-migrations"])).await.expect("it starts");
    let access = &worker.access;
    let first = std::fs::read_to_string(worker_folder().join("migrations/0001_snapshot_tables.sql"));
    let first = first.expect("the file exists");
    let sql: String = first.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let statements = sql.split(';').filter(|statement| statement.contains("CREATE TABLE"));
    query_d1(access, statements.map(|sql| json!({ "sql": sql })).collect()).await;
    direct(&database, &worker).succeeds().await;
    let check = SyncCommand::new(&["check", "--sink", "d1"]).database(&database).d1(access, &access.d1_api);
    let outcome = check.fails(5, &["1 of"]).await;
    assert!(
        outcome.stdout.contains("FAIL  sink: D1") && outcome.stdout.contains("second migration"),
        "{outcome:#?}"
    );

    database.execute("UPDATE utils_statistics.trades_portfolio_assets SET symbol = NULL").await;
    database.execute(sample::REFRESH).await;
    direct(&database, &worker).fails(5, &["metrics_portfolio_assets.symbol", "the second migration"]).await;
}

#[tokio::test]
async fn any_sequence_of_faults_leaves_a_complete_day() {
    const FAULTS: [Fault; 8] = [
        Fault::Refuse,
        Fault::CutRequest,
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::Status(500),
        Fault::RetryAfter(1),
        Fault::ErrorAfterCommit,
        Fault::Status(503),
    ];
    let scenario = Scenario::prepare().await;
    let access = &scenario.worker.access;
    for seed in 0..6 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let faults: Vec<Fault> = (0..rng.usize(1..=5)).map(|_| FAULTS[rng.usize(..FAULTS.len())]).collect();
        let (api, d1) = (
            FaultProxy::before(&access.worker, faults.clone()).await,
            FaultProxy::before(&access.d1_api, faults.iter().rev().copied()).await,
        );
        let call = SyncCommand::run(&["--sink", "api"])
            .database(&scenario.database)
            .env("RETRY_BUDGET_SECONDS", "3");
        let call = call.api(access, &api.url()).d1(access, &format!("{}/client/v4", d1.url()));
        let outcome = call.outcome().await;
        let stored = stored_in_d1(access, DAY).await;
        match outcome.code {
            Some(0) => assert_eq!(stored, scenario.new, "{faults:?}: a day reported as stored is stored"),
            Some(6) => {
                assert!(
                    stored == scenario.old || stored == scenario.new,
                    "{faults:?}: a mixed day is stored"
                );
            }
            _ => panic!("{faults:?}: {outcome:#?}"),
        }
        direct(&scenario.database, &scenario.worker).succeeds().await;
        assert_eq!(stored_in_d1(access, DAY).await, scenario.new, "{faults:?}: another run repairs it");
    }
}

#[tokio::test]
async fn retry_after_is_respected_within_the_budget_and_ends_the_run_beyond_it() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let call = |budget, url: String| {
        let call =
            SyncCommand::run(&["--sink", "api"]).database(&database).env("RETRY_BUDGET_SECONDS", budget);
        call.api(&worker.access, &url)
    };
    let proxy = FaultProxy::before(&worker.access.worker, [Fault::RetryAfter(3)]).await;
    let outcome = call("30", proxy.url()).succeeds().await;
    let waits: Vec<f64> = outcome.log().iter().filter_map(|line| line["wait_ms"].as_f64()).collect();
    assert_eq!(waits, [3000.0], "the jittered backoff is shorter: {outcome:#?}");
    for seconds in [3600, u64::MAX] {
        let proxy = FaultProxy::before(&worker.access.worker, [Fault::RetryAfter(seconds)]).await;
        call("30", proxy.url()).fails(6, &["after 1 tries", "429"]).await;
        assert_eq!(proxy.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_incomplete_configuration_of_d1_is_reported_and_is_no_fallback() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let call =
        SyncCommand::run(&["--sink", "api"]).database(&database).api(&worker.access, &worker.access.worker);
    let outcome = call.env("CLOUDFLARE_API_TOKEN", "only-the-token").succeeds().await;
    let is_reported = outcome.warnings().iter().any(|line| line.contains("no fallback to D1"));
    assert!(is_reported && outcome.stderr.contains("CLOUDFLARE_ACCOUNT_ID"), "{outcome:#?}");
}

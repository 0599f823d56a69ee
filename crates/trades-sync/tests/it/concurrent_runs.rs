//! Concurrent runs for one date.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::postgres::{Database, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use crate::support::{
    CONFIRMED, CommandOutput, DAY, SyncCommand, answer_request, one_request, receiver, start_worker,
    stored_in_d1, views_with,
};

#[tokio::test]
async fn concurrent_runs_store_one_complete_day() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let oracle = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    oracle.succeeds().await;
    let calls: Vec<SyncCommand> = ["api", "d1", "api", "d1"]
        .into_iter()
        .map(|sink| {
            SyncCommand::run(&["--sink", sink])
                .database(&database)
                .api(access, &access.worker)
                .d1(access, &access.d1_api)
        })
        .collect();
    let children: Vec<_> = calls.iter().map(SyncCommand::spawn).collect();
    for child in children {
        let outcome = CommandOutput::of(child).await;
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
    assert_eq!(stored_in_d1(access, DAY).await, oracle.stored().await);
}

#[tokio::test]
async fn a_run_waits_for_the_run_that_ships_the_same_date() {
    let database = views_with(&[DAY]).await;
    let days_since_1970 = 20_495;
    let lock = format!("({}, {days_since_1970})", i32::from_be_bytes(*b"trad"));
    let mut other = database.connect().await;
    other
        .execute(sqlx::AssertSqlSafe(format!("SELECT pg_advisory_lock{lock}")))
        .await
        .expect("the lock is free");
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    let child = call.spawn();
    wait_until_waiting(&mut other).await;
    assert!(!call.sqlite_path().exists(), "nothing is stored without the lock");
    other.close().await.expect("the server is up");
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("another run is shipping this date"), "{outcome:#?}");
}

/// Waits until a run waits for the lock of its date.
async fn wait_until_waiting(admin: &mut PgConnection) {
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *admin).await.expect("the server is up") {
        assert!(Instant::now() < deadline, "the run does not wait for the lock");
    }
}

/// The number of advisory locks in the database.
async fn lock_count(admin: &mut PgConnection) -> i64 {
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query_scalar(locks).fetch_one(admin).await.expect("the server is up")
}

/// A pooler for the shared server. It has few connections, so that runs share them.
async fn pooler(mode: PoolMode) -> PgBouncer {
    let start = move || PgBouncer::start_with(Server::shared(), mode, &[("default_pool_size", "3")]);
    tokio::task::spawn_blocking(start).await.expect("it starts")
}

#[tokio::test]
async fn runs_through_a_pooler_leave_neither_a_lock_nor_a_transaction() {
    let database = views_with(&[DAY]).await;
    let mut admin = database.connect().await;
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        let pooler = pooler(mode).await;
        let url = pooler.url(&database.name);
        let call = SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", &url);
        for turn in 0..3 {
            let outcome = call.succeeds().await;
            assert!(!outcome.stderr.contains("another run"), "{mode:?}, {turn}: {outcome:#?}");
            assert_eq!(lock_count(&mut admin).await, 0, "{mode:?}, {turn}");
        }
        let calls: Vec<SyncCommand> =
            (0..4).map(|_| SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", &url)).collect();
        let children: Vec<Child> = calls.iter().map(SyncCommand::spawn).collect();
        for child in children {
            let outcome = CommandOutput::of(child).await;
            assert_eq!(outcome.code, Some(0), "{mode:?}: {outcome:#?}");
        }
        for arguments in [&["check", "--sink", "sqlite"][..], &["run", "--date", "2026-02-11", "--dry-run"]] {
            for _ in 0..2 {
                SyncCommand::new(arguments).env("DATABASE_URL", &url).succeeds().await;
            }
        }
        let date = DAY.to_string();
        let file = call.sqlite_path().display().to_string();
        let verify = SyncCommand::new(&["verify", "--date", &date, "--sink", "sqlite"]);
        verify.env("DATABASE_URL", &url).env("SQLITE_PATH", &file).succeeds().await;
        let range = ["run", "--from", "2026-02-10", "--to", "2026-02-12", "--sink", "sqlite"];
        SyncCommand::new(&range).env("DATABASE_URL", &url).succeeds().await;
        assert_eq!(lock_count(&mut admin).await, 0, "{mode:?}");
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'",
        )
        .fetch_one(&mut admin)
        .await
        .expect("the server is up");
        assert_eq!(open, 0, "{mode:?}");
    }
}

/// Starts a run whose receiver has not answered yet.
async fn start_run_with_pending_receiver(url: &str) -> (SyncCommand, Child, TcpListener) {
    let (listener, receiver) = receiver().await;
    let call = SyncCommand::run(&["--sink", "api"])
        .env("DATABASE_URL", url)
        .env("SNAPSHOT_API_URL", &receiver)
        .env("INTERNAL_TOKEN", "a-token-of-the-tests");
    let child = call.spawn();
    (call, child, listener)
}

#[tokio::test]
async fn a_run_that_waited_ships_the_views_as_they_are_after_the_wait() {
    let database = views_with(&[DAY]).await;
    let pooler = pooler(PoolMode::Transaction).await;
    let url = pooler.url(&database.name);
    let mut admin = database.connect().await;
    let (_first_call, first, listener) = start_run_with_pending_receiver(&url).await;
    wait_until_locked(&mut admin, "the first run holds the lock", 1).await;
    let second_call = SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", &url);
    let second = second_call.spawn();
    wait_until_waiting(&mut admin).await;
    // Views can be refreshed while a day is stored, because the run releases their locks after it has read them.
    change_a_value(&database).await;
    let request = one_request(&listener, CONFIRMED).await;
    assert!(!String::from_utf8_lossy(&request).contains("changed while waiting"));
    for child in [first, second] {
        let outcome = CommandOutput::of(child).await;
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
    let stored = second_call.stored().await;
    assert!(stored["metrics_kpi_values"].to_string().contains("changed while waiting"), "{stored}");
}

async fn wait_until_locked(admin: &mut PgConnection, what: &str, expected: i64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while lock_count(admin).await != expected {
        assert!(Instant::now() < deadline, "{what}: {} locks", lock_count(admin).await);
    }
}

async fn change_a_value(database: &Database) {
    database
        .execute(
            "UPDATE utils_statistics.trades_kpi_summary SET display_value = 'changed while waiting' WHERE sort_order = 1",
        )
        .await;
    database.execute(sample::REFRESH).await;
}

#[tokio::test]
async fn a_day_whose_lock_was_lost_while_it_was_stored_is_stored_with_a_warning() {
    let database = views_with(&[DAY]).await;
    let mut admin = database.connect().await;
    let (_call, child, listener) = start_run_with_pending_receiver(&database.url).await;
    wait_until_locked(&mut admin, "the run holds the lock", 1).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trades-sync' AND datname = current_database()";
    // The transaction is idle only after the run has read the views.
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trades-sync' AND state = 'idle in transaction' AND datname = current_database()";
    let (mut connection, _) = listener.accept().await.expect("the run connects");
    let is_idle: i64 = sqlx::query_scalar(idle).fetch_one(&mut admin).await.expect("the server is up");
    assert_eq!(is_idle, 1, "the day is read before it is sent");
    admin.execute(end).await.expect("a superuser is allowed to");
    answer_request(&mut connection, 200, CONFIRMED).await;
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(outcome.summary()["outcome"], json!("stored"), "{outcome:#?}");
    let warnings = outcome.warnings();
    assert!(warnings.iter().any(|line| line.contains("the lock of its date")), "{warnings:?}");
    assert_eq!(lock_count(&mut admin).await, 0);
}

#[tokio::test]
async fn a_backfill_continues_after_a_lost_connection() {
    let days = [DAY, DAY.tomorrow().expect("there is one")];
    let database = views_with(&days).await;
    let mut admin = database.connect().await;
    let (listener, receiver) = receiver().await;
    let call = SyncCommand::new(&["run", "--from", "2026-02-11", "--to", "2026-02-12", "--sink", "api"])
        .env("DATABASE_URL", &database.url)
        .env("SNAPSHOT_API_URL", &receiver)
        .env("INTERNAL_TOKEN", "a-token-of-the-tests");
    let child = call.spawn();
    let (mut connection, _) = listener.accept().await.expect("the run connects");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trades-sync' AND datname = current_database()";
    admin.execute(end).await.expect("a superuser is allowed to");
    answer_request(&mut connection, 200, CONFIRMED).await;
    let request = one_request(&listener, &CONFIRMED.replace("02-11", "02-12")).await;
    assert!(String::from_utf8_lossy(&request).contains("2026-02-12"));
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_ne!(outcome.summary()["message"], Value::Null);
}

#[tokio::test]
async fn a_server_that_accepts_connections_within_the_retry_budget_is_waited_for() {
    let database = views_with(&[DAY]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let url = database.url.replace(&format!(":{}/", database.port), &format!(":{port}/"));
    let call = SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", &format!("{url}?sslmode=disable"));
    let child = call.spawn();
    let relay = tokio::spawn(async move {
        // The first connections are closed immediately, as if the server were still starting.
        for number in 0.. {
            let (mut client, _) = listener.accept().await.expect("the program connects");
            if number < 3 {
                continue;
            }
            let server = TcpStream::connect(("127.0.0.1", database.port)).await;
            let mut server = server.expect("the server is up");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await.ok() });
        }
    });
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("trying again"), "{outcome:#?}");
    relay.abort();
}

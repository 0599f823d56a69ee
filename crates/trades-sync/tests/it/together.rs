//! Runs for one date at the same time.

use sqlx::{Connection, Executor};

use crate::support::{DAY, Outcome, Sync, start_worker, stored_in_d1, views_with};

#[tokio::test]
async fn many_runs_at_once_leave_one_whole_day() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let oracle = Sync::run(&["--sink", "sqlite"]).database(&database);
    oracle.succeeds().await;
    let calls: Vec<Sync> = ["api", "d1", "api", "d1"]
        .into_iter()
        .map(|sink| {
            Sync::run(&["--sink", sink])
                .database(&database)
                .api(access, &access.worker)
                .d1(access, &access.d1_api)
        })
        .collect();
    let children: Vec<_> = calls.iter().map(Sync::spawn).collect();
    for child in children {
        let outcome = Outcome::of(child).await;
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
    assert_eq!(stored_in_d1(access, DAY).await, oracle.stored().await);
}

#[tokio::test]
async fn a_run_waits_for_the_one_that_ships_the_same_date() {
    let database = views_with(&[DAY]).await;
    let days_since_1970 = 20_495;
    let lock = format!("({}, {days_since_1970})", i32::from_be_bytes(*b"trad"));
    let mut other = database.connect().await;
    other
        .execute(sqlx::AssertSqlSafe(format!("SELECT pg_advisory_lock{lock}")))
        .await
        .expect("nobody has it");
    let call = Sync::run(&["--sink", "sqlite"]).database(&database);
    let child = call.spawn();
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut other).await.expect("the server is up") {
        assert!(std::time::Instant::now() < deadline, "the run does not wait for the lock");
    }
    assert!(!call.sqlite_path().exists(), "nothing is stored without the lock");
    other.close().await.expect("the server is up");
    let outcome = Outcome::of(child).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("another run is shipping this date"), "{outcome:#?}");
}

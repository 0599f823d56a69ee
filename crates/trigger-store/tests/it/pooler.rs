//! The store behind PgBouncer.

use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::postgres::Server;
use tokio::task::JoinSet;
use trigger_core::run_store::{RunFilter, RunStore};

use super::support::{TestDatabase, events, failed, numbers, open, pending, postgres, running};

/// Opens a store behind the pooler, as each replica does, and saves some runs at the same time.
async fn replica(url: String, name: String, runs: i64) {
    let store = open(&url).await;
    let mut saves = JoinSet::new();
    for number in 0..runs {
        let (store, run) = (store.clone(), pending(&format!("{name}-{number:02}")));
        saves.spawn(async move {
            for state in [run.clone(), running(&run), failed(&run, 1)] {
                assert_eq!(store.save(&state).await.expect("it is saved"), state);
            }
            assert_eq!(store.run(&run.id).await.expect("it is read"), Some(failed(&run, 1)));
        });
    }
    while let Some(saved) = saves.join_next().await {
        saved.expect("it did not panic");
    }
    store.close().await;
}

/// Starts two replicas at the same time, twice in a row, with that many runs each.
async fn works(pooler: &PgBouncer, database: &TestDatabase, runs: i64) {
    let url = pooler.url(&database.postgres().name);
    for time in ["first", "second"] {
        let mut replicas = JoinSet::new();
        for replica_name in ["a", "b"] {
            replicas.spawn(replica(url.clone(), format!("{time}-{replica_name}"), runs));
        }
        while let Some(done) = replicas.join_next().await {
            done.expect("it did not panic");
        }
    }
    let store = open(&url).await;
    let filter = RunFilter { limit: 1000, ..RunFilter::default() };
    let stored = store.runs(&filter).await.expect("they are listed").runs.len();
    assert_eq!(i64::try_from(stored), Ok(4 * runs));
    assert_eq!(numbers(&events(&store).await), (1..=12 * runs).collect::<Vec<_>>());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_work_through_pgbouncer_at_its_defaults_twice_in_a_row() {
    let database = postgres().await;
    works(&PgBouncer::start(Server::shared(), PoolMode::Session), &database, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_work_through_pgbouncer_in_transaction_mode_twice_in_a_row() {
    let database = postgres().await;
    works(&PgBouncer::start(Server::shared(), PoolMode::Transaction), &database, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_one_connection_of_the_pooler_because_none_keeps_it_after_a_transaction() {
    let database = postgres().await;
    let one = [("default_pool_size", "1")];
    works(&PgBouncer::start_with(Server::shared(), PoolMode::Transaction, &one), &database, 3).await;
}

#[tokio::test]
async fn after_an_error_of_a_statement_the_pooler_can_reuse_the_connection() {
    let database = postgres().await;
    let one = [("default_pool_size", "1")];
    let pooler = PgBouncer::start_with(Server::shared(), PoolMode::Transaction, &one);
    let url = pooler.url(&database.postgres().name);
    let (first, second) = (open(&url).await, open(&url).await);
    database.execute("ALTER TABLE runs RENAME TO elsewhere").await;
    first.save(&pending("a")).await.unwrap_err();
    database.execute("ALTER TABLE elsewhere RENAME TO runs").await;
    second.save(&pending("a")).await.unwrap();
}

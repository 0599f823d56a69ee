//! The store through PgBouncer.

use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::postgres::Server;
use tokio::task::JoinSet;
use trigger_core::ports::{RunFilter, RunStore};

use super::support::{Place, events, failed, numbers, open, pending, postgres, running};

/// A store of its own behind the pooler, as a replica has it, that saves some runs at the same moment.
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

/// Two replicas at once, twice in a row, with that many runs each.
async fn works(pooler: &PgBouncer, place: &Place, runs: i64) {
    let url = pooler.url(&place.postgres.as_ref().expect("it is Postgres").name);
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
    let stored = store.runs(&filter).await.expect("they are listed").len();
    assert_eq!(i64::try_from(stored), Ok(4 * runs));
    assert_eq!(numbers(&events(&store).await), (1..=12 * runs).collect::<Vec<_>>());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_work_through_pgbouncer_at_its_defaults_twice_in_a_row() {
    let place = postgres().await;
    works(&PgBouncer::start(Server::shared(), PoolMode::Session), &place, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_work_through_pgbouncer_in_transaction_mode_twice_in_a_row() {
    let place = postgres().await;
    works(&PgBouncer::start(Server::shared(), PoolMode::Transaction), &place, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_one_connection_of_the_pooler_because_none_keeps_it_beyond_a_transaction() {
    let place = postgres().await;
    let one = [("default_pool_size", "1")];
    works(&PgBouncer::start_with(Server::shared(), PoolMode::Transaction, &one), &place, 3).await;
}

#[tokio::test]
async fn an_error_of_a_statement_gives_the_connection_back_to_the_pooler() {
    let place = postgres().await;
    let one = [("default_pool_size", "1")];
    let pooler = PgBouncer::start_with(Server::shared(), PoolMode::Transaction, &one);
    let url = pooler.url(&place.postgres.as_ref().unwrap().name);
    let (first, second) = (open(&url).await, open(&url).await);
    place.execute("ALTER TABLE runs RENAME TO elsewhere").await;
    first.save(&pending("a")).await.unwrap_err();
    place.execute("ALTER TABLE elsewhere RENAME TO runs").await;
    second.save(&pending("a")).await.unwrap();
}

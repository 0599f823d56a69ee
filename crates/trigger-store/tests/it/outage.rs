//! A Postgres that goes away and comes back.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::postgres::Server;
use tokio::time::Instant;
use trigger_core::ports::RunStore;
use trigger_core::run::{Run, RunId};
use trigger_store::SqlStore;

use super::relay::{Relay, Way};
use super::support::{
    PATIENCE, Place, events, failed, numbers, open, pending, postgres, recorder, running, until,
};

async fn behind_a_relay(way: Way) -> (Place, Relay, String) {
    let place = postgres().await;
    let port = place.postgres.as_ref().expect("it is Postgres").port;
    let relay = Relay::to(port, way).await;
    let url = relay.url(&place.url, port);
    (place, relay, url)
}

#[tokio::test]
async fn an_outage_is_an_error_and_its_end_needs_no_restart() {
    let (_place, relay, url) = behind_a_relay(Way::Open).await;
    let store = open(&url).await;
    store.save(&pending("a")).await.unwrap();
    relay.turn(Way::Cut);
    for error in [
        store.save(&running(&pending("a"))).await.unwrap_err(),
        store.run(&RunId::new("a")).await.unwrap_err(),
        store.event_range().await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("127.0.0.1") && !text.contains("secret"), "{text}");
    }
    relay.turn(Way::Open);
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(numbers(&events(&store).await), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_closed_are_replaced_without_an_error() {
    let place = postgres().await;
    let store = place.open().await;
    let many = async |state: fn(&str) -> Run| {
        let mut saves = tokio::task::JoinSet::new();
        for number in 0..40 {
            let (store, run) = (store.clone(), state(&number.to_string()));
            saves.spawn(async move { store.save(&run).await.unwrap() });
        }
        while let Some(saved) = saves.join_next().await {
            saved.unwrap();
        }
    };
    many(pending).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    place.execute(others).await;
    // One after the other, so that each may meet a dead connection.
    for number in 0..8 {
        store.save(&running(&pending(&number.to_string()))).await.unwrap();
    }
    place.execute(others).await;
    many(|id| failed(&pending(id), 1)).await;
    assert_eq!(numbers(&events(&store).await), (1..=88).collect::<Vec<_>>());
}

#[tokio::test]
async fn connections_that_were_idle_for_too_long_are_replaced_without_an_error() {
    let place = postgres().await;
    let database = place.postgres.as_ref().unwrap();
    place.execute(&format!("ALTER DATABASE {} SET idle_session_timeout = '50ms'", database.name)).await;
    let store = place.open().await;
    store.save(&pending("a")).await.unwrap();
    let mut admin = Server::shared().database().await.connect().await;
    let none = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = $1";
    until("the server has closed the idle connection", async || {
        sqlx::query_scalar(none).bind(&database.name).fetch_one(&mut admin).await.unwrap()
    })
    .await;
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(store.unwritable(), None);
}

#[tokio::test]
async fn a_network_that_goes_silent_is_an_error_in_bounded_time_and_is_got_over() {
    let (_place, relay, url) = behind_a_relay(Way::Open).await;
    let store = open(&url).await;
    store.save(&pending("a")).await.unwrap();
    relay.turn(Way::Silent);
    // The clock jumps to the timeout, as there is nothing else to do.
    tokio::time::pause();
    let text = store.run(&RunId::new("a")).await.unwrap_err().to_string();
    tokio::time::resume();
    assert!(text.contains("reading a run") && !text.contains("secret"), "{text}");
    relay.turn(Way::Open);
    assert_eq!(store.run(&RunId::new("a")).await.unwrap(), Some(pending("a")));
}

#[tokio::test]
async fn many_runs_that_are_recorded_in_an_outage_wait_for_one_try_and_are_stored_afterwards() {
    let (_place, relay, url) = behind_a_relay(Way::Open).await;
    let (store, recorder) = recorder(&url).await;
    relay.turn(Way::Silent);
    tokio::time::pause();
    let begin = Instant::now();
    let runs: Vec<Run> = (0..50).map(|number| pending(&number.to_string())).collect();
    let given = join_all(runs.iter().map(|run| recorder.record(run.clone()))).await;
    // By the clock that jumps: one try takes up to twelve seconds.
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    tokio::time::resume();
    assert_eq!(given, runs);
    relay.turn(Way::Open);
    recorder.drain(PATIENCE).await;
    for run in runs {
        assert_eq!(store.run(&run.id).await.unwrap(), Some(run));
    }
}

#[tokio::test]
async fn a_postgres_that_is_still_starting_is_waited_for() {
    let (_place, mut relay, url) = behind_a_relay(Way::Cut).await;
    let opening = tokio::spawn(async move { SqlStore::connect(&url.into()).await });
    relay.somebody_turned_away().await;
    relay.turn(Way::Open);
    opening.await.unwrap().unwrap().save(&pending("a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_postgres_that_does_not_come_is_a_clear_error() {
    let (_place, _relay, url) = behind_a_relay(Way::Cut).await;
    let text = SqlStore::connect(&url.into()).await.unwrap_err().to_string();
    assert!(text.contains("connecting: 127.0.0.1") && !text.contains("secret"), "{text}");
}

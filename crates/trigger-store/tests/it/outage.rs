//! Outages of Postgres.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::postgres::Server;
use tokio::time::Instant;
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use super::support::{
    PATIENCE, TestDatabase, events, failed, numbers, open, pending, postgres, recorder, running, until,
};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

async fn behind_a_proxy(mode: ProxyMode) -> (TestDatabase, TcpProxy, String) {
    let database = postgres().await;
    let port = database.postgres().port;
    let proxy = TcpProxy::start(port, mode).await;
    let url = proxy.url(&database.url, port);
    (database, proxy, url)
}

#[tokio::test]
async fn an_outage_is_an_error_and_the_store_recovers_without_a_restart() {
    let (_database, proxy, url) = behind_a_proxy(ProxyMode::Open).await;
    let store = open(&url).await;
    store.save(&pending("a")).await.unwrap();
    proxy.set_mode(ProxyMode::Closed);
    for error in [
        store.save(&running(&pending("a"))).await.unwrap_err(),
        store.run(&RunId::new("a")).await.unwrap_err(),
        store.event_range().await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("127.0.0.1") && !text.contains("secret"), "{text}");
    }
    proxy.set_mode(ProxyMode::Open);
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(numbers(&events(&store).await), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_closed_are_replaced_without_an_error() {
    let database = postgres().await;
    let store = database.open().await;
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
    let terminate_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.execute(terminate_others).await;
    // The statements are sequential, so that each can meet a closed connection.
    for number in 0..8 {
        store.save(&running(&pending(&number.to_string()))).await.unwrap();
    }
    database.execute(terminate_others).await;
    many(|id| failed(&pending(id), 1)).await;
    assert_eq!(numbers(&events(&store).await), (1..=88).collect::<Vec<_>>());
}

#[tokio::test]
async fn connections_that_were_idle_for_too_long_are_replaced_without_an_error() {
    let database = postgres().await;
    let name = &database.postgres().name;
    database.execute(&format!("ALTER DATABASE {name} SET idle_session_timeout = '50ms'")).await;
    let store = database.open().await;
    store.save(&pending("a")).await.unwrap();
    let mut admin = Server::shared().database().await.connect().await;
    let none = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = $1";
    until("the server has closed the idle connection", async || {
        sqlx::query_scalar(none).bind(name).fetch_one(&mut admin).await.unwrap()
    })
    .await;
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(store.unwritable(), None);
}

#[tokio::test]
async fn a_network_that_drops_packets_is_an_error_in_bounded_time_and_the_store_recovers() {
    let (_database, proxy, url) = behind_a_proxy(ProxyMode::Open).await;
    let store = open(&url).await;
    store.save(&pending("a")).await.unwrap();
    proxy.set_mode(ProxyMode::Silent);
    // The paused clock advances to the timeout at once.
    tokio::time::pause();
    let text = store.run(&RunId::new("a")).await.unwrap_err().to_string();
    tokio::time::resume();
    assert!(text.contains("reading a run") && !text.contains("secret"), "{text}");
    proxy.set_mode(ProxyMode::Open);
    assert_eq!(store.run(&RunId::new("a")).await.unwrap(), Some(pending("a")));
}

#[tokio::test]
async fn runs_that_are_recorded_in_an_outage_wait_for_one_attempt_and_are_stored_afterwards() {
    let (_database, proxy, url) = behind_a_proxy(ProxyMode::Open).await;
    let (store, recorder) = recorder(&url).await;
    proxy.set_mode(ProxyMode::Silent);
    tokio::time::pause();
    let begin = Instant::now();
    let runs: Vec<Run> = (0..50).map(|number| pending(&number.to_string())).collect();
    let returned = join_all(runs.iter().map(|run| recorder.record(run.clone()))).await;
    // In the time of the paused clock: one attempt takes up to 12 s.
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    tokio::time::resume();
    assert_eq!(returned, runs);
    proxy.set_mode(ProxyMode::Open);
    recorder.drain(PATIENCE).await;
    for run in runs {
        assert_eq!(store.run(&run.id).await.unwrap(), Some(run));
    }
}

#[tokio::test]
async fn connecting_is_retried_while_postgres_is_starting_up() {
    let (_database, mut proxy, url) = behind_a_proxy(ProxyMode::Closed).await;
    let opening = tokio::spawn(async move { SqlStore::connect(&url.into()).await });
    proxy.rejects().await;
    proxy.set_mode(ProxyMode::Open);
    opening.await.unwrap().unwrap().save(&pending("a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_postgres_that_does_not_start_is_a_clear_error() {
    let (_database, _proxy, url) = behind_a_proxy(ProxyMode::Closed).await;
    let text = SqlStore::connect(&url.into()).await.unwrap_err().to_string();
    assert!(text.contains("connecting: 127.0.0.1") && !text.contains("secret"), "{text}");
}

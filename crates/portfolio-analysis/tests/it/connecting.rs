//! Connections through a pooler, and to a server that starts during the run.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::postgres::Server;
use tokio::net::{TcpListener, TcpStream};
use trigger_core::parameters::Parameters;
use trigger_core::task::Task;

use super::support::{DAY, context, report_on, run, task, views_with};

#[tokio::test]
async fn analyses_through_a_pooler_succeed_in_sequence_and_concurrently() {
    let database = views_with(&[DAY]).await;
    let expected = report_on(&database, DAY).await;
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        // With two connections, concurrent analyses share them.
        let start = move || PgBouncer::start_with(Server::shared(), mode, &[("default_pool_size", "2")]);
        let pooler = tokio::task::spawn_blocking(start).await.expect("it starts");
        let url = pooler.url(&database.name);
        for turn in 0..3 {
            let report = run(&url, json!({})).await.0;
            assert_eq!(report.expect("it succeeds"), expected, "{mode:?}, {turn}");
        }
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { run(&url, json!({})).await.0 })
            })
            .collect();
        for task in tasks {
            let report = task.await.expect("it does not panic");
            assert_eq!(report.expect("it succeeds"), expected, "{mode:?}");
        }
        // No connection that the pooler keeps is in a transaction of a client.
        let mut admin = database.connect().await;
        let in_transaction: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'",
        )
        .fetch_one(&mut admin)
        .await
        .expect("the server is up");
        assert_eq!(in_transaction, 0, "{mode:?}");
    }
}

#[tokio::test]
async fn a_run_waits_for_a_server_that_starts_while_it_connects() {
    let database = views_with(&[DAY]).await;
    let reserved = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = reserved.local_addr().expect("it is bound").port();
    drop(reserved);
    let url = database.url.replace(&format!(":{}/", database.port), &format!(":{port}/"));
    let context = context();
    let running = tokio::spawn({
        let context = context.clone();
        async move { task(&url).run(&Parameters::new(), &context).await }
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut polls = tokio::time::interval(Duration::from_millis(50));
    while !context.progress().note.contains("no connection after") {
        assert!(Instant::now() < deadline, "the run does not report that it waits: {:?}", context.progress());
        polls.tick().await;
    }
    assert!(!context.progress().note.contains("secret"), "{:?}", context.progress());
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is still free");
    let relay = tokio::spawn(relay(listener, database.port));
    let report = running.await.expect("it does not panic").expect("it succeeds");
    assert_eq!(report["date"], DAY.to_string());
    relay.abort();
}

/// Forwards connections to a local port.
async fn relay(listener: TcpListener, port: u16) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server is up");
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await.ok() });
    }
}

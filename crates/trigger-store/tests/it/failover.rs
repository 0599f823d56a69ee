//! A Postgres that becomes read-only while a standby is promoted.

use sqlx::{Connection, PgConnection};
use testkit::postgres::{Server, Setup};
use tokio::task::JoinSet;
use trigger_core::run::Run;
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use super::support::{events, failed, numbers, open, pending, running, until};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

const READ_ONLY: &str = "ALTER SYSTEM SET default_transaction_read_only = on";
const WRITABLE: &str = "ALTER SYSTEM RESET default_transaction_read_only";

/// A primary, its standby, and a database of the primary.
struct ReplicatedServers {
    primary: Server,
    standby: Server,
    database: String,
}

impl ReplicatedServers {
    async fn start() -> Self {
        let primary = Server::start();
        let standby = Server::start_with(&Setup { standby_of: Some(primary.port()), ..Setup::default() });
        let database = primary.database().await.name;
        Self { primary, standby, database }
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://postgres:secret@127.0.0.1:{port}/{}", self.database)
    }

    /// Makes the primary read-only, waits until the standby has replayed everything, and promotes it.
    async fn fail_over(&self) {
        let mut primary = admin(self.primary.port()).await;
        read_only(&mut primary, true).await;
        let caught_up =
            "SELECT COALESCE(bool_and(replay_lsn = pg_current_wal_lsn()), false) FROM pg_stat_replication";
        until("the standby has replayed everything", async || {
            sqlx::query_scalar(caught_up).fetch_one(&mut primary).await.expect("it answers")
        })
        .await;
        let mut standby = admin(self.standby.port()).await;
        sqlx::query("SELECT pg_promote()").execute(&mut standby).await.expect("it is a standby");
    }
}

async fn admin(port: u16) -> PgConnection {
    let url = format!("postgres://postgres:secret@127.0.0.1:{port}/postgres");
    PgConnection::connect(&url).await.expect("the server is up")
}

/// Makes all sessions of a server read-only or writable.
async fn read_only(admin: &mut PgConnection, on: bool) {
    sqlx::query(if on { READ_ONLY } else { WRITABLE })
        .execute(&mut *admin)
        .await
        .expect("a superuser can do this");
    sqlx::query("SELECT pg_reload_conf()").execute(&mut *admin).await.expect("a superuser can do this");
    let wanted = if on { "on" } else { "off" };
    until("the server has read its settings", async || {
        let value: String = sqlx::query_scalar("SHOW default_transaction_read_only")
            .fetch_one(&mut *admin)
            .await
            .expect("it answers");
        value == wanted
    })
    .await;
    // The server signals all sessions before it accepts a new one.
    let port: String = sqlx::query_scalar("SHOW port").fetch_one(admin).await.expect("it answers");
    drop(self::admin(port.parse().expect("a port")).await);
}

/// Saves many runs at the same time, which uses all connections.
async fn save_many(store: &SqlStore, state: fn(&str) -> Run) {
    let mut saves = JoinSet::new();
    for number in 0..40 {
        let (store, run) = (store.clone(), state(&number.to_string()));
        saves.spawn(async move { store.save(&run).await.expect("it is saved") });
    }
    while let Some(saved) = saves.join_next().await {
        saved.expect("it did not panic");
    }
}

async fn connections_of_the_store(port: u16) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trigger-api'";
    sqlx::query_scalar(sql).fetch_one(&mut admin(port).await).await.expect("it answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dns_name_that_moves_to_the_new_primary_is_followed_without_an_error_and_old_connections_are_closed()
 {
    let servers = ReplicatedServers::start().await;
    let proxy = TcpProxy::start(servers.primary.port(), ProxyMode::Open).await;
    let store = open(&proxy.url(&servers.url(servers.primary.port()), servers.primary.port())).await;
    save_many(&store, pending).await;
    servers.fail_over().await;
    proxy.redirect(servers.standby.port());
    for number in 0..8 {
        store.save(&running(&pending(&number.to_string()))).await.unwrap();
    }
    save_many(&store, |id| failed(&pending(id), 1)).await;
    assert_eq!(numbers(&events(&store).await), (1..=88).collect::<Vec<_>>());
    until("no connection to the old server is left", async || {
        connections_of_the_store(servers.primary.port()).await == 0
    })
    .await;
    assert!(connections_of_the_store(servers.standby.port()).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_the_writable_one_is_used() {
    let mut servers = ReplicatedServers::start().await;
    let (first, second) = (servers.primary.port(), servers.standby.port());
    let url = format!(
        "postgres://postgres:secret@127.0.0.1:{first},127.0.0.1:{second}/{}?target_session_attrs=read-write",
        servers.database
    );
    let store = open(&url).await;
    save_many(&store, pending).await;
    servers.fail_over().await;
    save_many(&store, |id| running(&pending(id))).await;
    servers.primary.kill();
    save_many(&store, |id| failed(&pending(id), 1)).await;
    assert_eq!(numbers(&events(&store).await), (1..=120).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_write_waits_for_a_server_that_is_read_only_for_a_short_time() {
    let server = Server::start();
    let database = server.database().await;
    let mut proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let store = open(&proxy.url(&database.url, server.port())).await;
    store.save(&pending("a")).await.unwrap();
    let mut admin = admin(server.port()).await;
    read_only(&mut admin, true).await;
    let recovery = async {
        // By then, the write has failed on two new connections.
        proxy.accepts(2).await;
        read_only(&mut admin, false).await;
    };
    let run = pending("b");
    let (saved, ()) = tokio::join!(store.save(&run), recovery);
    saved.unwrap();
    assert_eq!(store.unwritable(), None);
}

#[tokio::test]
async fn a_database_that_stays_read_only_can_be_read_and_its_recovery_is_detected_without_a_request() {
    let server = Server::start();
    let database = server.database().await;
    let store = open(&database.url).await;
    store.save(&pending("a")).await.unwrap();
    store.check().await;
    assert_eq!(store.unwritable(), None);
    let mut admin = admin(server.port()).await;
    read_only(&mut admin, true).await;
    // Only the check writes.
    store.check().await;
    let reason = store.unwritable().expect("it can't be written").to_string();
    assert_eq!(reason, "the database is read-only");
    let error = store.save(&running(&pending("a"))).await.unwrap_err().to_string();
    assert!(error.contains("read-only transaction"), "{error}");
    assert_eq!(store.run(&pending("a").id).await.unwrap(), Some(pending("a")));
    read_only(&mut admin, false).await;
    // A save has failed, so several checks must succeed.
    for _ in 0..3 {
        store.check().await;
    }
    assert_eq!(store.unwritable(), None);
    store.save(&running(&pending("a"))).await.unwrap();
}

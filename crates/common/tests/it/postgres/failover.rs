//! Several servers, and servers that stop and start.

use std::time::Duration;

use common::postgres::{ConnectError, is_connection_failure, reason};
use sqlx::{Executor, Row};
use testkit::postgres::{Server, Setup};
use tokio::net::TcpListener;

use super::{BUDGET, TestEnv, server};
use crate::certificates::Authority;

#[tokio::test(flavor = "multi_thread")]
async fn of_several_servers_the_one_that_psql_selects_is_selected() {
    let hba = "local all all trust\nhost all all all scram-sha-256\nhost replication all all scram-sha-256\n";
    let primary = Server::start_with(&Setup::default().with_hba(hba));
    let standby = Server::start_with(&Setup { standby_of: Some(primary.port()), ..Setup::default() });
    let read_only = Server::start_with(&Setup::default().with("default_transaction_read_only", "on"));
    let ports = [primary.port(), standby.port(), read_only.port()];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let hosts = order.map(|place| format!("127.0.0.1:{}", ports[place])).join(",");
        for wanted in ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] {
            let address = format!(
                "postgres://postgres:secret@{hosts}/postgres?target_session_attrs={wanted}&sslmode=disable"
            );
            let env = TestEnv::new(&[]);
            let ours = env.connect(&address).await;
            assert!(ours.is_ok(), "{wanted} {ours:?}");
            assert_eq!(ours, env.psql(&address), "{wanted}");
        }
    }
    let hosts = format!("127.0.0.1:{},127.0.0.1:{},127.0.0.1:1", ports[1], ports[2]);
    let address = format!("postgres://postgres:secret@{hosts}/postgres?target_session_attrs=read-write");
    let error = server(&address).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::NoSuitableHost { .. }) && error.is_transient(), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("it is read-only") && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn the_loss_of_a_tls_connection_is_reported_and_a_new_connection_works() {
    let authority = Authority::new("authority");
    let certificate = authority.issue("server", &["localhost"]);
    let mut postgres =
        Server::start_with(&Setup::default().with_tls(&certificate.certificate, &certificate.key));
    let address =
        format!("postgres://postgres:secret@localhost:{}/postgres?sslmode=require", postgres.port());
    let server = server(&address);
    let sql = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
    let mut first = server.connect().await.unwrap();
    let mut second = server.connect().await.unwrap();
    for connection in [&mut first, &mut second] {
        let row = connection.fetch_one(sqlx::raw_sql(sql)).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 1);
    }
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    first.execute(sqlx::raw_sql(terminate)).await.unwrap();
    let error = second.execute("SELECT 1").await.unwrap_err();
    assert!(is_connection_failure(&error), "{error:?}");
    let mut third = server.connect().await.unwrap();
    assert_eq!(third.fetch_one(sqlx::raw_sql(sql)).await.unwrap().get::<i64, _>(0), 1);
    postgres.kill();
    let error = server.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn connecting_is_retried_until_the_server_is_up() {
    // Nothing listens on the port until the first attempt has failed.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let server = server(&format!("postgres://u:p@127.0.0.1:{port}/d?sslmode=require"));
    assert!(server.connect().await.unwrap_err().is_transient());
    let connecting = server.connect_within(BUDGET);
    let listening = async {
        tokio::task::yield_now().await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"N").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(connecting, listening);
    assert!(matches!(outcome, Err(ConnectError::TlsRefused { .. })), "{outcome:?}");
}

#[tokio::test]
async fn connecting_ends_when_the_budget_is_used_up() {
    let refused = server("postgres://u:p@127.0.0.1:1/d");
    let error = refused.connect_within(Duration::from_millis(300)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    // A server that accepts the connection and sends nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("postgres://u:p@{}/d", listener.local_addr().unwrap());
    let error = server(&silent).connect_within(Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("no answer within 0.3 s"), "{error}");
}

#[tokio::test]
async fn connection_failures_are_distinguished_from_errors_of_a_statement() {
    let database = Server::shared().database().await;
    let mut connection = server(&database.url).connect().await.unwrap();
    for (sql, belongs) in [
        ("SELECT 1/0", false),
        ("SELECT * FROM absent", false),
        ("SET transaction_read_only = on; CREATE TABLE t (a int)", true),
    ] {
        let error = connection.execute(sqlx::raw_sql(sql)).await.unwrap_err();
        assert_eq!(is_connection_failure(&error), belongs, "{sql}: {error:?}");
    }
    let text = "DO $$ BEGIN RAISE 'two\nlines%', repeat('x', 2000); END $$";
    let error = connection.execute(sqlx::raw_sql(text)).await.unwrap_err();
    let reason = reason(&error);
    assert!(reason.starts_with("two lines") && reason.len() <= 1024, "{reason}");
}

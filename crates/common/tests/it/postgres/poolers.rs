//! PgBouncer with its defaults, in session and in transaction mode.

use std::os::unix::fs::PermissionsExt;

use common::postgres::{ConnectError, is_connection_failure, reason};
use sqlx::{Connection, Executor, Row};
use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::postgres::Server;

use super::{BUDGET, server};
use crate::certificates::{Authority, file};

#[tokio::test(flavor = "multi_thread")]
async fn connections_through_a_pooler_work_repeatedly_and_concurrently() {
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        let pooler = PgBouncer::start_with(Server::shared(), mode, &[("default_pool_size", "2")]);
        let server = server(&pooler.url("postgres"));
        for _ in 0..2 {
            let tasks = (0..4).map(|number| {
                let server = server.clone();
                tokio::spawn(async move {
                    let mut connection = server.connect_within(BUDGET).await.unwrap();
                    let sql = sqlx::AssertSqlSafe(format!("BEGIN; SELECT {number}; COMMIT"));
                    let row = connection.fetch_one(sqlx::raw_sql(sql)).await.unwrap();
                    assert_eq!(row.get::<i32, _>(0), number);
                    connection.close().await.unwrap();
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_rejection_by_a_pooler_is_classified() {
    let pooler = PgBouncer::start(Server::shared(), PoolMode::Session);
    let connect = async |address: String| server(&address).connect().await.unwrap_err();
    let error = connect(format!("{}?options=-c%20work_mem%3D3MB", pooler.url("postgres"))).await;
    assert!(
        matches!(&error, ConnectError::ParameterRefused { parameter, .. } if parameter == "options"),
        "{error:?}"
    );
    assert!(!error.is_transient() && error.to_string().contains("ignore_startup_parameters"), "{error}");
    let error = connect(pooler.url("absent")).await;
    assert!(matches!(error, ConnectError::DatabaseRefused { .. }), "{error:?}");
    let error = connect(format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", pooler.port())).await;
    assert!(matches!(error, ConnectError::LoginRefused { .. }), "{error:?}");
    let error = connect(format!("postgres://nobody:wrong@127.0.0.1:{}/postgres", pooler.port())).await;
    assert!(matches!(error, ConnectError::LoginRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pooler_that_requires_tls_is_reported_with_the_mode_to_set() {
    let certificate = Authority::new("authority").issue("pooler", &["localhost"]);
    let (certificate, key) = (file(&certificate.certificate), file(&certificate.key));
    for file in [&certificate, &key] {
        // The pooler runs as another user.
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let settings = [
        ("client_tls_sslmode", "require"),
        ("client_tls_cert_file", certificate.path().to_str().unwrap()),
        ("client_tls_key_file", key.path().to_str().unwrap()),
    ];
    let pooler = PgBouncer::start_with(Server::shared(), PoolMode::Session, &settings);
    let address = |mode: &str| format!("{}?sslmode={mode}", pooler.url("postgres"));
    server(&address("require")).connect().await.unwrap();
    let error = server(&address("disable")).connect().await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("sslmode=require"), "{error}");
}

#[tokio::test]
async fn the_loss_of_the_server_behind_a_pooler_is_a_connection_failure() {
    let mut postgres = Server::start();
    let pooler = PgBouncer::start_with(
        &postgres,
        PoolMode::Transaction,
        &[("server_login_retry", "1"), ("server_connect_timeout", "2"), ("query_wait_timeout", "2")],
    );
    let server = server(&pooler.url("postgres"));
    let mut connection = server.connect().await.unwrap();
    let mut other = server.connect().await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    postgres.kill();
    for connection in [&mut connection, &mut other] {
        let error = connection.execute("SELECT 1").await.unwrap_err();
        assert!(is_connection_failure(&error), "{error:?}");
        assert!(!reason(&error).is_empty());
    }
    // A pooler may accept connections although it has no server.
    match server.connect().await {
        Ok(mut connection) => {
            let error = connection.execute("SELECT 1").await.unwrap_err();
            assert!(is_connection_failure(&error), "{error:?}");
        }
        Err(error) => assert!(error.is_transient(), "{error:?}"),
    }
}

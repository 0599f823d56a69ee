//! A program uses libpq's variables of its environment, and sqlx's own use of them has no effect.

use common::postgres::Server;
use sqlx::{Executor, Row};

use crate::child;

/// The child process: it connects to the address in its request.
#[tokio::test]
async fn connecting_child() {
    let Some(address) = child::request() else { return };
    let server = Server::parse(super::SETTING, &address.into(), "child").unwrap();
    let mut connection = server.connect().await.unwrap();
    let sql = "SELECT current_user || ' ' || current_database() || ' ' || current_setting('work_mem') || ' ' || \
        current_setting('application_name')";
    let row = connection.fetch_one(sqlx::raw_sql(sql)).await.unwrap();
    child::answer(row.get(0));
}

#[tokio::test]
async fn a_program_connects_by_its_environment() {
    let server = testkit::postgres::Server::shared();
    let port = server.port().to_string();
    let run = |address: &str, variables: &[(&str, &str)]| {
        child::run("postgres::environment::connecting_child", address, variables)
    };
    let login =
        [("PGHOST", "127.0.0.1"), ("PGPORT", &port), ("PGUSER", "postgres"), ("PGPASSWORD", "secret")];
    let with = |more: &[(&'static str, &'static str)]| [&login, more].concat();
    let outcome = run("postgres://", &with(&[("PGOPTIONS", "-c work_mem=3MB"), ("PGAPPNAME", "mine")]));
    assert_eq!(outcome.as_deref(), Ok("postgres postgres 3MB mine"));
    let outcome = run("dbname=template1", &with(&[("PGDATABASE", "absent"), ("PGSSLROOTCERT", "")]));
    assert_eq!(outcome.as_deref(), Ok("postgres template1 4MB child"));
    let outcome = run("options='-c work_mem=5MB'", &with(&[("PGDATABASE", "postgres")]));
    assert_eq!(outcome.as_deref(), Ok("postgres postgres 5MB child"));
    let outcome = run("options='-c work_mem=5MB'", &with(&[("PGOPTIONS", "-c geqo=off")])).unwrap_err();
    assert!(outcome.contains("PGOPTIONS"), "{outcome}");
}

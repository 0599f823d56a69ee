//! A database, and the transaction in which views are read.

use sqlx::{Executor, PgConnection};
use testkit::postgres::{Database, Server};
use trading_views::{View, Views, begin};

/// An empty database.
pub(crate) async fn database() -> Database {
    Server::shared().database().await
}

/// A connection on which the transaction that reads views has begun.
pub(crate) async fn reading(database: &Database) -> PgConnection {
    let mut connection = database.connect().await;
    begin(&mut connection, None).await.expect("the server is up");
    connection
}

/// Ends the transaction.
pub(crate) async fn end(connection: &mut PgConnection) {
    connection.execute(sqlx::raw_sql("ROLLBACK")).await.expect("the server is up");
}

/// The view of KPIs with another name.
pub(crate) fn kpis(name: &str) -> View {
    View { name: name.to_owned(), ..Views::default().kpis }
}

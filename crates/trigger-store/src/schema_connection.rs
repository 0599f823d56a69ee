//! A single connection on which the schema is created. It executes scripts, which have no values.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::address::Address;
use super::execute_error::ExecuteError;
use super::sqlite;

/// How long connecting to Postgres is retried.
const CONNECT_BUDGET: Duration = Duration::from_secs(10);

pub(super) enum SchemaConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl SchemaConnection {
    /// Connects. Retries for some seconds if Postgres is starting up or the SQLite file is locked.
    pub(super) async fn open(address: &Address) -> Result<Self, ExecuteError> {
        match address {
            Address::Sqlite(path) => sqlite::open(path).await.map(Self::Sqlite),
            Address::Postgres(server) => {
                let connected = server.connect_within(CONNECT_BUDGET).await;
                connected.map(Self::Postgres).map_err(ExecuteError::Connect)
            }
        }
    }

    /// Executes statements that have no values.
    pub(super) async fn execute(&mut self, sql: impl Into<String>) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.into()));
        match self {
            Self::Sqlite(connection) => connection.execute(script).await.map(drop),
            Self::Postgres(connection) => connection.execute(script).await.map(drop),
        }
    }

    /// Reads one number.
    pub(super) async fn read_number(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        let query = sqlx::raw_sql(sql);
        match self {
            Self::Sqlite(connection) => connection.fetch_one(query).await?.try_get(0),
            Self::Postgres(connection) => connection.fetch_one(query).await?.try_get(0),
        }
    }

    pub(super) async fn close(self) {
        // An error is ignored: all changes are committed.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }
}

//! The one place that knows that there are two databases.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Connection as _, Executor, Row as _};

use super::address::Address;
use super::failure::Failure;
use super::health::{Health, Purpose};
use super::postgres;
use super::row::{Answer, Row};
use super::sqlite;
use super::statement::Statement;
use trigger_core::ports::{StoreError, Unwritable};

/// How long the program waits for a Postgres that starts.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections to the database, and what is known of its health.
#[derive(Clone)]
pub(super) struct Connections(Arc<Inner>);

struct Inner {
    pool: Pool,
    place: String,
    health: Health,
}

enum Pool {
    Sqlite(SqlitePool, sqlite::File),
    Postgres(Box<postgres::Pool>),
}

impl Connections {
    /// Connects when it is first used.
    pub(super) fn to(address: Address) -> Self {
        let place = address.place();
        let pool = match address {
            Address::Sqlite(path) => Pool::Sqlite(sqlite::pool(&path), sqlite::File::at(path)),
            Address::Postgres(server) => Pool::Postgres(Box::new(postgres::Pool::new(*server))),
        };
        Self(Arc::new(Inner { pool, place, health: Health::default() }))
    }

    /// The database's name in messages.
    pub(super) fn place(&self) -> &str {
        &self.0.place
    }

    /// Why the database can't be written; None when it can.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        self.0.health.unwritable()
    }

    pub(super) async fn close(&self) {
        match &self.0.pool {
            Pool::Sqlite(pool, _) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Finds out by a write whether the database can be written, unless something was written since the last check.
    pub(super) async fn check(&self) {
        let write = match &self.0.pool {
            Pool::Sqlite(_, file) => {
                self.0.health.note_place(self.place(), file.is_misplaced());
                sqlite::CHECK
            }
            Pool::Postgres(pool) => {
                pool.reap().await;
                postgres::CHECK
            }
        };
        if self.unwritable().is_some() || !self.0.health.written_since_last_asked() {
            // How it ends is noted, and logged when it is news.
            let _ = self.perform_for(Purpose::Check, &Statement::new(write, Vec::new())).await;
        }
    }

    /// Runs a statement and returns how many rows it changed, without those that triggers changed.
    pub(super) async fn execute(
        &self,
        doing: &'static str,
        statement: &Statement,
    ) -> Result<u64, StoreError> {
        Ok(self.run(doing, statement).await?.changed)
    }

    /// Reads the first row that a statement returns; None also when the statement would put a second row where an index
    /// permits one. So one of two replicas that do the same at the same moment learns that it was the second.
    pub(super) async fn first_unless_taken<T>(
        &self,
        doing: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        let rows = match self.perform(statement).await {
            Ok(answer) => answer.rows,
            Err(failure) if failure.is_unique_violation() => return Ok(None),
            Err(failure) => return Err(failure.store_error(doing, self.place())),
        };
        rows.first().map(read).transpose().map_err(|error| self.unreadable(doing, error))
    }

    /// Reads all rows that a statement returns.
    pub(super) async fn all<T>(
        &self,
        doing: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.run(doing, statement).await?.rows;
        let read: Result<_, _> = rows.iter().map(read).collect();
        read.map_err(|error| self.unreadable(doing, error))
    }

    /// Reads the first row that a statement returns.
    pub(super) async fn first<T>(
        &self,
        doing: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(doing, statement, read).await?.into_iter().next())
    }

    async fn run(&self, doing: &'static str, statement: &Statement) -> Result<Answer, StoreError> {
        self.perform(statement).await.map_err(|failure| failure.store_error(doing, self.place()))
    }

    async fn perform(&self, statement: &Statement) -> Result<Answer, Failure> {
        self.perform_for(Purpose::Work, statement).await
    }

    async fn perform_for(&self, purpose: Purpose, statement: &Statement) -> Result<Answer, Failure> {
        let result = match &self.0.pool {
            Pool::Sqlite(pool, _) => sqlite::run(pool, statement).await,
            Pool::Postgres(pool) => pool.run(statement, self.unwritable().is_none()).await,
        };
        self.0.health.note(self.place(), purpose, statement, &result);
        result
    }

    fn unreadable(&self, doing: &'static str, error: sqlx::Error) -> StoreError {
        let detail = format!("{}: {}", self.place(), Failure::Statement(error));
        StoreError::Unreadable { operation: doing, detail }
    }
}

/// One connection, for the schema.
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    /// Makes a connection, and waits some seconds for a database that starts or is busy.
    pub(super) async fn open(address: &Address) -> Result<Self, Failure> {
        match address {
            Address::Sqlite(path) => sqlite::open(path).await.map(Self::Sqlite),
            Address::Postgres(server) => {
                let connected = server.connect_within(PATIENCE).await;
                connected.map(Self::Postgres).map_err(Failure::Connect)
            }
        }
    }

    /// Runs statements that have no values.
    pub(super) async fn script(&mut self, sql: impl Into<String>) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.into()));
        match self {
            Self::Sqlite(connection) => connection.execute(script).await.map(drop),
            Self::Postgres(connection) => connection.execute(script).await.map(drop),
        }
    }

    /// Reads one number.
    pub(super) async fn number(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        let query = sqlx::raw_sql(sql);
        match self {
            Self::Sqlite(connection) => connection.fetch_one(query).await?.try_get(0),
            Self::Postgres(connection) => connection.fetch_one(query).await?.try_get(0),
        }
    }

    pub(super) async fn close(self) {
        // Nothing depends on how the connection ends.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }
}

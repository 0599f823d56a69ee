//! The connections to the database. Only this file and the schema distinguish between SQLite and Postgres.

use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use trigger_core::store_error::{StoreError, Unwritable};

use super::address::Address;
use super::execute_error::ExecuteError;
use super::health::{Health, Purpose};
use super::postgres::{self, PostgresPool};
use super::row::{Row, StatementResult};
use super::sqlite::{self, SqliteFile};
use super::statement::Statement;

/// The connections to the database, and whether it can be written.
#[derive(Clone)]
pub(super) struct Connections(Arc<Inner>);

struct Inner {
    backend: Backend,
    place: String,
    health: Health,
}

enum Backend {
    Sqlite(SqlitePool, SqliteFile),
    Postgres(Box<PostgresPool>),
}

impl Connections {
    /// Connects at the first use.
    pub(super) fn new(address: Address) -> Self {
        let place = address.place();
        let backend = match address {
            Address::Sqlite(path) => Backend::Sqlite(sqlite::pool(&path), SqliteFile::at(path)),
            Address::Postgres(server) => Backend::Postgres(Box::new(PostgresPool::new(*server))),
        };
        Self(Arc::new(Inner { backend, place, health: Health::default() }))
    }

    /// The database as messages name it.
    pub(super) fn place(&self) -> &str {
        &self.0.place
    }

    /// Why the database can't be written; None if it can.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        self.0.health.unwritable()
    }

    pub(super) async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(pool, _) => pool.close().await,
            Backend::Postgres(pool) => pool.close().await,
        }
    }

    /// Checks with a write whether the database can be written, unless it was written since the last check.
    pub(super) async fn check(&self) {
        let write = match &self.0.backend {
            Backend::Sqlite(_, file) => {
                self.0.health.record_file(self.place(), file.is_replaced());
                sqlite::CHECK
            }
            Backend::Postgres(pool) => {
                pool.close_unusable().await;
                postgres::CHECK
            }
        };
        // The second call has a side effect, so it is not skipped.
        let written = self.0.health.take_written();
        if self.unwritable().is_some() || !written {
            // Health records and logs the result.
            let _ = self.perform(Purpose::Check, &Statement::new(write, Vec::new())).await;
        }
    }

    /// Executes a statement and returns how many rows it changed, without those that triggers changed.
    pub(super) async fn execute(
        &self,
        operation: &'static str,
        statement: &Statement,
    ) -> Result<u64, StoreError> {
        Ok(self.run(operation, statement).await?.rows_affected)
    }

    /// Reads the first row that a statement returns. Returns None also if the statement violates a unique index: then
    /// another replica did the same at the same moment.
    pub(super) async fn first_unless_taken<T>(
        &self,
        operation: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        let rows = match self.perform(Purpose::Request, statement).await {
            Ok(result) => result.rows,
            Err(error) if error.is_unique_violation() => return Ok(None),
            Err(error) => return Err(error.into_store_error(operation, self.place())),
        };
        rows.first().map(read).transpose().map_err(|error| self.unreadable(operation, error))
    }

    /// Reads all rows that a statement returns.
    pub(super) async fn all<T>(
        &self,
        operation: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.run(operation, statement).await?.rows;
        let read: Result<_, _> = rows.iter().map(read).collect();
        read.map_err(|error| self.unreadable(operation, error))
    }

    /// Reads the first row that a statement returns.
    pub(super) async fn first<T>(
        &self,
        operation: &'static str,
        statement: &Statement,
        read: fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(operation, statement, read).await?.into_iter().next())
    }

    /// The error of a row that can't be decoded.
    pub(super) fn unreadable(&self, operation: &'static str, error: sqlx::Error) -> StoreError {
        let detail = format!("{}: {}", self.place(), ExecuteError::Statement(error));
        StoreError::Unreadable { operation, detail }
    }

    async fn run(
        &self,
        operation: &'static str,
        statement: &Statement,
    ) -> Result<StatementResult, StoreError> {
        let result = self.perform(Purpose::Request, statement).await;
        result.map_err(|error| error.into_store_error(operation, self.place()))
    }

    async fn perform(
        &self,
        purpose: Purpose,
        statement: &Statement,
    ) -> Result<StatementResult, ExecuteError> {
        let result = match &self.0.backend {
            Backend::Sqlite(pool, _) => sqlite::execute(pool, statement).await,
            Backend::Postgres(pool) => pool.execute(statement, self.unwritable().is_none()).await,
        };
        self.0.health.record(self.place(), purpose, statement, &result);
        result
    }
}

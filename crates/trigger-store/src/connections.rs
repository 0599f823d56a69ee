//! The connections to the database. Only this file and the schema distinguish between SQLite and Postgres.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::postgres::Server;
use sqlx::sqlite::SqlitePool;
use trigger_core::store_error::{StoreError, Unwritable};

use super::address::Address;
use super::execute_error::ExecuteError;
use super::health::{Health, Purpose};
use super::postgres::{self, PostgresPool};
use super::row::{Row, StatementResult};
use super::schema::{self, PrepareError};
use super::sqlite;
use super::sqlite_file::SqliteFile;
use super::statement::Statement;

/// Free pages of the SQLite file that are kept for the next runs. Others are returned to the disk, in steps.
const KEPT_FREE_PAGES: i64 = 4096;
const FREE_PAGES_STEP: i64 = 1000;

/// The connections to the database, and whether it can be written.
#[derive(Clone)]
pub(super) struct Connections(Arc<Inner>);

struct Inner {
    backend: Backend,
    address: Address,
    /// Whether the tables exist.
    prepared: AtomicBool,
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
        let backend = match &address {
            Address::Sqlite(path) => Backend::Sqlite(sqlite::pool(path), SqliteFile::at(path.clone())),
            Address::Postgres(server) => {
                Backend::Postgres(Box::new(PostgresPool::new(Server::clone(server))))
            }
        };
        let (prepared, health) = (AtomicBool::new(false), Health::default());
        Self(Arc::new(Inner { backend, address, prepared, place, health }))
    }

    /// Creates the tables. If the disk is full, [`Connections::check`] tries it again: Jobs can be started without the
    /// history, and the disk can become free at any time.
    ///
    /// # Errors
    /// For every other reason.
    pub(super) async fn prepare(&self) -> Result<(), StoreError> {
        let has_reserve = match &self.0.backend {
            Backend::Sqlite(_, file) => file.reserve.exists(),
            Backend::Postgres(_) => false,
        };
        match schema::prepare(&self.0.address).await {
            Ok(()) => {}
            Err(PrepareError::Failed { error, .. }) if error.is_full_disk() => {
                self.0.health.record(self.place(), Purpose::Check, &self.check_statement(), &Err(error));
                return Ok(());
            }
            Err(error) => return Err(error.into_store_error(self.place())),
        }
        self.0.prepared.store(true, Ordering::Relaxed);
        if let Backend::Sqlite(_, file) = &self.0.backend {
            self.0.health.record_file(self.place(), file.is_replaced());
            // The connection needs some space of its own, for which the reserve was released if the disk is full.
            let _ = self.perform(Purpose::Check, &self.check_statement()).await;
            if has_reserve { file.reserve.refill() } else { file.reserve.fill() }
        }
        Ok(())
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
        if !self.0.prepared.load(Ordering::Relaxed) {
            if let Err(error) = self.prepare().await {
                tracing::debug!(%error, "cannot create the tables; retrying");
            }
            return;
        }
        match &self.0.backend {
            Backend::Sqlite(_, file) => {
                self.0.health.record_file(self.place(), file.is_replaced());
                file.reserve.fill();
            }
            Backend::Postgres(pool) => pool.close_unusable().await,
        }
        // The second call has a side effect, so it is not skipped.
        let written = self.0.health.take_written();
        if self.unwritable().is_some() || !written {
            // Health records and logs the result.
            let _ = self.perform(Purpose::Check, &self.check_statement()).await;
        }
    }

    fn check_statement(&self) -> Statement {
        let write = match &self.0.backend {
            Backend::Sqlite(..) => sqlite::CHECK,
            Backend::Postgres(_) => postgres::CHECK,
        };
        Statement::new(write, Vec::new())
    }

    /// Executes a deletion, which also succeeds if the disk of the SQLite file is full. Returns how many rows it deleted.
    pub(super) async fn delete(
        &self,
        operation: &'static str,
        statement: &Statement,
    ) -> Result<u64, StoreError> {
        let result = self.perform(Purpose::Delete, statement).await;
        let result = result.map_err(|error| error.into_store_error(operation, self.place()))?;
        Ok(result.rows_affected)
    }

    /// Limits the size of the SQLite file to `max_bytes`, or to what its disk has. Returns the limit that applies.
    pub(super) async fn limit_size(&self, max_bytes: u64) -> Result<u64, StoreError> {
        let Backend::Sqlite(_, file) = &self.0.backend else { return Ok(max_bytes) };
        let max_bytes = file.max_bytes(max_bytes);
        self.run("limiting the size", &sqlite::limit_size(max_bytes)).await?;
        Ok(max_bytes)
    }

    /// The size of the stored data.
    pub(super) async fn used_bytes(&self) -> Result<u64, StoreError> {
        let sql = match &self.0.backend {
            Backend::Sqlite(..) => sqlite::USED_BYTES,
            Backend::Postgres(_) => postgres::USED_BYTES,
        };
        let read = |row: &Row| Ok(row.try_get::<i64>("bytes")?.unsigned_abs());
        Ok(self.first("reading the size", &Statement::new(sql, Vec::new()), read).await?.unwrap_or(0))
    }

    /// Returns free pages of the SQLite file to the disk. Postgres does so by itself.
    pub(super) async fn release_free_pages(&self) -> Result<(), StoreError> {
        let Backend::Sqlite(..) = &self.0.backend else { return Ok(()) };
        let read = |row: &Row| row.try_get::<i64>("pages");
        let free =
            self.first("reading the size", &Statement::new(sqlite::FREE_PAGES, Vec::new()), read).await?;
        let surplus = free.unwrap_or(0).saturating_sub(KEPT_FREE_PAGES);
        for _ in 0..surplus / FREE_PAGES_STEP {
            let statement =
                Statement::new(format!("PRAGMA incremental_vacuum({FREE_PAGES_STEP})"), Vec::new());
            self.delete("releasing free pages", &statement).await?;
        }
        Ok(())
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
        if !self.0.prepared.load(Ordering::Relaxed) {
            return Err(ExecuteError::NoTables);
        }
        let result = match &self.0.backend {
            Backend::Sqlite(pool, file) if purpose == Purpose::Delete => {
                sqlite::delete(pool, file, statement).await
            }
            Backend::Sqlite(pool, _) => sqlite::execute(pool, statement).await,
            Backend::Postgres(pool) => pool.execute(statement, self.unwritable().is_none()).await,
        };
        self.0.health.record(self.place(), purpose, statement, &result);
        result
    }
}

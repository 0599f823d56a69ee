//! Remembers runs in SQLite or in Postgres.
//!
//! Both are used with the same SQL; only the tables are made by a file of their own for each (`store/sqlite.sql`,
//! `store/postgres.sql`). Every call is one statement, and every statement is a transaction: a program that is killed
//! leaves nothing half-done. Every statement may also be repeated, and is when a connection fails. So callers that can
//! wait do not notice a Postgres that restarts or a standby that takes over.

mod address;
mod connections;
mod failure;
mod health;
mod postgres;
mod queries;
mod row;
mod rows;
mod save;
mod schema;
mod sqlite;
mod statement;
mod tasks;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::config::ConfigError;
use secrecy::SecretString;

use self::address::Address;
use self::connections::Connections;
use self::row::Row;
use trigger_core::event::Event;
use trigger_core::log_buffers::LogTail;
use trigger_core::ports::{Retention, RunFilter, RunStore, StoreError, Unwritable};
use trigger_core::run::{Run, RunId};
use trigger_core::target::TargetName;

/// How often it is checked that the store can be written, when nothing else is.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// How often it is checked whether a store that could not be written can be again.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(2);

/// Why the store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address can't be used.
    #[error(transparent)]
    Address(#[from] ConfigError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs, log tails and events in a SQL database.
#[derive(Clone)]
pub struct SqlStore {
    connections: Connections,
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqlStore").field("place", &self.connections.place()).finish()
    }
}

impl SqlStore {
    /// Opens the store at `sqlite:PATH`, at a URL of Postgres (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`) or at a
    /// key-value string (`host=HOST user=USER dbname=DATABASE`), and makes its tables when they are missing. A file is
    /// made; for a Postgres that starts the call waits ten seconds.
    ///
    /// # Errors
    /// When the address can't be used, the database can't be reached or written, or its tables are of a newer version. The
    /// text never shows the password.
    pub async fn connect(address: &SecretString) -> Result<Self, OpenError> {
        let address = Address::parse(address)?;
        schema::prepare(&address).await?;
        Ok(Self { connections: Connections::to(address) })
    }

    /// Checks, for ever, whether the store can be written, so that [`RunStore::unwritable`] is up to date also when nobody
    /// writes.
    pub async fn check_for_ever(&self) {
        loop {
            let fails = self.connections.unwritable().is_some();
            tokio::time::sleep(if fails { RECOVERY_INTERVAL } else { CHECK_INTERVAL }).await;
            self.check().await;
        }
    }

    /// Checks now whether the store can be written, unless it was written since the last check.
    pub async fn check(&self) {
        self.connections.check().await;
    }

    /// Closes the connections; what was answered is stored without it.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

#[async_trait]
impl RunStore for SqlStore {
    async fn save(&self, run: &Run) -> Result<Run, StoreError> {
        save::save(&self.connections, run).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.connections.first("reading a run", &queries::run(id), rows::run).await
    }

    async fn run_of_job(&self, target: &TargetName, job_name: &str) -> Result<Option<Run>, StoreError> {
        let filter = RunFilter {
            target: Some(target.clone()),
            job_name: Some(job_name.to_owned()),
            limit: 1,
            ..RunFilter::default()
        };
        self.connections.first("reading a Job's run", &queries::runs(&filter), rows::run).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        self.connections.all("listing runs", &queries::runs(filter), rows::run).await
    }

    async fn unfinished(&self, target: &TargetName) -> Result<Vec<Run>, StoreError> {
        self.connections.all("listing unfinished runs", &queries::unfinished(target), rows::run).await
    }

    async fn save_log(&self, id: &RunId, tail: &LogTail) -> Result<(), StoreError> {
        self.connections.execute("saving a log", &queries::save_log(id, tail)).await.map(drop)
    }

    async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        self.connections.first("reading a log", &queries::log(id), log_tail).await
    }

    async fn events_after(&self, sequence: i64, limit: u16) -> Result<Vec<Event>, StoreError> {
        self.connections.all("reading events", &queries::events_after(sequence, limit), rows::event).await
    }

    async fn event_range(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let read = |row: &Row| Ok((row.try_get("oldest")?, row.try_get("newest")?));
        self.connections.first("reading the events' numbers", &queries::event_range(), read).await
    }

    async fn prune(&self, retention: Retention) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let some =
                self.connections.execute("forgetting runs", &queries::prune_runs(retention.runs)).await?;
            forgotten += some;
            if some < u64::from(queries::PRUNE_BATCH) {
                break;
            }
        }
        self.connections.execute("forgetting events", &queries::prune_events(retention.events)).await?;
        Ok(forgotten)
    }

    fn unwritable(&self) -> Option<Unwritable> {
        self.connections.unwritable()
    }
}

fn log_tail(row: &Row) -> Result<LogTail, sqlx::Error> {
    let text: Vec<u8> = row.try_get("text")?;
    Ok(LogTail { text: Bytes::from(text), cut: row.try_get::<i32>("cut")? != 0 })
}

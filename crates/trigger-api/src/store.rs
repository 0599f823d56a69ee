//! Remembers runs in SQLite or in Postgres.
//!
//! Both are used through sqlx's `Any` driver and with the same SQL; only the tables are made by a file of their own for
//! each (`store/sqlite.sql`, `store/postgres.sql`). Every call is one statement, and every statement is a transaction: a
//! program that is killed leaves nothing half-done. Every statement may also be repeated, and is when a connection
//! breaks, so a Postgres that restarts is not noticed by those who can wait.

mod address;
mod connections;
mod queries;
mod rows;
mod save;
mod schema;
mod statement;
mod tasks;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use sqlx::Row;
use sqlx::any::AnyRow;

use self::address::Address;
use self::connections::Connections;
use crate::domain::event::Event;
use crate::domain::log_book::LogTail;
use crate::domain::ports::{Retention, RunFilter, RunStore, StoreError};
use crate::domain::run::{Run, RunId};
use crate::domain::target::TargetName;

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
    /// Opens the store at `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and makes its tables when they
    /// are missing. A file is made; a Postgres that is starting is waited for, for ten seconds.
    ///
    /// # Errors
    /// When the URL says neither, the database can't be reached or written, or its tables are of a newer version. The
    /// text never shows the password.
    pub async fn connect(url: &SecretString) -> Result<Self, StoreError> {
        // The second call in a process finds them installed, which is as good.
        let _ = sqlx::any::install_drivers(&[sqlx::postgres::any::DRIVER, sqlx::sqlite::any::DRIVER]);
        let address = Address::parse(url)?;
        schema::prepare(&address).await?;
        Ok(Self { connections: Connections::to(address) })
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
        let read = |row: &AnyRow| Ok((row.try_get("oldest")?, row.try_get("newest")?));
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
}

fn log_tail(row: &AnyRow) -> Result<LogTail, sqlx::Error> {
    let text: Vec<u8> = row.try_get("text")?;
    Ok(LogTail { text: Bytes::from(text), cut: row.try_get::<i64, _>("cut")? != 0 })
}

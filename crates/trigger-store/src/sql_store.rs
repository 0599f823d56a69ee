//! The store, and its methods for the history of runs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::config::ConfigError;
use jiff::SignedDuration;
use secrecy::SecretString;
use trigger_core::event::{Change, Event};
use trigger_core::log_text::LogTail;
use trigger_core::run::{Run, RunId, State};
use trigger_core::run_store::{Cursor, Retention, RunCounts, RunFilter, RunSlice, RunStore};
use trigger_core::store_error::{StoreError, Unwritable};
use trigger_core::target_name::TargetName;

use super::address::Address;
use super::connections::Connections;
use super::row::Row;
use super::run_row::{decode_error, parse_time, read_run};
use super::{log_row, queries, retention, run_list, save};

/// The interval of the checks whether the store can be written.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// The interval of these checks while the store can't be written.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(2);

/// What the triggers of the tables store as the state of a run that was deleted.
const PRUNED: &str = "pruned";

/// Why the store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is invalid.
    #[error(transparent)]
    Address(#[from] ConfigError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs, log tails, events and the task queue in a SQL database. A clone uses the same connections.
#[derive(Clone)]
pub struct SqlStore {
    pub(super) connections: Connections,
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqlStore").field("place", &self.connections.place()).finish()
    }
}

impl SqlStore {
    /// Opens the store at `sqlite:PATH`, at a Postgres URL (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`) or at a
    /// key-value string (`host=HOST user=USER dbname=DATABASE`). Creates the SQLite file and the tables if they are
    /// missing. Retries for ten seconds while Postgres is starting up. If the disk is full, the store is opened anyway, and
    /// can't be used until there is space.
    ///
    /// # Errors
    /// If the address is invalid, the database can't be reached or written, or its tables were made by a newer version. The
    /// text never contains the password.
    pub async fn connect(address: &SecretString) -> Result<Self, OpenError> {
        let connections = Connections::new(Address::parse(address)?);
        connections.prepare().await?;
        Ok(Self { connections })
    }

    /// Checks repeatedly whether the store can be written, so that [`RunStore::unwritable`] is up to date even if no run is
    /// saved. Never returns.
    pub async fn check_forever(&self) {
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

    /// Closes the connections. All completed calls are stored already.
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
        self.connections.first("reading a run", &queries::run(id), read_run).await
    }

    async fn run_of_job(&self, target: &TargetName, job_name: &str) -> Result<Option<Run>, StoreError> {
        let filter = RunFilter { job_name: Some(job_name.to_owned()), ..RunFilter::newest_of(target) };
        self.connections.first("reading the run of a Job", &run_list::page(&filter, None), read_run).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<RunSlice, StoreError> {
        let operation = "listing runs";
        let search_end = if run_list::is_search(filter) {
            self.connections.first(operation, &run_list::search_end(filter), read_position).await?
        } else {
            None
        };
        let page = run_list::page(filter, search_end.as_ref());
        let runs = self.connections.all(operation, &page, read_run).await?;
        let is_full = runs.len() == usize::from(filter.limit);
        let read_to = if is_full { runs.last().map(Cursor::of) } else { search_end };
        Ok(RunSlice { runs, read_to })
    }

    async fn counts(&self, filter: &RunFilter) -> Result<RunCounts, StoreError> {
        let (statement, max) = run_list::counts(filter);
        let rows = self.connections.all("counting runs", &statement, read_count).await?;
        let (mut by_state, mut checked) = (HashMap::new(), HashMap::new());
        for row in rows {
            *by_state.entry(row.state).or_insert(0) += row.runs;
            *checked.entry(row.branch).or_insert(0) += row.checked;
        }
        Ok(RunCounts { by_state, exact: checked.into_values().all(|checked| checked < max) })
    }

    async fn durations(&self, target: &TargetName, limit: u16) -> Result<Vec<SignedDuration>, StoreError> {
        let statement = queries::durations(target, limit);
        self.connections.all("reading durations of runs", &statement, read_duration).await
    }

    async fn unfinished(&self, target: &TargetName) -> Result<Vec<Run>, StoreError> {
        self.connections.all("listing unfinished runs", &queries::unfinished(target), read_run).await
    }

    async fn save_log(&self, id: &RunId, tail: &LogTail) -> Result<(), StoreError> {
        self.connections.execute("saving a log tail", &log_row::save_log(id, tail)).await.map(drop)
    }

    async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        self.connections.first("reading a log tail", &log_row::log(id), log_row::read_log_tail).await
    }

    async fn events_after(&self, sequence: i64, limit: u16) -> Result<Vec<Event>, StoreError> {
        self.connections.all("reading events", &queries::events_after(sequence, limit), read_event).await
    }

    async fn event_range(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let read = |row: &Row| Ok((row.try_get("oldest")?, row.try_get("newest")?));
        self.connections.first("reading the range of events", &queries::event_range(), read).await
    }

    async fn prune(&self, retention: Retention) -> Result<u64, StoreError> {
        retention::prune(&self.connections, retention).await
    }

    fn unwritable(&self) -> Option<Unwritable> {
        self.connections.unwritable()
    }
}

fn read_event(row: &Row) -> Result<Event, sqlx::Error> {
    let sequence = row.try_get("sequence")?;
    if row.try_get::<String>("state")? == PRUNED {
        let target: String = row.try_get("target")?;
        return Ok(Event {
            sequence,
            run_id: RunId::new(row.try_get::<String>("id")?),
            target: target.parse().map_err(|error: String| decode_error("target", error))?,
            change: Change::Pruned,
        });
    }
    let run = read_run(row)?;
    let (run_id, target) = (run.id.clone(), run.target.clone());
    Ok(Event { sequence, run_id, target, change: Change::State(Arc::new(run)) })
}

fn read_position(row: &Row) -> Result<Cursor, sqlx::Error> {
    let created_at = parse_time("created_at", &row.try_get::<String>("created_at")?)?;
    Ok(Cursor { created_at, id: RunId::new(row.try_get::<String>("id")?) })
}

/// Runs in one state, of one branch of [`run_list::counts`].
struct StateCount {
    branch: i64,
    state: State,
    checked: usize,
    runs: u64,
}

fn read_count(row: &Row) -> Result<StateCount, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let checked = row.try_get::<i64>("checked")?;
    Ok(StateCount {
        branch: row.try_get("branch")?,
        state: state.parse().map_err(|error: String| decode_error("state", error))?,
        checked: usize::try_from(checked).map_err(|error| decode_error("checked", error))?,
        runs: row.try_get::<i64>("runs")?.max(0).unsigned_abs(),
    })
}

fn read_duration(row: &Row) -> Result<SignedDuration, sqlx::Error> {
    let time = |column: &str| parse_time(column, &row.try_get::<String>(column)?);
    Ok(time("finished_at")?.duration_since(time("started_at")?))
}

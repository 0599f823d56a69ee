//! The port to the history: runs, the tails of their logs, and the changes of their states.

use async_trait::async_trait;
use jiff::Timestamp;

use super::event::Event;
use super::log_text::LogTail;
use super::run::{Run, RunId, State};
use super::store_error::{StoreError, Unwritable};
use super::target_name::TargetName;

/// Selects runs.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only runs of this target.
    pub target: Option<TargetName>,
    /// Only runs in this state.
    pub state: Option<State>,
    /// Only the run of the Job with this name.
    pub job_name: Option<String>,
    /// Only runs after this position of the list.
    pub after: Option<Cursor>,
    /// The maximum number of runs.
    pub limit: u16,
}

impl RunFilter {
    /// Whether the filter selects a run, regardless of the limit.
    pub fn matches(&self, run: &Run) -> bool {
        self.target.as_ref().is_none_or(|target| *target == run.target)
            && self.state.is_none_or(|state| state == run.state)
            && self.job_name.as_ref().is_none_or(|name| *name == run.job_name)
            && self
                .after
                .as_ref()
                .is_none_or(|after| (run.created_at, &run.id) < (after.created_at, &after.id))
    }
}

/// A position in the list of runs, which is ordered by time of creation, newest first, and then by id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// When the run at this position was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: RunId,
}

/// How much of the history is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The number of ended runs per target.
    pub runs: u32,
    /// The number of events in total.
    pub events: u32,
    /// The size of the store. The oldest runs are deleted, with their logs, results and events.
    pub bytes: u64,
}

/// Stores the history. Saving the same observation twice has the effect of saving it once.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Merges an observed state of a run into the history ([`Run::merged`]) and returns the result. If that changes a
    /// state or a cause, an [`Event`] is stored in the same transaction.
    async fn save(&self, run: &Run) -> Result<Run, StoreError>;

    /// The run of that id.
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError>;

    /// The newest run of that target whose Job has that name.
    async fn run_of_job(&self, target: &TargetName, job_name: &str) -> Result<Option<Run>, StoreError>;

    /// Runs, newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError>;

    /// The runs of a target that have not ended.
    async fn unfinished(&self, target: &TargetName) -> Result<Vec<Run>, StoreError>;

    /// Stores the tail of a run's log.
    async fn save_log(&self, id: &RunId, tail: &LogTail) -> Result<(), StoreError>;

    /// The stored tail of a run's log.
    async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError>;

    /// At most `limit` events after the one of that number, oldest first.
    async fn events_after(&self, sequence: i64, limit: u16) -> Result<Vec<Event>, StoreError>;

    /// The numbers of the oldest and of the newest event; None before the first event.
    async fn event_range(&self) -> Result<Option<(i64, i64)>, StoreError>;

    /// Deletes what exceeds the retention and returns the number of deleted runs. An [`Event`] is stored for each of them in
    /// the same transaction.
    async fn prune(&self, retention: Retention) -> Result<u64, StoreError>;

    /// Why the store can't be written now, according to its last statements; None if it can.
    fn unwritable(&self) -> Option<Unwritable>;
}

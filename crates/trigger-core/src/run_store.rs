//! The port to the history: runs, the tails of their logs, and the changes of their states.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::event::Event;
use super::log_text::LogTail;
use super::run::{Run, RunId, State, Trigger};
use super::store_error::{StoreError, Unwritable};
use super::target_name::TargetName;

/// Selects runs: those that meet every condition. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only runs of these targets.
    pub targets: Vec<TargetName>,
    /// Only runs in these states.
    pub states: Vec<State>,
    /// Only runs that were started by this.
    pub trigger: Option<Trigger>,
    /// Only runs of this caller.
    pub requested_by: Option<String>,
    /// Only runs that were created at this time or later.
    pub since: Option<Timestamp>,
    /// Only runs that were created before this time.
    pub until: Option<Timestamp>,
    /// Only runs whose reason, cause or Job name contains this text, in upper or lower case.
    pub text: Option<String>,
    /// Only the run of the Job with this name.
    pub job_name: Option<String>,
    /// Only runs after this position of the list.
    pub after: Option<Cursor>,
    /// The maximum number of runs.
    pub limit: u16,
}

impl RunFilter {
    /// Selects the newest run of a target.
    pub fn newest_of(target: &TargetName) -> Self {
        Self { targets: vec![target.clone()], limit: 1, ..Self::default() }
    }

    /// Whether the filter selects a run, regardless of the limit.
    pub fn matches(&self, run: &Run) -> bool {
        (self.targets.is_empty() || self.targets.contains(&run.target))
            && (self.states.is_empty() || self.states.contains(&run.state))
            && self.trigger.is_none_or(|trigger| trigger == run.trigger)
            && self.requested_by.as_ref().is_none_or(|caller| run.requested_by.as_ref() == Some(caller))
            && self.since.is_none_or(|since| run.created_at >= since)
            && self.until.is_none_or(|until| run.created_at < until)
            && self.text.as_ref().is_none_or(|text| has_text(run, text))
            && self.job_name.as_ref().is_none_or(|name| *name == run.job_name)
            && self.after.as_ref().is_none_or(|after| Cursor::of(run) < *after)
    }
}

fn has_text(run: &Run, text: &str) -> bool {
    let text = text.to_lowercase();
    let cause = run.cause.as_ref();
    let texts = [
        Some(&run.job_name),
        run.reason.as_ref(),
        cause.map(|cause| &cause.reason),
        cause.map(|cause| &cause.message),
    ];
    texts.into_iter().flatten().any(|place| place.to_lowercase().contains(&text))
}

/// A position in the list of runs, which is ordered by time of creation, newest first, and then by id.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cursor {
    /// When the run at this position was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: RunId,
}

impl Cursor {
    /// The position of that run.
    pub fn of(run: &Run) -> Self {
        Self { created_at: run.created_at, id: run.id.clone() }
    }
}

/// A part of the list of runs.
#[derive(Clone, Debug, Default)]
pub struct RunSlice {
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// The position up to which the list was read; None if it was read to its end. It can be after the last run, because a
    /// search for rare runs ends before it has read the whole list.
    pub read_to: Option<Cursor>,
}

/// The number of runs in each state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunCounts {
    /// The numbers; a state without runs may be absent.
    pub by_state: HashMap<State, u64>,
    /// Whether the numbers are exact. If not, there can be more runs.
    pub exact: bool,
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
    async fn runs(&self, filter: &RunFilter) -> Result<RunSlice, StoreError>;

    /// How many runs the filter selects, regardless of its states, its position and its limit.
    async fn counts(&self, filter: &RunFilter) -> Result<RunCounts, StoreError>;

    /// The durations of the newest ended runs of a target, at most `limit`.
    async fn durations(&self, target: &TargetName, limit: u16) -> Result<Vec<SignedDuration>, StoreError>;

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

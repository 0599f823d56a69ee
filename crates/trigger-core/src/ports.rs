//! What the rules need from the outside: something that runs Jobs, and something that remembers runs and keeps the queue
//! of tasks.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::event::Event;
use super::log_buffers::LogTail;
use super::request::RunRequest;
use super::run::{Cause, Progress, Run, RunId, State};
use super::target::{Target, TargetName};
use super::target_snapshot::TargetSnapshot;
use super::task::Parameters;

/// How old an executor's knowledge may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// What it last heard, at most some seconds old.
    Cached,
    /// The CronJob is asked for now; its Jobs are as last heard.
    FreshCronJob,
    /// All of it is asked for now.
    Fresh,
}

/// What became of an order to start a Job.
#[derive(Clone, Debug)]
pub enum Launched {
    /// The Job was created.
    Created(Run),
    /// A Job of that name and target was there already.
    Found(Run),
    /// A Job of that name was there, and is gone by now. Nothing was created.
    Vanished,
}

/// Runs Jobs: a cluster, or this machine.
///
/// Every call is bounded in time. An executor reports what it sees of its runs to a [`super::recorder::Recorder`].
#[async_trait]
pub trait Executor: Send + Sync {
    /// What the target looks like.
    async fn inspect(&self, target: &Target, freshness: Freshness) -> Result<TargetSnapshot, ExecutorError>;

    /// The Job that a launch would create, as the executor's own document.
    async fn preview(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError>;

    /// Creates the Job of that name, once. A run that it gives was reported to the recorder before.
    async fn launch(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError>;

    /// The target's other runs that were going on at the very moment when the run's Job was created: those that came
    /// before it. Whoever asks for whichever run, of any two runs one is before the other.
    async fn active_before(&self, target: &Target, run: &Run) -> Result<Vec<Run>, ExecutorError>;

    /// Ends a run: its Job and pods go. One that is gone already is no error. A run that has ended by itself is left
    /// alone, and returned as it ended.
    async fn cancel(&self, run: &Run) -> Result<Option<Run>, ExecutorError>;

    /// The whole log of a run, while it can be had; None when only a kept tail can be.
    async fn log(&self, run: &Run) -> Result<Option<LogStream>, ExecutorError>;

    /// Whether it has seen its targets once.
    fn readiness(&self) -> Result<(), NotReady>;
}

/// A log as it comes.
pub type LogStream = BoxStream<'static, Result<Bytes, ExecutorError>>;

/// Why an executor is not ready, in a sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(pub String);

/// Why an executor could not do as it was asked. The texts are for the log; callers get the kind alone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The target's CronJob does not exist.
    #[error("there is no CronJob {name} in the namespace {namespace}")]
    NoCronJob {
        /// The namespace.
        namespace: String,
        /// The CronJob.
        name: String,
    },
    /// A Job of that name exists and belongs to something else.
    #[error("the Job {0} exists and is not of this target")]
    NameTaken(String),
    /// It can't be reached; nothing was done.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It did not answer in time; what was asked for may have been done.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// It has too much to do.
    #[error("too many requests: {detail}")]
    Busy {
        /// What it said.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It failed.
    #[error("failed: {0}")]
    Failed(String),
    /// It does not let this program do that.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// A quota of the namespace is used up.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// The history, which it needs for this, can't be read; nothing was done.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not take this Job: a policy or a validation is against it.
    #[error("refused: {0}")]
    Refused(String),
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only of this target.
    pub target: Option<TargetName>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only of the Job of this name.
    pub job_name: Option<String>,
    /// Only what comes after this one in the list.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: u16,
}

impl RunFilter {
    /// Whether a run is one of those to list, wherever the page ends.
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

/// A place in the list of runs: newest first, and by id among those created at the same time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// When the run at this place was created.
    pub created_at: jiff::Timestamp,
    /// Its id.
    pub id: RunId,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// How many ended runs of a target.
    pub runs: u32,
    /// How many events in all.
    pub events: u32,
}

/// Remembers runs, their log tails and the changes of their states. What is saved twice is saved once.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Takes in what was seen of a run ([`Run::merged`]) and gives the run as it is now. When that changes a state or a
    /// cause, an [`Event`] is stored in the same transaction.
    async fn save(&self, run: &Run) -> Result<Run, StoreError>;

    /// The run of that id.
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError>;

    /// The newest run of that target whose Job has that name.
    async fn run_of_job(&self, target: &TargetName, job_name: &str) -> Result<Option<Run>, StoreError>;

    /// Runs, newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError>;

    /// The runs of a target that have not ended.
    async fn unfinished(&self, target: &TargetName) -> Result<Vec<Run>, StoreError>;

    /// Keeps the end of a run's log.
    async fn save_log(&self, id: &RunId, tail: &LogTail) -> Result<(), StoreError>;

    /// The kept end of a run's log.
    async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError>;

    /// At most `limit` events after the one of that number, oldest first.
    async fn events_after(&self, sequence: i64, limit: u16) -> Result<Vec<Event>, StoreError>;

    /// The numbers of the oldest and of the newest event; None before the first.
    async fn event_range(&self) -> Result<Option<(i64, i64)>, StoreError>;

    /// Forgets what is older than wanted, and says how many runs that were.
    async fn prune(&self, retention: Retention) -> Result<u64, StoreError>;

    /// Why the store can't be written now, as its last statements showed; None when it can.
    fn unwritable(&self) -> Option<Unwritable>;
}

/// Why the store can't be written: a short sentence without any text of the database, which everyone may read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(pub &'static str);

/// A run of a task that a worker has.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Lease {
    /// The run.
    pub id: RunId,
    /// What it is a run of.
    pub target: TargetName,
    /// Who has it. Every claim has a name of its own for it, so a worker knows what is no longer its own.
    pub worker: String,
    /// How many heartbeats the worker has sent.
    pub heartbeat: i64,
    /// How often a worker has begun the run.
    pub attempt: u32,
}

/// What becomes of a run that its worker lets go.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It has ended.
    Ended {
        /// How.
        state: State,
        /// Why.
        cause: Option<Cause>,
    },
    /// It waits again and is begun again.
    Queued {
        /// Why.
        cause: Cause,
        /// Whether the attempt counts: one that was broken off in good order does not.
        counts: bool,
    },
}

/// Whether a run is still its worker's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseStatus {
    /// It is, and goes on.
    Active,
    /// It is, but the run was ended meanwhile: nobody waits for more of it.
    RunEnded,
    /// It is another's by now, or forgotten.
    Lost,
}

/// Keeps the queue of tasks: who waits, who does what, and what came out of it.
///
/// What is answered is stored. Several replicas may use one store at once.
#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Adds a run to its target's queue and returns true. Returns false if `max_queued` runs of the target are queued
    /// already, or if a run with this id or name exists.
    async fn enqueue(&self, run: &Run, parameters: &Parameters, max_queued: u32) -> Result<bool, StoreError>;

    /// Gives the target's oldest waiting run to that worker, if one waits and nobody holds that slot of the target.
    async fn claim(
        &self,
        target: &TargetName,
        slot: u32,
        worker: &str,
    ) -> Result<Option<(Run, Parameters)>, StoreError>;

    /// Stores a heartbeat of the worker and the progress of its run.
    async fn heartbeat(
        &self,
        id: &RunId,
        worker: &str,
        progress: &Progress,
    ) -> Result<LeaseStatus, StoreError>;

    /// Releases a lease on behalf of its worker. Returns false if the worker no longer holds it. A run that has ended
    /// in the meantime keeps its state.
    async fn release(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError>;

    /// Releases the lease of a worker that is considered dead. Returns false if the worker has sent a heartbeat since
    /// the lease was read, or no longer holds it. A run that has ended in the meantime keeps its state.
    async fn reap(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError>;

    /// Ends a run that waits or goes on, and says whether there was one to end. Its worker lets it go later.
    async fn end_task(&self, id: &RunId, state: State, cause: &Cause) -> Result<bool, StoreError>;

    /// The leases of all workers.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// How many runs wait, of each target that has some.
    async fn waiting(&self) -> Result<Vec<(TargetName, u64)>, StoreError>;

    /// Keeps the result of a run that the worker has.
    async fn save_result(&self, id: &RunId, worker: &str, result: &Value) -> Result<(), StoreError>;

    /// The result of a run.
    async fn result(&self, id: &RunId) -> Result<Option<Value>, StoreError>;
}

/// Why the store can't be read or written. The texts are for the log: a detail can contain text of the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, rejects the connection or does not answer in time.
    #[error("the store: {operation}: {detail}")]
    Unavailable {
        /// What the store was doing.
        operation: &'static str,
        /// The database and what went wrong.
        detail: String,
    },
    /// The database can't store anything now, for example because its disk is full or it is read-only.
    #[error("the store: {operation}: {detail}")]
    NotWritable {
        /// What the store was doing.
        operation: &'static str,
        /// The database and its error.
        detail: String,
    },
    /// The database rejected the statement.
    #[error("the store: {operation}: {detail}")]
    Rejected {
        /// What the store was doing.
        operation: &'static str,
        /// The database and its error.
        detail: String,
    },
    /// A stored row can't be decoded.
    #[error("the store: {operation}: {detail}")]
    Unreadable {
        /// What the store was doing.
        operation: &'static str,
        /// The database, the column and what is wrong with its value.
        detail: String,
    },
    /// Other writers changed the run each time that it was about to be saved.
    #[error("the store: saving a run: other writers kept changing the run {0}")]
    Contended(RunId),
    /// The tables were made by a newer version of this program.
    #[error(
        "the store: the tables in {place} have version {found}, and this program supports versions up to {newest}: it is \
         older than the program that made them; run the newer program, or set another database"
    )]
    NewerSchema {
        /// The database.
        place: String,
        /// The version of its tables.
        found: i64,
        /// The newest version that this program supports.
        newest: i64,
    },
    /// The run is unknown, but the store can't be written, so another replica can have a run that is not stored yet.
    #[error("the store: the run {id} may not be stored yet: {reason}")]
    NotStoredYet {
        /// The run.
        id: RunId,
        /// Why the store can't be written.
        reason: Unwritable,
    },
}

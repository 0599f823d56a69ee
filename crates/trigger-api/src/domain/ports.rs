//! What the rules need from the outside: something that runs Jobs, and something that remembers runs.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::event::Event;
use super::log_book::LogTail;
use super::request::RunRequest;
use super::run::{Run, RunId, State};
use super::situation::Situation;
use super::target::{Target, TargetName};

/// How old an executor's knowledge may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// What it last heard, at most some seconds old.
    Heard,
    /// The CronJob is asked for now; its Jobs are as last heard.
    CronJobAsked,
    /// All of it is asked for now.
    Asked,
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
    async fn inspect(&self, target: &Target, freshness: Freshness) -> Result<Situation, ExecutorError>;

    /// The Job that a launch would create, as the executor's own document.
    async fn preview(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError>;

    /// Creates the Job of that name, once.
    async fn launch(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError>;

    /// The target's other runs that were going on at the very moment when the run's Job was created: those that came
    /// before it. Whoever asks for whichever run, of any two runs one is before the other.
    async fn going_on_before(&self, target: &Target, run: &Run) -> Result<Vec<Run>, ExecutorError>;

    /// Ends a run: its Job and pods go. One that is gone already is no error.
    async fn cancel(&self, run: &Run) -> Result<(), ExecutorError>;

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
}

/// The store can't be used. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("the store: {0}")]
pub struct StoreError(pub String);

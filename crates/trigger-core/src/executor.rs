//! The port through which Jobs run: in a cluster, or on this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::cronjob::{CronJobSummary, CronJobTarget, TargetSnapshot};
use super::log_text::LogPiece;
use super::request::RunRequest;
use super::right::{Limitation, MissingRight};
use super::run::{Run, RunId};
use super::store_error::StoreError;
use super::target_name::TargetName;

/// How old the state may be that an executor returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// Cached state, at most some seconds old.
    Cached,
    /// The CronJob is read now; its Jobs are cached.
    FreshCronJob,
    /// Everything is read now.
    Fresh,
}

/// The outcome of launching a Job.
#[derive(Clone, Debug)]
pub enum Launched {
    /// The Job was created.
    Created(Run),
    /// A Job of that name existed, and belongs to the target.
    Found(Run),
    /// A Job of that name existed and has been deleted since. Nothing was created.
    Vanished,
}

/// The effect of a request to cancel a run.
#[derive(Clone, Debug)]
pub enum Cancellation {
    /// The run had ended, and was not changed.
    EndedBefore(Box<Run>),
    /// Its containers are being stopped. The executor reports the end to the recorder.
    Stopping,
    /// None of its containers is running.
    Stopped,
}

/// Runs Jobs.
///
/// Every call has a time limit. An executor reports the observed states of its runs to a [`super::recorder::Recorder`].
#[async_trait]
pub trait Executor: Send + Sync {
    /// Observes the target.
    async fn inspect(
        &self,
        target: &CronJobTarget,
        freshness: Freshness,
    ) -> Result<TargetSnapshot, ExecutorError>;

    /// The Job that a launch would create, as the executor's own document.
    async fn preview(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError>;

    /// Creates the Job of that name, once. The returned run has been reported to the recorder.
    async fn launch(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError>;

    /// The other runs of the target that were active when the Job of `run` was created, which are those that were
    /// created before it. The order of two runs is the same on all replicas.
    async fn active_before(&self, target: &CronJobTarget, run: &Run) -> Result<Vec<Run>, ExecutorError>;

    /// Cancels a run: its pods are deleted, and then its Job. A Job that has been deleted already is not an error.
    async fn cancel(&self, run: &Run) -> Result<Cancellation, ExecutorError>;

    /// The CronJob of the target as it is cached; None if it does not exist or can't be read.
    async fn cronjob(&self, target: &CronJobTarget) -> Option<CronJobSummary>;

    /// The whole log of a run, or of one of its containers; None if only the stored tail is available.
    async fn log(&self, run: &Run, container: Option<&str>) -> Result<Option<WholeLog>, ExecutorError>;

    /// The run as the executor observed it last; None if it no longer has it.
    fn observed(&self, id: &RunId) -> Option<Run>;

    /// The runs that [`Executor::observed`] returns now.
    fn observed_ids(&self) -> Vec<RunId>;

    /// Reports the log of a run that has ended to the recorder again, unless its tail is stored or the log no longer exists.
    async fn recover_log(&self, run: &Run);

    /// Whether the executor has observed all its targets once, except for what it has no right to observe.
    fn readiness(&self) -> Result<(), NotReady>;

    /// What the executor does not do for lack of a right.
    fn limitations(&self) -> Vec<Limitation> {
        Vec::new()
    }

    /// Whether targets are protected from a thief of this program's credential, for those where it was tried out.
    fn protection(&self) -> BTreeMap<TargetName, Protection> {
        BTreeMap::new()
    }
}

/// Whether someone who has this program's credential can run only what the target's schedule would run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Protection {
    /// Only the Job of the template can be created.
    Holds,
    /// Any Job can be created.
    Missing,
    /// It could not be tried out. The text is for the log.
    Unknown(String),
}

/// A log as the executor has it.
pub struct WholeLog {
    /// Its pieces.
    pub pieces: BoxStream<'static, Result<LogPiece, ExecutorError>>,
    /// Whether the offsets of the pieces are those of the log that is followed: nothing is missing, and no two containers
    /// ran at the same time.
    pub has_offsets: bool,
    /// Whether output of earlier containers is missing.
    pub cut: bool,
}

/// Why an executor is not ready, in a sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(pub String);

/// Why an executor failed. The texts are for the log; callers get only the variant.
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
    #[error("the Job {0} exists and does not belong to this target")]
    NameTaken(String),
    /// The executor can't be reached; nothing was done.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The executor did not answer in time; the request may have been executed.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// The executor is overloaded.
    #[error("too many requests: {detail}")]
    Busy {
        /// The executor's message.
        detail: String,
        /// When the executor accepts the next request.
        retry_after: Option<Duration>,
    },
    /// The executor failed.
    #[error("failed: {0}")]
    Failed(String),
    /// This program lacks a right.
    #[error("forbidden: {detail}")]
    Forbidden {
        /// The right.
        right: MissingRight,
        /// The executor's message.
        detail: String,
    },
    /// The executor does not accept this program's credential.
    #[error("the credential is not accepted: {0}")]
    Unauthenticated(String),
    /// A Job of that name exists, and this program may not read it: this request created it and its response was lost, or
    /// another one did.
    #[error("the Job {job} exists and can't be read, because trigger-api may not {right}")]
    UnreadableJob {
        /// The Job.
        job: String,
        /// The right.
        right: MissingRight,
    },
    /// The executor did not confirm that it created the Job, and this program may not read whether it did.
    #[error("{error}; whether the Job {job} exists can't be read, because trigger-api may not {right}")]
    UncheckedJob {
        /// The Job.
        job: String,
        /// The right.
        right: MissingRight,
        /// Why the creation was not confirmed.
        error: Box<ExecutorError>,
    },
    /// A quota of the namespace is exhausted.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// The namespace is being deleted, so nothing can be created in it.
    #[error("the namespace is being deleted: {0}")]
    NamespaceTerminating(String),
    /// The history, which the executor needs for this, can't be read; nothing was done.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The CronJob does not accept the parameters of the request; the text is for the caller.
    #[error("{0}")]
    BadParameters(String),
    /// The Job was rejected by an admission policy or by its validation.
    #[error("refused: {0}")]
    Refused(String),
}

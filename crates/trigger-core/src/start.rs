//! The outcome of a request for a run.

use serde_json::Value;

use super::access::Denied;
use super::executor::ExecutorError;
use super::request::{RunRequest, fingerprint};
use super::run::Run;
use super::store_error::StoreError;
use super::target_name::TargetName;

/// A run that was started or found.
#[derive(Clone, Debug)]
pub struct Started {
    /// The run.
    pub run: Run,
    /// Whether the run was started by an earlier request with the same key, or by another request at the same moment.
    pub found: bool,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The caller may not start the target.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The target's schedule is suspended.
    #[error("the CronJob of {0} is suspended")]
    Suspended(TargetName),
    /// A run of the target has not ended, and its CronJob forbids a second one.
    #[error("{} has not ended", .0.job_name)]
    ConflictingRun(Box<Run>),
    /// The idempotency key was used for another request.
    #[error("the key was used before, for another request, which started {}", .0.job_name)]
    KeyReused(Box<Run>),
    /// The target does not accept the parameters; the text is for the caller.
    #[error("{0}")]
    BadParameters(String),
    /// The queue of the task is full.
    #[error("the queue of {target} is full: {max_queued} waiting runs")]
    QueueFull {
        /// The task.
        target: TargetName,
        /// How many runs may wait.
        max_queued: u32,
    },
    /// Concurrent requests prevented the start several times.
    #[error("concurrent requests for {0} prevented the start several times")]
    Contended(TargetName),
    /// The executor failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a start would do now.
#[derive(Debug)]
pub struct Preview {
    /// The Job that would be created; None for a task, and if the parameters are not accepted.
    pub job: Option<Value>,
    /// Why the start would be rejected; None if it would not.
    pub rejection: Option<StartError>,
}

/// The outcome of a request whose key was used before, by the request that started `run`.
pub(super) fn repeated(run: Run, request: &RunRequest) -> Result<Started, StartError> {
    if run.fingerprint.as_deref() == Some(&fingerprint(request)) {
        Ok(Started { run, found: true })
    } else {
        Err(StartError::KeyReused(Box::new(run)))
    }
}

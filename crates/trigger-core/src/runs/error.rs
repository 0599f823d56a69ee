//! Why something could not be done with a run or a target.

use crate::access::Denied;
use crate::executor::ExecutorError;
use crate::run::RunId;
use crate::store_error::StoreError;
use crate::target_name::TargetName;

/// Why something could not be done with a run or a target.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// There is no such target.
    #[error("there is no target {0}")]
    UnknownTarget(TargetName),
    /// The target of the run is no longer configured.
    #[error("the target {target} of the run {run} is not configured")]
    TargetNotConfigured {
        /// The run.
        run: RunId,
        /// Its target.
        target: TargetName,
    },
    /// No target was named, and none is the default.
    #[error("no target is configured as the default")]
    NoDefaultTarget,
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The executor failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

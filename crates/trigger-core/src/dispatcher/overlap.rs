//! What to do about Jobs of one target that would overlap, or do.
//!
//! Before a Job is created its name keeps most others out: whoever knows the same Jobs gives the same name. But what a
//! replica knows may be old, requests with different keys make different names, and Jobs come and go while a request is
//! under way. So after a Job was created its creator looks at what was going on at that very moment. Of any two Jobs one was
//! before the other, so all creators agree on which one stays: the first under Forbid, the last under Replace.

use jiff::Timestamp;

use super::{Dispatcher, StartError, Started};
use crate::ports::ExecutorError;
use crate::request::RunRequest;
use crate::run::{Cause, REPLACED, ROLLED_BACK, Run, State};
use crate::target::{ConcurrencyPolicy, Target};
use crate::target_snapshot::TargetSnapshot;

impl Dispatcher {
    /// Ends what goes on, to make way for the Job of that name.
    pub(super) async fn replace(
        &self,
        snapshot: &TargetSnapshot,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<(), ExecutorError> {
        for run in snapshot.active.iter().filter(|run| run.job_name != job_name) {
            let why = format!("Replaced by {job_name}, which {} asked for.", request.caller);
            self.end(run, Cause::new(REPLACED, why)).await?;
        }
        Ok(())
    }

    /// Looks again after a Job was created, and sees to it that one is left where the policy wants one.
    pub(super) async fn settle(
        &self,
        target: &Target,
        run: Run,
        policy: ConcurrencyPolicy,
    ) -> Result<Started, StartError> {
        if policy == ConcurrencyPolicy::Allow {
            return Ok(Started { run, found: false });
        }
        let before = match self.executor.active_before(target, &run).await {
            Ok(before) => before,
            Err(error) => {
                tracing::warn!(%error, run.target = %target.name, "whether the new run overlaps with another one can't be seen");
                return Ok(Started { run, found: false });
            }
        };
        if policy == ConcurrencyPolicy::Replace {
            for earlier in &before {
                let why = format!("Replaced by {}, which was asked for at the same moment.", run.job_name);
                self.end(earlier, Cause::new(REPLACED, why)).await?;
            }
            return Ok(Started { run, found: false });
        }
        let Some(earlier) = before.into_iter().next() else {
            return Ok(Started { run, found: false });
        };
        let why = format!("{} was started at the same moment, and Jobs must not overlap.", earlier.job_name);
        self.end(&run, Cause::new(ROLLED_BACK, why)).await?;
        Err(StartError::ConflictingRun(Box::new(earlier)))
    }

    async fn end(&self, run: &Run, cause: Cause) -> Result<(), ExecutorError> {
        if self.executor.cancel(run).await?.is_none() {
            self.recorder.record(run.clone().ended(State::Cancelled, cause, Timestamp::now())).await;
        }
        Ok(())
    }
}

/// Whether the run was taken back, so that its request was refused: a repeat of that request is a new one.
pub(super) fn is_rolled_back(run: &Run) -> bool {
    run.cause.as_ref().is_some_and(|cause| cause.reason == ROLLED_BACK)
}

/// Why a Job of that name must not be started beside what there is. A Job does not stand in its own way: that is a
/// repeated request, which the launch finds out.
pub(super) fn rejection(target: &Target, snapshot: &TargetSnapshot, job_name: &str) -> Option<StartError> {
    if snapshot.active.iter().any(|run| run.job_name == job_name) {
        return None;
    }
    if snapshot.cronjob.suspended && !target.allow_suspended {
        return Some(StartError::Suspended(target.name.clone()));
    }
    match snapshot.cronjob.concurrency_policy {
        ConcurrencyPolicy::Forbid => {
            snapshot.active.first().map(|run| StartError::ConflictingRun(Box::new(run.clone())))
        }
        ConcurrencyPolicy::Allow | ConcurrencyPolicy::Replace => None,
    }
}

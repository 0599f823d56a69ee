//! What to do about Jobs of one target that would overlap, or do.
//!
//! Before a Job is created its name keeps most others out: whoever knows the same Jobs gives the same name. But what a
//! replica knows may be old, and Jobs come and go while a request is under way: one that the schedule starts, one that
//! is deleted so that the next has another predecessor. So after a Job was created its creator looks again. All who
//! created one see at least those that were there before theirs, and agree on which one stays.

use jiff::Timestamp;

use super::{Dispatcher, StartError, Started};
use crate::domain::ports::{ExecutorError, Freshness};
use crate::domain::request::RunRequest;
use crate::domain::run::{Cause, REPLACED, Run, State, Trigger, WITHDRAWN};
use crate::domain::target::{ConcurrencyPolicy, Situation, Target};

impl Dispatcher {
    /// Ends what goes on, to make way for the Job of that name.
    pub(super) async fn replace(
        &self,
        situation: &Situation,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<(), ExecutorError> {
        for run in situation.active.iter().filter(|run| run.job_name != job_name) {
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
        let situation = match self.executor.inspect(target, Freshness::Asked).await {
            Ok(situation) => situation,
            Err(error) => {
                tracing::warn!(%error, target = %target.name, "whether the new run overlaps with another one can't be seen");
                return Ok(Started { run, found: false });
            }
        };
        if policy == ConcurrencyPolicy::Replace {
            return self.leave_the_last(situation, run).await;
        }
        match staying(&situation).filter(|stays| stays.id != run.id) {
            Some(stays) if situation.active.iter().any(|active| active.id == run.id) => {
                let why =
                    format!("{} was started at the same moment, and Jobs must not overlap.", stays.job_name);
                self.end(&run, Cause::new(WITHDRAWN, why)).await?;
                Err(StartError::InTheWay(Box::new(stays.clone())))
            }
            _ => Ok(Started { run, found: false }),
        }
    }

    async fn leave_the_last(&self, situation: Situation, run: Run) -> Result<Started, StartError> {
        let mut active = situation.active;
        let Some(last) = active.pop() else {
            return Ok(Started { run, found: false });
        };
        for earlier in &active {
            let why = format!("Replaced by {}, which was asked for at the same moment.", last.job_name);
            self.end(earlier, Cause::new(REPLACED, why)).await?;
        }
        let found = last.id != run.id;
        Ok(Started { run: if found { last } else { run }, found })
    }

    async fn end(&self, run: &Run, cause: Cause) -> Result<(), ExecutorError> {
        self.executor.cancel(run).await?;
        self.recorder.record(run.clone().ended(State::Cancelled, cause, Timestamp::now())).await;
        Ok(())
    }
}

/// Which one of several stays where they must not overlap: the schedule's, which is not ours to end, else the first.
fn staying(situation: &Situation) -> Option<&Run> {
    let scheduled = situation.active.iter().find(|run| run.trigger == Trigger::Scheduled);
    scheduled.or_else(|| situation.active.first())
}

/// Whether the run was taken back, so that its request was refused: a repeat of that request is a new one.
pub(super) fn is_withdrawn(run: &Run) -> bool {
    run.cause.as_ref().is_some_and(|cause| cause.reason == WITHDRAWN)
}

/// Why a Job of that name must not be started beside what there is. A Job does not stand in its own way: that is a
/// repeated request, which the launch finds out.
pub(super) fn obstacle(target: &Target, situation: &Situation, job_name: &str) -> Option<StartError> {
    if situation.active.iter().any(|run| run.job_name == job_name) {
        return None;
    }
    if situation.facts.suspended && !target.allow_suspended {
        return Some(StartError::Suspended(target.name.clone()));
    }
    match situation.facts.concurrency_policy {
        ConcurrencyPolicy::Forbid => {
            situation.active.first().map(|run| StartError::InTheWay(Box::new(run.clone())))
        }
        ConcurrencyPolicy::Allow | ConcurrencyPolicy::Replace => None,
    }
}

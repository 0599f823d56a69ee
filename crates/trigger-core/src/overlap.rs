//! The rules for Jobs of one target that would overlap.
//!
//! The name of a Job prevents most overlaps before the Job is created: replicas that observed the same Jobs choose the
//! same name. The cached state of a replica may be old, requests with different keys choose different names, and Jobs
//! are created and deleted during a request. Therefore the creator of a Job lists the Jobs that were active when its own
//! Job was created. Of any two Jobs one was created before the other, so that all replicas keep the same one:
//! the first under `Forbid`, the last under `Replace`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::cronjob::{ConcurrencyPolicy, CronJobTarget, TargetSnapshot};
use super::executor::{Cancellation, Executor, ExecutorError, Freshness};
use super::recorder::Recorder;
use super::request::RunRequest;
use super::run::{Cause, REPLACED, ROLLED_BACK, Run, State};
use super::start::{StartError, Started};

/// How long a start waits until the runs that it replaces have stopped. Most programs end soon after SIGTERM; callers do not
/// wait for the grace period of one that does not.
const MAX_STOP_WAIT: Duration = Duration::from_secs(5);
/// How often a run that is being stopped is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Cancels runs until no more are left than the concurrency policy allows.
pub(super) struct OverlapResolver {
    executor: Arc<dyn Executor>,
    recorder: Arc<Recorder>,
}

impl OverlapResolver {
    pub(super) fn new(executor: Arc<dyn Executor>, recorder: Arc<Recorder>) -> Self {
        Self { executor, recorder }
    }

    /// Cancels the active runs before the Job of that name is created under `Replace`, and waits until they have stopped.
    /// Returns one that has not stopped in time. If Jobs can't be observed, a right to cancel them is not required either: the
    /// started run has a remark about the policy.
    pub(super) async fn cancel_active(
        &self,
        target: &CronJobTarget,
        snapshot: &TargetSnapshot,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Option<Run>, ExecutorError> {
        let mut stopping = Vec::new();
        for run in snapshot.active.iter().filter(|run| run.job_name != job_name) {
            let message = format!("Replaced by {job_name}, requested by {}.", request.caller);
            match self.cancel(run, Cause::new(REPLACED, message)).await {
                Err(ExecutorError::Forbidden { .. }) if snapshot.unobserved.is_some() => {}
                cancelled => stopping.push(cancelled?),
            }
        }
        stopping.retain(|run| !run.state.is_final());
        if self.have_stopped(&stopping).await {
            return Ok(None);
        }
        // Cached state alone never rejects a request.
        let now = self.executor.inspect(target, Freshness::Fresh).await?;
        Ok(stopping.into_iter().find(|run| now.active.iter().any(|active| active.id == run.id)))
    }

    /// Waits until the runs have ended; false if one has not ended in time.
    pub(super) async fn have_stopped(&self, runs: &[Run]) -> bool {
        let is_active =
            |run: &Run| self.executor.observed(&run.id).is_some_and(|observed| !observed.state.is_final());
        let stopped = async {
            while runs.iter().any(is_active) {
                sleep(CHECK_INTERVAL).await;
            }
        };
        timeout(MAX_STOP_WAIT, stopped).await.is_ok()
    }

    /// Applies the policy after the Job of `run` was created.
    pub(super) async fn resolve(
        &self,
        target: &CronJobTarget,
        run: Run,
        policy: ConcurrencyPolicy,
    ) -> Result<Started, StartError> {
        if policy == ConcurrencyPolicy::Allow {
            return Ok(Started { run, found: false });
        }
        let before = match self.executor.active_before(target, &run).await {
            Ok(before) => before,
            Err(error) => {
                tracing::warn!(%error, run.target = %target.name, "cannot check whether the new run overlaps with another one");
                return Ok(Started { run, found: false });
            }
        };
        if policy == ConcurrencyPolicy::Replace {
            for earlier in &before {
                let message = format!("Replaced by {}, which was started at the same moment.", run.job_name);
                self.cancel(earlier, Cause::new(REPLACED, message)).await?;
            }
            return Ok(Started { run, found: false });
        }
        let Some(earlier) = before.into_iter().next() else {
            return Ok(Started { run, found: false });
        };
        let message =
            format!("{} was started at the same moment, and Jobs must not overlap.", earlier.job_name);
        self.cancel(&run, Cause::new(ROLLED_BACK, message)).await?;
        Err(StartError::ConflictingRun(Box::new(earlier)))
    }

    /// Cancels a run, and returns it as it is then.
    pub(super) async fn cancel(&self, run: &Run, cause: Cause) -> Result<Run, ExecutorError> {
        let run = match self.executor.cancel(run).await? {
            // The executor has reported this end to the recorder.
            Cancellation::EndedBefore(ended) => return Ok(*ended),
            Cancellation::Stopping => Run { cause: Some(cause), ..run.clone() },
            Cancellation::Stopped => run.clone().ended(State::Cancelled, cause, Timestamp::now()),
        };
        Ok(self.recorder.record(run).await)
    }
}

/// Whether the run was rolled back and its request rejected. A repetition of that request is a new request.
pub(super) fn is_rolled_back(run: &Run) -> bool {
    run.cause.as_ref().is_some_and(|cause| cause.reason == ROLLED_BACK)
}

/// Why a Job of that name must not be created now. A Job does not conflict with itself: in that case the request is a
/// repetition, which the launch detects.
pub(super) fn rejection(
    target: &CronJobTarget,
    snapshot: &TargetSnapshot,
    job_name: &str,
) -> Option<StartError> {
    if snapshot.active.iter().any(|run| run.job_name == job_name) {
        return None;
    }
    if snapshot.cronjob.suspended && !target.allow_suspended {
        return Some(StartError::Suspended(target.name.clone()));
    }
    match snapshot.cronjob.concurrency_policy {
        ConcurrencyPolicy::Forbid => {
            snapshot.active.first().map(|run| StartError::ConflictingRun(Box::new(Run::clone(run))))
        }
        ConcurrencyPolicy::Allow | ConcurrencyPolicy::Replace => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cronjob::CronJobSummary;
    use crate::parameters::DeclaredParameters;
    use crate::run::{RunId, Trigger};

    fn run(job_name: &str) -> Run {
        Run {
            state: State::Running,
            ..Run::pending(
                RunId::new(job_name),
                "sync".parse().unwrap(),
                "trading",
                job_name.to_owned(),
                Trigger::Scheduled,
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    fn target(allow_suspended: bool) -> CronJobTarget {
        CronJobTarget {
            name: "sync".parse().unwrap(),
            namespace: "trading".to_owned(),
            cronjob: "sync".to_owned(),
            allow_suspended,
            job_prefix: "sync-".to_owned(),
        }
    }

    fn snapshot(policy: ConcurrencyPolicy, suspended: bool, active: &[&str]) -> TargetSnapshot {
        TargetSnapshot {
            cronjob: CronJobSummary {
                schedule: "@hourly".to_owned(),
                time_zone: None,
                suspended,
                concurrency_policy: policy,
                last_scheduled_at: None,
                parameters: DeclaredParameters::default(),
            },
            active: active.iter().map(|name| Arc::new(run(name))).collect(),
            unobserved: None,
            generation: String::new(),
        }
    }

    #[test]
    fn only_forbid_rejects_a_start_beside_an_active_run() {
        use ConcurrencyPolicy::{Allow, Forbid, Replace};
        for (policy, active, conflicting) in [
            (Forbid, &["sync-a", "sync-b"][..], Some("sync-a")),
            (Forbid, &[], None),
            (Allow, &["sync-a"], None),
            (Replace, &["sync-a"], None),
        ] {
            let rejected = rejection(&target(false), &snapshot(policy, false, active), "sync-new");
            let found = match &rejected {
                Some(StartError::ConflictingRun(run)) => Some(run.job_name.as_str()),
                None => None,
                Some(other) => panic!("{policy:?} {active:?}: {other}"),
            };
            assert_eq!(found, conflicting, "{policy:?} {active:?}");
        }
    }

    #[test]
    fn a_suspended_cronjob_is_started_only_if_its_target_allows_it() {
        let suspended = snapshot(ConcurrencyPolicy::Allow, true, &[]);
        let rejected = rejection(&target(false), &suspended, "sync-new");
        assert!(matches!(rejected, Some(StartError::Suspended(_))), "{rejected:?}");
        assert!(rejection(&target(true), &suspended, "sync-new").is_none());
    }

    #[test]
    fn a_run_does_not_conflict_with_itself() {
        for policy in [ConcurrencyPolicy::Allow, ConcurrencyPolicy::Forbid, ConcurrencyPolicy::Replace] {
            assert!(rejection(&target(false), &snapshot(policy, true, &["sync-a"]), "sync-a").is_none());
        }
    }
}

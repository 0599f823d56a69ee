//! Starts and cancels runs of CronJobs, according to the CronJob's suspension and concurrency policy.

use std::sync::Arc;

use super::cronjob::{ConcurrencyPolicy, CronJobTarget, TargetSnapshot};
use super::executor::{Executor, ExecutorError, Freshness, Launched};
use super::naming;
use super::overlap::{OverlapResolver, is_rolled_back, rejection};
use super::recorder::Recorder;
use super::request::RunRequest;
use super::run::{CANCELLED_ON_REQUEST, Cause, Run};
use super::run_store::RunStore;
use super::start::{Preview, StartError, Started, repeated};
use super::store_error::StoreError;

/// How often a start is attempted when it loses a race.
const MAX_ATTEMPTS: u32 = 4;

/// Starts and cancels runs of CronJobs.
pub(super) struct Dispatcher {
    executor: Arc<dyn Executor>,
    store: Arc<dyn RunStore>,
    recorder: Arc<Recorder>,
    overlaps: OverlapResolver,
}

impl Dispatcher {
    pub(super) fn new(
        executor: Arc<dyn Executor>,
        store: Arc<dyn RunStore>,
        recorder: Arc<Recorder>,
    ) -> Self {
        let overlaps = OverlapResolver::new(Arc::clone(&executor), Arc::clone(&recorder));
        Self { executor, store, recorder, overlaps }
    }

    /// Starts a run, or finds the one that an earlier request with the same key started.
    pub(super) async fn start(
        &self,
        target: &CronJobTarget,
        request: &RunRequest,
    ) -> Result<Started, StartError> {
        // A caller that edits the CronJob and then starts a run expects the edited CronJob.
        let mut freshness = Freshness::FreshCronJob;
        if let Some(earlier) = self.earlier(target, request).await? {
            return repeated(earlier, request);
        }
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.executor.inspect(target, freshness).await?;
            let policy = snapshot.cronjob.concurrency_policy;
            let job_name = job_name(target, request, &snapshot);
            let rejection =
                bad_parameters(&snapshot, request).or_else(|| rejection(target, &snapshot, &job_name));
            if rejection.is_some() && freshness != Freshness::Fresh {
                // Cached state alone never rejects a request.
                freshness = Freshness::Fresh;
                continue;
            }
            rejection.map_or(Ok(()), Err)?;
            if policy == ConcurrencyPolicy::Replace {
                let stopping = self.overlaps.cancel_active(target, &snapshot, &job_name, request).await?;
                if let Some(run) = stopping {
                    return Err(StartError::ConflictingRun(Box::new(run)));
                }
            }
            match self.executor.launch(target, &job_name, request).await {
                Ok(Launched::Created(run)) => {
                    let run = self.recorder.flush(run).await;
                    // Without the right to list Jobs, the run has a remark about the policy.
                    if snapshot.unobserved.is_some() {
                        return Ok(Started { run, found: false });
                    }
                    return self.overlaps.resolve(target, run, policy).await;
                }
                Ok(Launched::Found(run)) if request.key.is_some() => {
                    let run = self.recorder.flush(run).await;
                    if !is_rolled_back(&run) {
                        return repeated(run, request);
                    }
                    // Its request was rejected, so this one is a new request, which needs the same name.
                    if !self.overlaps.have_stopped(std::slice::from_ref(&run)).await {
                        return Err(StartError::ConflictingRun(Box::new(run)));
                    }
                    freshness = Freshness::Fresh;
                }
                Ok(Launched::Found(run)) if run.state.is_final() || run.is_being_cancelled() => {
                    freshness = Freshness::Fresh;
                }
                Ok(Launched::Vanished) => freshness = Freshness::Fresh,
                Ok(Launched::Found(run)) if policy == ConcurrencyPolicy::Replace => {
                    if run.parameters == request.parameters {
                        return Ok(Started { run, found: true });
                    }
                    // A request at the same moment has other parameters, so its run is replaced too.
                    freshness = Freshness::Fresh;
                }
                Ok(Launched::Found(run)) => return Err(StartError::ConflictingRun(Box::new(run))),
                // The admission policy may compare with an older template than this program, or with a newer one.
                Err(ExecutorError::Refused(_) | ExecutorError::BadParameters(_))
                    if freshness != Freshness::Fresh =>
                {
                    freshness = Freshness::Fresh;
                }
                Err(ExecutorError::BadParameters(problem)) => return Err(StartError::BadParameters(problem)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StartError::Contended(target.name.clone()))
    }

    /// The Job that a start would create, and whether the start would be rejected. Nothing is created.
    pub(super) async fn preview(
        &self,
        target: &CronJobTarget,
        request: &RunRequest,
    ) -> Result<Preview, ExecutorError> {
        let snapshot = self.executor.inspect(target, Freshness::Fresh).await?;
        if let Some(rejection) = bad_parameters(&snapshot, request) {
            return Ok(Preview { job: None, rejection: Some(rejection) });
        }
        let job_name = job_name(target, request, &snapshot);
        let job = self.executor.preview(target, &job_name, request).await?;
        Ok(Preview { job: Some(job), rejection: rejection(target, &snapshot, &job_name) })
    }

    /// Cancels a run, and returns it as it is then: its containers may still be stopping. A run that has ended is returned
    /// unchanged.
    pub(super) async fn cancel(&self, run: Run, caller: &str) -> Result<Run, ExecutorError> {
        if run.state.is_final() {
            return Ok(run);
        }
        self.overlaps.cancel(&run, Cause::new(CANCELLED_ON_REQUEST, format!("Cancelled by {caller}."))).await
    }

    /// The run that an earlier request with this key started, even if its Job has been deleted.
    async fn earlier(&self, target: &CronJobTarget, request: &RunRequest) -> Result<Option<Run>, StoreError> {
        match &request.key {
            Some(key) => {
                let job_name = naming::keyed(target, &request.caller, key.as_str());
                let run = self.store.run_of_job(&target.name, &job_name).await?;
                Ok(run.filter(|run| !is_rolled_back(run)))
            }
            None => Ok(None),
        }
    }
}

/// Why the CronJob does not accept the parameters of the request.
fn bad_parameters(snapshot: &TargetSnapshot, request: &RunRequest) -> Option<StartError> {
    snapshot.cronjob.parameters.check(&request.parameters).err().map(StartError::BadParameters)
}

fn job_name(target: &CronJobTarget, request: &RunRequest, snapshot: &TargetSnapshot) -> String {
    match (&request.key, snapshot.cronjob.concurrency_policy) {
        (Some(key), _) => naming::keyed(target, &request.caller, key.as_str()),
        // The generation of Jobs that are not observed never changes.
        _ if snapshot.unobserved.is_some() => naming::unique(target),
        (None, ConcurrencyPolicy::Allow) => naming::unique(target),
        (None, ConcurrencyPolicy::Forbid | ConcurrencyPolicy::Replace) => {
            naming::successor(target, &snapshot.generation)
        }
    }
}

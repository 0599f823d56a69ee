//! Finds runs that ended while the cluster was not watched.

use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::ExecutorError;
use trigger_core::run::{Cause, OUTCOME_UNKNOWN, Run, State};
use trigger_core::run_store::RunFilter;
use trigger_core::store_error::StoreError;

use super::objects::JobObject;
use super::shared::Shared;

/// How many runs are read from the store in one statement.
const PAGE: u16 = 100;

/// Selects the runs that were not observed until now.
pub(super) fn unknown(target: &CronJobTarget, limit: u16) -> RunFilter {
    let (targets, states) = (vec![target.name.clone()], vec![State::Unknown]);
    RunFilter { targets, states, limit, ..RunFilter::default() }
}

/// The Job of a run, by the run's id.
pub(super) enum JobOfRun {
    Exists(Box<JobObject>),
    Gone,
}

/// Checks the runs that are active or unknown in the store, but whose Jobs a list of the namespace did not contain. The outcome
/// of a Job that no longer exists is unknown, so its run becomes interrupted when its pods have
/// stopped.
pub(super) async fn reconcile_missing_jobs(shared: Arc<Shared>, namespace: String) {
    for target in shared.targets.iter().filter(|target| target.namespace == namespace) {
        if let Err(error) = reconcile(&shared, target).await {
            tracing::warn!(%error, target = %target.name, "can't read the active runs; runs that ended unobserved are not found");
        }
    }
}

async fn reconcile(shared: &Shared, target: &CronJobTarget) -> Result<(), StoreError> {
    let (targets, states) = (vec![target.name.clone()], vec![State::Pending, State::Running, State::Unknown]);
    let mut filter = RunFilter { targets, states, limit: PAGE, ..RunFilter::default() };
    loop {
        let slice = shared.store.runs(&filter).await?;
        for run in slice.runs {
            interrupt_if_gone(shared, run).await;
        }
        if slice.read_to.is_none() {
            return Ok(());
        }
        filter.after = slice.read_to;
    }
}

async fn interrupt_if_gone(shared: &Shared, run: Run) {
    if shared.cache().has_job(&run.id) {
        return;
    }
    match job_of_run(shared, &run).await {
        Ok(JobOfRun::Exists(_)) => {}
        Ok(JobOfRun::Gone) => shared.recorder.observe(without_job(shared, run).await),
        Err(error) => {
            tracing::warn!(%error, run.id = %run.id, "can't check whether the run has ended; retrying after the next list");
        }
    }
}

/// Reads the Job of the run.
pub(super) async fn job_of_run(shared: &Shared, run: &Run) -> Result<JobOfRun, ExecutorError> {
    let job = shared.cluster.job(&run.namespace, &run.job_name).await?;
    let job = job.filter(|job| job.metadata.uid.as_deref() == Some(run.id.as_str()));
    Ok(job.map_or(JobOfRun::Gone, |job| JobOfRun::Exists(Box::new(job))))
}

/// The run, after its Job was deleted unobserved. It is active until its pods have stopped. A cancelled run has then ended as
/// cancelled.
pub(super) async fn without_job(shared: &Shared, run: Run) -> Run {
    let pods = shared.cluster.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default();
    let stopping = shared.cache().apply_deleted_job(&run, pods, Timestamp::now());
    if let Some(stopping) = stopping {
        shared.logs.open(&stopping.id);
        return stopping;
    }
    let unknown = Cause::new(
        OUTCOME_UNKNOWN,
        "The Job finished and was cleaned up, or was deleted, while trigger-api was not watching; its outcome is not known.",
    );
    let (state, cause) = match run.cause.clone().filter(|_| run.is_being_cancelled()) {
        Some(cause) => (State::Cancelled, cause),
        None => (State::Interrupted, unknown),
    };
    run.ended(state, cause, Timestamp::now())
}

//! Finds runs that ended while the cluster was not watched.

use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::ExecutorError;
use trigger_core::run::{Cause, OUTCOME_UNKNOWN, Run, State};
use trigger_core::run_store::{Cursor, RunFilter};
use trigger_core::store_error::StoreError;

use super::shared::Shared;

/// The number of runs that are read from the store in one statement.
const PAGE_SIZE: u16 = 200;

/// Checks the runs that are active in the store, but whose Jobs a list of the namespace did not contain. The outcome of
/// a Job that no longer exists is unknown, so its run becomes interrupted.
pub(super) async fn reconcile_missing_jobs(shared: Arc<Shared>, namespace: String) {
    for target in shared.targets.iter().filter(|target| target.namespace == namespace) {
        for state in [State::Pending, State::Running] {
            if let Err(error) = reconcile_state(&shared, target, state).await {
                tracing::warn!(%error, target = %target.name, "can't read the active runs; runs that ended unobserved are not found");
            }
        }
    }
}

async fn reconcile_state(
    shared: &Arc<Shared>,
    target: &CronJobTarget,
    state: State,
) -> Result<(), StoreError> {
    let (target, state) = (Some(target.name.clone()), Some(state));
    let mut filter = RunFilter { target, state, limit: PAGE_SIZE, ..RunFilter::default() };
    loop {
        let runs = shared.store.runs(&filter).await?;
        let Some(last) = runs.last() else { return Ok(()) };
        filter.after = Some(Cursor { created_at: last.created_at, id: last.id.clone() });
        for run in runs {
            if !shared.cache().has_job(&run.id) {
                interrupt_if_gone(shared, run).await;
            }
        }
    }
}

async fn interrupt_if_gone(shared: &Arc<Shared>, run: Run) {
    let job = match shared.cluster.job(&run.namespace, &run.job_name).await {
        Ok(job) => job,
        Err(ExecutorError::NoCronJob { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, run.id = %run.id, "can't check whether the run has ended; retrying after the next list");
            return;
        }
    };
    let exists = job.is_some_and(|job| job.metadata.uid.as_deref() == Some(run.id.as_str()));
    if !exists {
        let cause = Cause::new(
            OUTCOME_UNKNOWN,
            "The Job finished and was cleaned up, or was deleted, while trigger-api was not watching; its outcome is not known.",
        );
        shared.recorder.observe(run.ended(State::Interrupted, cause, Timestamp::now()));
    }
}

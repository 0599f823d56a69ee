//! Finds runs that ended while the cluster was not watched.

use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::executor::ExecutorError;
use trigger_core::run::{Cause, OUTCOME_UNKNOWN, Run, State};

use super::shared::Shared;

/// Checks the runs that are active in the store, but whose Jobs a list of the namespace did not contain. The outcome of
/// a Job that no longer exists is unknown, so its run becomes interrupted when its pods have stopped.
pub(super) async fn reconcile_missing_jobs(shared: Arc<Shared>, namespace: String) {
    for target in shared.targets.iter().filter(|target| target.namespace == namespace) {
        match shared.store.unfinished(&target.name).await {
            Ok(runs) => {
                for run in runs {
                    if !shared.cache().has_job(&run.id) {
                        interrupt_if_gone(&shared, run).await;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, target = %target.name, "can't read the active runs; runs that ended unobserved are not found");
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
    if exists {
        return;
    }
    let pods = shared.cluster.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default();
    let stopping = shared.cache().apply_deleted_job(&run, pods, Timestamp::now());
    if let Some(run) = &stopping {
        shared.logs.run_changed(run);
    }
    shared.recorder.observe(stopping.unwrap_or_else(|| ended_unobserved(run)));
}

/// A cancelled run has ended as cancelled: the Job was deleted after its pods.
fn ended_unobserved(run: Run) -> Run {
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

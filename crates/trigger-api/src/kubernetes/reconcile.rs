//! Finds the runs that ended while nobody was looking.

use std::sync::Arc;

use jiff::Timestamp;

use super::shared::Shared;
use trigger_core::ports::ExecutorError;
use trigger_core::run::{Cause, OUTCOME_UNKNOWN, Run, State};

/// Looks for the Jobs of runs that the store has as going on and that a list of the namespace did not hold. A Job that
/// is gone may have ended any way; its run is marked as interrupted.
pub(super) async fn missed_ends(shared: Arc<Shared>, namespace: String) {
    for target in shared.targets.iter().filter(|target| target.namespace == namespace) {
        match shared.store.unfinished(&target.name).await {
            Ok(runs) => {
                for run in runs {
                    if !shared.view().has_job(&run.id) {
                        check(&shared, run).await;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, target = %target.name, "runs that ended meanwhile can't be looked for");
            }
        }
    }
}

async fn check(shared: &Arc<Shared>, run: Run) {
    let job = match shared.calls.job(&run.namespace, &run.job_name).await {
        Ok(job) => job,
        Err(ExecutorError::NoCronJob { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, run.id = %run.id, "whether a run has ended can't be found out; the next list tells");
            return;
        }
    };
    let there = job.is_some_and(|job| job.metadata.uid.as_deref() == Some(run.id.as_str()));
    if !there {
        let cause = Cause::new(
            OUTCOME_UNKNOWN,
            "The Job ended and was cleaned up, or was deleted, while trigger-api could not watch; its outcome is not known.",
        );
        shared.recorder.observe(run.ended(State::Interrupted, cause, Timestamp::now()));
    }
}

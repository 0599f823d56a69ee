//! Fills the gaps of the history from the executor, after the recorder had to drop what the store could not take.

use super::executor::Executor;
use super::recorder::Recorder;

/// Reports what the executor still has to the recorder, whenever something was dropped and the store can be written again.
/// Each run is written before the next one is read, so that nothing accumulates. Never returns.
pub async fn run(recorder: &Recorder, executor: &dyn Executor) {
    loop {
        let dropped = recorder.gap().await;
        if fill(recorder, executor).await && recorder.close_gap(dropped) {
            tracing::info!("the gaps of the history are filled, as far as the Jobs and logs still exist");
        }
    }
}

/// Returns false if the store failed again. The recorder retries that write, and then reports the gap again.
async fn fill(recorder: &Recorder, executor: &dyn Executor) -> bool {
    for id in executor.observed_ids() {
        let Some(run) = executor.observed(&id) else { continue };
        let run = recorder.record(run).await;
        if recorder.has_unsaved(&id) {
            return false;
        }
        if run.state.is_final() {
            executor.recover_log(&run).await;
        }
    }
    true
}

//! The work that follows the end of a run: the cause of a failure is completed from its pods, and its log is stored.
//!
//! At the start of the program, thousands of runs may have ended. Only a few are processed at the same time, and the
//! others share their memory with the cache.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use trigger_core::run::Run;

use super::shared::Shared;
use super::watch::publish_now;

/// How many causes are completed at the same time. Each needs a request.
const MAX_CONCURRENT_CAUSES: usize = 8;
/// How many logs are finished at the same time. The containers of some may still be stopping.
const MAX_CONCURRENT_LOGS: usize = 64;

/// The queues of ended runs.
pub(super) struct EndedRuns {
    without_cause: UnboundedSender<Arc<Run>>,
    without_log: UnboundedSender<Arc<Run>>,
}

/// The other ends of the queues.
pub(super) struct EndedRunsReceivers {
    without_cause: UnboundedReceiver<Arc<Run>>,
    without_log: UnboundedReceiver<Arc<Run>>,
}

impl EndedRuns {
    pub(super) fn new() -> (Self, EndedRunsReceivers) {
        let (without_cause, causes) = unbounded_channel();
        let (without_log, logs) = unbounded_channel();
        let receivers = EndedRunsReceivers { without_cause: causes, without_log: logs };
        (Self { without_cause, without_log }, receivers)
    }

    /// Completes the cause of a run that failed, and publishes it.
    pub(super) fn complete_cause(&self, run: Arc<Run>) {
        // There is no receiver when the program stops.
        let _ = self.without_cause.send(run);
    }

    /// Reads the rest of the run's log, and stores its tail.
    pub(super) fn store_log(&self, run: Arc<Run>) {
        let _ = self.without_log.send(run);
    }
}

/// Processes the queues.
pub(super) fn start(shared: &Arc<Shared>, receivers: EndedRunsReceivers, tasks: &mut JoinSet<()>) {
    let EndedRunsReceivers { without_cause, without_log } = receivers;
    let causes = Arc::clone(shared);
    tasks.spawn(process(without_cause, MAX_CONCURRENT_CAUSES, move |run| {
        complete_cause(Arc::clone(&causes), run)
    }));
    let logs = Arc::clone(shared);
    tasks.spawn(process(without_log, MAX_CONCURRENT_LOGS, move |run| {
        let shared = Arc::clone(&logs);
        async move { shared.logs.recover(&run).await }
    }));
}

async fn process<F: Future<Output = ()> + Send + 'static>(
    mut runs: UnboundedReceiver<Arc<Run>>,
    max_concurrent: usize,
    work: impl Fn(Arc<Run>) -> F,
) {
    let runs = stream::poll_fn(move |context| runs.poll_recv(context));
    let each = runs.for_each_concurrent(max_concurrent, |run| {
        // A task, so that a panic does not end the others.
        let work = tokio::spawn(work(run));
        async { work.await.unwrap_or_default() }
    });
    each.await;
}

/// Fetches the pods of a Job whose failure arrived before theirs, then publishes the run. The recorder never changes the
/// cause of a run that has ended, so the first one must be complete.
async fn complete_cause(shared: Arc<Shared>, run: Arc<Run>) {
    let stored = shared.store.run(&run.id).await;
    let has_cause = matches!(stored, Ok(Some(stored)) if stored.state.is_final());
    let pods = if has_cause {
        Vec::new()
    } else {
        shared.cluster.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default()
    };
    let mut cache = shared.cache();
    let complete = cache.complete_cause(&run.id, pods, Timestamp::now());
    publish_now(&shared, &cache, complete.unwrap_or_else(|| Run::clone(&run)));
}

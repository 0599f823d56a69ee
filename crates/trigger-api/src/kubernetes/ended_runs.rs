//! The work that follows the end of a run: the cause of a failure is completed from its pods, and its log is stored.
//!
//! At the start of the program, thousands of runs may have ended. Only a few are processed at the same time, and the
//! others share their memory with the cache.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use trigger_core::run::Run;

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

impl EndedRunsReceivers {
    /// Processes the queues.
    pub(super) fn start<C, L>(
        self,
        complete_cause: impl Fn(Arc<Run>) -> C + Send + Sync + 'static,
        store_log: impl Fn(Arc<Run>) -> L + Send + Sync + 'static,
        tasks: &mut JoinSet<()>,
    ) where
        C: Future<Output = ()> + Send + 'static,
        L: Future<Output = ()> + Send + 'static,
    {
        tasks.spawn(process(self.without_cause, MAX_CONCURRENT_CAUSES, complete_cause));
        tasks.spawn(process(self.without_log, MAX_CONCURRENT_LOGS, store_log));
    }
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

//! The CronJobs of the targets, as they change.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::cronjob::{CronJobSummary, CronJobTarget};
use super::executor::Executor;
use super::target_name::TargetName;

/// How often the executor's cached state is compared with the last one while there is a subscriber.
const COMPARE_EVERY: Duration = Duration::from_secs(1);

/// A target and its CronJob.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObservedCronJob {
    /// The target.
    pub target: TargetName,
    /// Its CronJob; None if it does not exist or can't be read.
    pub cronjob: Option<CronJobSummary>,
}

/// Compares the CronJobs of the targets with their last state. Their changes have no numbers: each subscriber first
/// receives the present state, so it needs no earlier change.
pub(super) struct TargetWatch {
    targets: Vec<CronJobTarget>,
    executor: Arc<dyn Executor>,
    observed: watch::Sender<Arc<[ObservedCronJob]>>,
}

impl TargetWatch {
    pub(super) fn new(targets: Vec<CronJobTarget>, executor: Arc<dyn Executor>) -> Self {
        Self { targets, executor, observed: watch::Sender::new(Arc::default()) }
    }

    /// Looks for changes. Never returns.
    pub(super) async fn run(&self) {
        loop {
            sleep(COMPARE_EVERY).await;
            if self.observed.receiver_count() > 0 {
                self.refresh().await;
            }
        }
    }

    /// The present state of each target's CronJob, and then each change.
    pub(super) async fn subscribe(&self) -> impl Stream<Item = ObservedCronJob> + Send + use<> {
        self.refresh().await;
        let mut observed = self.observed.subscribe();
        observed.mark_changed();
        let subscriber = TargetSubscriber { observed, last: Arc::default(), changed: VecDeque::new() };
        stream::unfold(subscriber, TargetSubscriber::next)
    }

    async fn refresh(&self) {
        let observe = async |target: &CronJobTarget| ObservedCronJob {
            target: target.name.clone(),
            cronjob: self.executor.cronjob(target).await,
        };
        let present = join_all(self.targets.iter().map(observe)).await;
        self.observed.send_if_modified(|observed| {
            let changed = **observed != *present;
            if changed {
                *observed = present.into();
            }
            changed
        });
    }
}

struct TargetSubscriber {
    observed: watch::Receiver<Arc<[ObservedCronJob]>>,
    last: Arc<[ObservedCronJob]>,
    /// What was not returned yet.
    changed: VecDeque<ObservedCronJob>,
}

impl TargetSubscriber {
    async fn next(mut self) -> Option<(ObservedCronJob, Self)> {
        loop {
            if let Some(changed) = self.changed.pop_front() {
                return Some((changed, self));
            }
            self.observed.changed().await.ok()?;
            let present = Arc::clone(&self.observed.borrow_and_update());
            let changed = present.iter().filter(|observed| !self.last.contains(observed));
            self.changed.extend(changed.cloned());
            self.last = present;
        }
    }
}

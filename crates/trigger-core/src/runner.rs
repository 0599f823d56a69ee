//! Executes queued runs of tasks in this replica.
//!
//! Each run has a lease: its worker sends a heartbeat to the store every few seconds. If a heartbeat is missing for the
//! whole lease, measured by the clock of each replica, the worker is regarded as dead: its run is queued again, or ends as
//! interrupted if the task must not be executed twice. A worker that can't reach the store for most of its lease stops by
//! itself, so that two workers never execute the same run.

mod lease_monitor;
mod release;
mod replica;
mod stop;
mod task_thread;
mod worker;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::lease_monitor::LeaseMonitor;
pub use self::replica::RunnerConfig;
use self::replica::{HEARTBEATS_PER_LEASE, Replica};
use self::stop::{is_requested, requested};
use self::worker::Worker;
use super::feed::Feed;
use super::log_buffers::LogBuffers;
use super::recorder::Recorder;
use super::task::TaskTarget;
use super::task_queue::TaskQueue;
use super::task_store::TaskStore;

/// The runner of this replica.
pub struct Runner {
    replica: Arc<Replica>,
}

impl Runner {
    /// A runner for that queue.
    pub fn new(
        config: RunnerConfig,
        queue: Arc<TaskQueue>,
        store: Arc<dyn TaskStore>,
        recorder: Arc<Recorder>,
        feed: Arc<Feed>,
        logs: Arc<LogBuffers>,
    ) -> Self {
        let name = format!("{:016x}", fastrand::u64(..));
        Self { replica: Arc::new(Replica { config, name, queue, store, recorder, feed, logs }) }
    }

    /// Executes queued runs until `stopping` is true, then releases the leases of the runs in progress. It reaps expired
    /// leases even without a task of its own, because a task may have been removed from the configuration.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut workers = JoinSet::new();
        let mut monitor = LeaseMonitor::new(self.replica.config.lease);
        let mut ticks = tokio::time::interval(self.replica.config.lease / HEARTBEATS_PER_LEASE);
        while !is_requested(&stopping) {
            self.claim_queued(&mut workers, &stopping).await;
            tokio::select! {
                // The request to stop comes first, so that a run which a worker has just released is not claimed again.
                biased;
                () = requested(&mut stopping) => {}
                _ = ticks.tick() => self.reap_expired(&mut monitor).await,
                () = self.replica.queue.submitted() => {}
                Some(_) = workers.join_next() => {}
            }
        }
        while workers.join_next().await.is_some() {}
    }

    /// Claims runs while workers are free.
    async fn claim_queued(&self, workers: &mut JoinSet<()>, stopping: &watch::Receiver<bool>) {
        for target in self.replica.queue.targets() {
            for slot in 0..target.max_concurrent {
                if workers.len() >= self.replica.config.workers {
                    return;
                }
                if let Some(worker) = self.claim(target, slot).await {
                    workers.spawn(worker.execute(stopping.clone()));
                }
            }
        }
    }

    async fn claim(&self, target: &TaskTarget, slot: u32) -> Option<Worker> {
        let worker = format!("{}-{:08x}", self.replica.name, fastrand::u32(..));
        match self.replica.store.claim(&target.name, slot, &worker).await {
            Ok(Some(run)) => {
                self.replica.feed.wake();
                Some(Worker::new(Arc::clone(&self.replica), target.clone(), worker, run))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, target = %target.name, "cannot claim a run from the queue; retrying");
                None
            }
        }
    }

    /// Reaps the leases of dead workers.
    async fn reap_expired(&self, monitor: &mut LeaseMonitor) {
        let leases = match self.replica.store.leases().await {
            Ok(leases) => leases,
            Err(error) => {
                tracing::warn!(%error, "cannot read the leases of other workers; retrying");
                return;
            }
        };
        for lease in monitor.expired(leases, Instant::now()) {
            let seconds = self.replica.config.lease.as_secs();
            let reason = format!("Its worker sent no heartbeat for {seconds} s.");
            let outcome = match self.replica.queue.target(&lease.target) {
                Some(target) => release::after_interruption(target.resumes(), &lease, &reason, true),
                None => release::interrupted(&reason),
            };
            match self.replica.store.reap(&lease, &outcome).await {
                Ok(true) => {
                    tracing::warn!(run.id = %lease.id, run.target = %lease.target, attempt = lease.attempt, "reaped the lease of a dead worker");
                    self.replica.feed.wake();
                }
                // Another replica reaped it first, or the worker sent a heartbeat.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, run.id = %lease.id, "cannot reap the lease of a dead worker; retrying");
                }
            }
        }
    }
}

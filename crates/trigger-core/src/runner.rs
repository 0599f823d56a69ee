//! The workers of this replica: they take runs of tasks from the queue and do them.
//!
//! Who does a run says every few seconds that it lives (a beat). When a beat has not come for a whole lease, as every
//! replica measures with its own clock, the worker is dead: its run goes back to the queue, or is interrupted where the
//! task may not be done twice. A worker that can't reach the store for most of a lease stops by itself, so no run is done
//! by two.

mod lease_monitor;
mod task_thread;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::lease_monitor::LeaseMonitor;
use self::worker::Worker;
use super::feed::Feed;
use super::log_buffers::LogBuffers;
use super::ports::{Lease, Outcome, TaskStore};
use super::recorder::Recorder;
use super::run::{Cause, RESTARTED, State};
use super::task::TaskTarget;
use super::task_queue::TaskQueue;

/// How often a worker says that it lives, in a lease.
const HEARTBEATS_PER_LEASE: u32 = 5;
/// How often a run is begun at most. One that takes its whole replica along would do so for ever.
const MAX_ATTEMPTS: u32 = 3;

/// How a runner works.
#[derive(Clone, Copy, Debug)]
pub struct RunnerConfig {
    /// How many runs it does at once, of all tasks.
    pub workers: usize,
    /// How long a worker may be silent until others take it for dead.
    pub lease: Duration,
}

/// The workers of this replica.
pub struct Runner {
    config: RunnerConfig,
    /// Distinguishes this replica's claims from those of others.
    name: String,
    queue: Arc<TaskQueue>,
    store: Arc<dyn TaskStore>,
    recorder: Arc<Recorder>,
    feed: Arc<Feed>,
    book: Arc<LogBuffers>,
}

impl Runner {
    /// A runner for that queue.
    pub fn new(
        config: RunnerConfig,
        queue: Arc<TaskQueue>,
        store: Arc<dyn TaskStore>,
        recorder: Arc<Recorder>,
        feed: Arc<Feed>,
        book: Arc<LogBuffers>,
    ) -> Arc<Self> {
        let name = format!("{:016x}", fastrand::u64(..));
        Arc::new(Self { config, name, queue, store, recorder, feed, book })
    }

    /// Does what waits until `stopping` is true, and then lets go of what goes on. Without a task to do it still sees to
    /// runs whose worker is dead: their task may have been taken out of the configuration.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut working = JoinSet::new();
        let mut lease_monitor = LeaseMonitor::new(self.config.lease);
        let mut turns = tokio::time::interval(self.config.lease / HEARTBEATS_PER_LEASE);
        while !*stopping.borrow() {
            self.begin_what_waits(&mut working, &stopping).await;
            tokio::select! {
                // First: what a worker has just handed over is not taken up again here.
                biased;
                () = asked(&mut stopping) => {}
                _ = turns.tick() => self.bury(&mut lease_monitor).await,
                () = self.queue.submitted() => {}
                Some(_) = working.join_next() => {}
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// Claims runs while there are workers for them.
    async fn begin_what_waits(self: &Arc<Self>, working: &mut JoinSet<()>, stopping: &watch::Receiver<bool>) {
        for target in self.queue.targets() {
            for slot in 0..target.max_concurrent {
                if working.len() >= self.config.workers {
                    return;
                }
                if let Some(worker) = self.claim(target, slot).await {
                    working.spawn(worker.work(stopping.clone()));
                }
            }
        }
    }

    async fn claim(self: &Arc<Self>, target: &TaskTarget, slot: u32) -> Option<Worker> {
        let worker = format!("{}-{:08x}", self.name, fastrand::u32(..));
        match self.store.claim(&target.name, slot, &worker).await {
            Ok(Some((run, parameters))) => {
                self.feed.wake();
                Some(Worker::new(Arc::clone(self), target.clone(), worker, run, parameters))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, target = %target.name, "no run can be taken from the queue; it is tried again");
                None
            }
        }
    }

    /// Lets go of the runs of workers that are dead.
    async fn bury(&self, lease_monitor: &mut LeaseMonitor) {
        let held = match self.store.leases().await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "whether other workers live can't be seen; it is tried again");
                return;
            }
        };
        for held in lease_monitor.dead(held, Instant::now()) {
            let silent = format!("Its worker was not heard of for {} s.", self.config.lease.as_secs());
            let outcome = match self.queue.target(&held.target) {
                Some(target) => cut_off(target, &held, &silent, true),
                None => interrupted(&silent),
            };
            match self.store.reap(&held, &outcome).await {
                Ok(true) => {
                    tracing::warn!(run.id = %held.id, run.target = %held.target, attempt = held.attempt, "the worker of a run is dead");
                    self.feed.wake();
                }
                // Another replica was faster, or the worker lives after all.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, run.id = %held.id, "a dead worker's run can't be let go; it is tried again");
                }
            }
        }
    }
}

/// Waits until the program is asked to end.
async fn asked(stopping: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left who would want anything else.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What becomes of a run that was cut off; `counts` says whether the attempt does.
fn cut_off(target: &TaskTarget, held: &Lease, why: &str, counts: bool) -> Outcome {
    if !target.resumes() {
        return interrupted(&format!("{why} The task is not begun again by itself; ask for a new run."));
    }
    if counts && held.attempt >= MAX_ATTEMPTS {
        return interrupted(&format!(
            "{why} It was begun {MAX_ATTEMPTS} times, which is enough; look into the log."
        ));
    }
    Outcome::Queued { cause: Cause::new(RESTARTED, format!("{why} It is begun again.")), counts }
}

fn interrupted(why: &str) -> Outcome {
    Outcome::Ended { state: State::Interrupted, cause: Some(Cause::new(RESTARTED, why)) }
}

//! Executes one run.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::Instrument;

use super::release;
use super::replica::{HEARTBEATS_PER_LEASE, Replica};
use super::stop::{is_requested, requested};
use super::task_thread::{TaskThread, ThreadExit};
use crate::parameters::Parameters;
use crate::run::{Cause, DEADLINE_EXCEEDED, PANICKED, RESTARTED, Run, State};
use crate::store_error::StoreError;
use crate::task::{TaskError, TaskTarget};
use crate::task_context::TaskContext;
use crate::task_store::{Lease, LeaseStatus, Outcome};

/// The pause after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The largest result that is stored, in bytes of JSON.
const MAX_RESULT_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Worker {
    replica: Arc<Replica>,
    target: TaskTarget,
    lease: Lease,
    parameters: Parameters,
    context: TaskContext,
}

/// Why a task was stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StopReason {
    /// The run has ended: it was cancelled or exceeded its timeout.
    RunEnded,
    /// The store can't be reached, or the lease was reaped.
    LeaseLost,
    /// The program is shutting down.
    Shutdown,
}

impl Worker {
    pub(super) fn new(replica: Arc<Replica>, target: TaskTarget, worker: String, run: Run) -> Self {
        let attempt = run.task.map(|task| task.attempt).unwrap_or_default();
        let lease = Lease { id: run.id, target: run.target, worker, heartbeat: 0, attempt };
        let deadline = std::time::Instant::now() + target.timeout;
        let context = TaskContext::new(lease.id.clone(), Arc::clone(&replica.logs));
        let context = context.with_deadline(deadline).with_attempt(attempt);
        Self { replica, target, lease, parameters: run.parameters, context }
    }

    /// Executes the run and releases its lease. The log and the result are stored before the end of the run, so that a
    /// caller who observes the end can read both.
    pub(super) async fn execute(mut self, stopping: watch::Receiver<bool>) {
        let span = tracing::info_span!("task", run.id = %self.lease.id, run.target = %self.lease.target);
        async {
            let started = Instant::now();
            if is_requested(&stopping) {
                // The run was claimed at the moment when the program was asked to stop.
                let cause = Cause::new(
                    RESTARTED,
                    "The program that claimed it was stopped or restarted. It is started again.",
                );
                return self.release(&Outcome::Queued { cause, counts: false }, started).await;
            }
            let task = self.target.task.definition().name;
            tracing::info!(task, attempt = self.lease.attempt, "task started");
            self.replica.logs.open(&self.lease.id);
            let thread = TaskThread::start(
                Arc::clone(&self.target.task),
                std::mem::take(&mut self.parameters),
                self.context.clone(),
            );
            let (exit, stop) = self.supervise(thread, stopping).await;
            let outcome = self.outcome(exit, stop).await;
            self.release(&outcome, started).await;
        }
        .instrument(span)
        .await;
    }

    /// Sends heartbeats until the thread ends, and stops it when necessary.
    async fn supervise(
        &self,
        mut thread: TaskThread,
        mut stopping: watch::Receiver<bool>,
    ) -> (ThreadExit, Option<StopReason>) {
        let lease = self.replica.config.lease;
        let mut ticks = interval(lease / HEARTBEATS_PER_LEASE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = self.replica.queue.ended();
        let deadline = sleep(self.target.timeout);
        tokio::pin!(deadline);
        let (mut last_heartbeat, mut stop) = (Instant::now(), None);
        loop {
            let reason = tokio::select! {
                exit = thread.exited() => return (exit, stop),
                () = &mut deadline, if stop.is_none() => {
                    // If this can't be stored, it is retried after a pause.
                    deadline.as_mut().reset(Instant::now() + PAUSE_AFTER_FAILURE);
                    self.end_at_deadline().await.then_some(StopReason::RunEnded)
                }
                () = requested(&mut stopping), if stop.is_none() => Some(StopReason::Shutdown),
                _ = ticks.tick() => self.heartbeat(&mut last_heartbeat).await,
                Ok(()) = ended.changed() => self.heartbeat(&mut last_heartbeat).await,
            };
            if let (Some(reason), None) = (reason, stop) {
                stop = Some(reason);
                thread.stop();
            }
        }
    }

    /// Sends a heartbeat; returns why the task must stop, if it must.
    async fn heartbeat(&self, last_heartbeat: &mut Instant) -> Option<StopReason> {
        let lease = self.replica.config.lease;
        let progress = self.context.progress();
        let heartbeat = self.replica.store.heartbeat(&self.lease.id, &self.lease.worker, &progress);
        match timeout(lease / HEARTBEATS_PER_LEASE, heartbeat).await {
            Ok(Ok(LeaseStatus::Active)) => {
                *last_heartbeat = Instant::now();
                self.replica.feed.wake();
                return None;
            }
            Ok(Ok(LeaseStatus::RunEnded)) => return Some(StopReason::RunEnded),
            Ok(Ok(LeaseStatus::Lost)) => return Some(StopReason::LeaseLost),
            Ok(Err(error)) => tracing::warn!(%error, "cannot store a heartbeat; retrying"),
            Err(_) => tracing::warn!("storing a heartbeat took too long; retrying"),
        }
        // Other replicas reap the lease when it expires; the task must have stopped before.
        (last_heartbeat.elapsed() > lease * 3 / HEARTBEATS_PER_LEASE).then_some(StopReason::LeaseLost)
    }

    /// Ends the run at its deadline before the task stops, because a task that never awaits would delay the end. False if
    /// the store fails.
    async fn end_at_deadline(&self) -> bool {
        let limit = self.target.timeout.as_secs();
        let cause = Cause::new(DEADLINE_EXCEEDED, format!("It exceeded its timeout of {limit} s."));
        match self.replica.store.end_task(&self.lease.id, State::Failed, &cause).await {
            Ok(_) => {
                self.replica.feed.wake();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot end a run that exceeded its timeout; retrying");
                false
            }
        }
    }

    /// The outcome of the run. Its log and its result are stored here.
    async fn outcome(&self, exit: ThreadExit, stop: Option<StopReason>) -> Outcome {
        let failed = |cause| Outcome::Ended { state: State::Failed, cause: Some(cause) };
        let interrupted =
            |reason, counts| release::after_interruption(self.target.resumes(), &self.lease, reason, counts);
        match (exit, stop) {
            (ThreadExit::Succeeded(result), _) => {
                let size = result.to_string().len();
                if size > MAX_RESULT_BYTES {
                    let message =
                        format!("Its result has {size} bytes; the limit is {MAX_RESULT_BYTES} bytes.");
                    return failed(Cause::new("ResultTooLarge", message));
                }
                let save = || self.replica.store.save_result(&self.lease.id, &self.lease.worker, &result);
                until_stored(save).await;
                Outcome::Ended { state: State::Succeeded, cause: None }
            }
            (ThreadExit::Failed(TaskError { reason, message, detail }), _) => {
                tracing::warn!(reason, message, detail, "task failed");
                self.context.log(&format!("failed: {message}"));
                failed(Cause::new(reason, message))
            }
            (ThreadExit::Panicked, _) => {
                self.context.log("failed: the task panicked");
                failed(Cause::new(
                    PANICKED,
                    "The task panicked. The log of trigger-api has the location; report it to the developers.",
                ))
            }
            // The run has ended already; only its slot is released.
            (ThreadExit::Stopped, Some(StopReason::RunEnded)) => {
                Outcome::Ended { state: State::Cancelled, cause: None }
            }
            (ThreadExit::Stopped, Some(StopReason::Shutdown)) => {
                interrupted("The program that executed it was stopped or restarted.", false)
            }
            (ThreadExit::Stopped, _) => interrupted("Its worker could not reach the store.", true),
        }
    }

    async fn release(&self, outcome: &Outcome, started: Instant) {
        let (replica, id) = (&self.replica, &self.lease.id);
        replica.recorder.record_log(id, replica.logs.tail(id).unwrap_or_default()).await;
        let released = until_stored(|| replica.store.release(&self.lease, outcome)).await;
        replica.feed.wake();
        replica.logs.close(id);
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            _ if !released => {
                tracing::warn!(duration_ms, "the lease was lost; the outcome of this worker is not stored");
            }
            Outcome::Ended { state: State::Succeeded, .. } => {
                tracing::info!(duration_ms, "task completed successfully");
            }
            Outcome::Ended { state, .. } => tracing::info!(duration_ms, run.state = %state, "task ended"),
            Outcome::Queued { .. } => {
                tracing::info!(duration_ms, "task interrupted; its run is queued again");
            }
        }
    }
}

/// Retries a write until it succeeds.
async fn until_stored<T, F: Future<Output = Result<T, StoreError>>>(write: impl FnMut() -> F) -> T {
    let forever = ConstantBuilder::default().with_delay(PAUSE_AFTER_FAILURE).without_max_times();
    let log = |error: &StoreError, _| tracing::error!(%error, "cannot store the end of a run; retrying");
    write
        .retry(forever)
        .notify(log)
        .await
        .unwrap_or_else(|error| unreachable!("{error} was not the last attempt"))
}

//! One worker: does one run and tells of it.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::Instrument;

use super::super::ports::{Lease, LeaseStatus, Outcome, StoreError};
use super::super::run::{Cause, DEADLINE_EXCEEDED, PANICKED, RESTARTED, Run, State};
use super::super::task::{Parameters, TaskContext, TaskError, TaskTarget};
use super::task_thread::{Ending, TaskThread};
use super::{HEARTBEATS_PER_LEASE, Runner, asked, cut_off};

/// How long the store is left alone after it failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The largest result that is kept, in bytes of JSON.
const MAX_RESULT_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Worker {
    runner: Arc<Runner>,
    target: TaskTarget,
    held: Lease,
    parameters: Parameters,
    context: TaskContext,
}

/// Why the work was stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    /// The run has ended already: someone cancelled it, or its time is over.
    Ended,
    /// The store is out of reach, or others took this worker for dead.
    Lost,
    /// The program ends.
    Restarted,
}

impl Worker {
    pub(super) fn new(
        runner: Arc<Runner>,
        target: TaskTarget,
        worker: String,
        run: Run,
        parameters: Parameters,
    ) -> Self {
        let attempt = run.task.map(|task| task.attempt).unwrap_or_default();
        let held = Lease { id: run.id, target: run.target, worker, heartbeat: 0, attempt };
        let deadline = std::time::Instant::now() + target.limit;
        let context = TaskContext::new(held.id.clone(), Arc::clone(&runner.book)).until(deadline);
        Self { runner, target, held, parameters, context }
    }

    /// Does the run, and lets it go. Nobody who sees its end misses its log or its result: those are kept first.
    pub(super) async fn work(mut self, stopping: watch::Receiver<bool>) {
        let span = tracing::info_span!("task", run.id = %self.held.id, run.target = %self.held.target);
        async {
            let began = Instant::now();
            if *stopping.borrow() {
                // Claimed in the very moment in which the program was asked to end: it was not begun.
                let cause = Cause::new(
                    RESTARTED,
                    "The program that took it was stopped or restarted. It is begun again.",
                );
                return self.release(&Outcome::Queued { cause, counts: false }, began).await;
            }
            tracing::info!(task = self.target.task.name(), attempt = self.held.attempt, "task started");
            self.runner.book.open(&self.held.id);
            let thread = TaskThread::start(
                Arc::clone(&self.target.task),
                std::mem::take(&mut self.parameters),
                self.context.clone(),
            );
            let (ending, stop) = self.attend(thread, stopping).await;
            let outcome = self.conclude(ending, stop).await;
            self.release(&outcome, began).await;
        }
        .instrument(span)
        .await;
    }

    /// Stays with the work until it has ended: says that it goes on, and stops it when it should not.
    async fn attend(
        &self,
        mut thread: TaskThread,
        mut stopping: watch::Receiver<bool>,
    ) -> (Ending, Option<Stop>) {
        let lease = self.runner.config.lease;
        let mut heartbeats = interval(lease / HEARTBEATS_PER_LEASE);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = self.runner.queue.ended();
        let deadline = sleep(self.target.limit);
        tokio::pin!(deadline);
        let (mut last_heartbeat, mut stop) = (Instant::now(), None);
        loop {
            let wanted = tokio::select! {
                ending = thread.ended() => return (ending, stop),
                () = &mut deadline, if stop.is_none() => {
                    // Where that can't be stored it is tried again, and not at once.
                    deadline.as_mut().reset(Instant::now() + PAUSE_AFTER_FAILURE);
                    self.time_is_over().await.then_some(Stop::Ended)
                }
                () = asked(&mut stopping), if stop.is_none() => Some(Stop::Restarted),
                _ = heartbeats.tick() => self.heartbeat(&mut last_heartbeat).await,
                Ok(()) = ended.changed() => self.heartbeat(&mut last_heartbeat).await,
            };
            if let (Some(why), None) = (wanted, stop) {
                stop = Some(why);
                thread.stop();
            }
        }
    }

    /// Says that the run goes on, and learns whether it should.
    async fn heartbeat(&self, last_heartbeat: &mut Instant) -> Option<Stop> {
        let lease = self.runner.config.lease;
        let progress = self.context.reported_progress();
        let heartbeat = self.runner.store.heartbeat(&self.held.id, &self.held.worker, &progress);
        match timeout(lease / HEARTBEATS_PER_LEASE, heartbeat).await {
            Ok(Ok(LeaseStatus::Active)) => {
                *last_heartbeat = Instant::now();
                self.runner.feed.wake();
                return None;
            }
            Ok(Ok(LeaseStatus::RunEnded)) => return Some(Stop::Ended),
            Ok(Ok(LeaseStatus::Lost)) => return Some(Stop::Lost),
            Ok(Err(error)) => tracing::warn!(%error, "that the run goes on can't be said; it is tried again"),
            Err(_) => tracing::warn!("that the run goes on can't be said in time; it is tried again"),
        }
        // Others take the run after a lease: before that it has to be over here.
        (last_heartbeat.elapsed() > lease * 3 / HEARTBEATS_PER_LEASE).then_some(Stop::Lost)
    }

    /// Ends the run at its deadline, at once: work that never awaits would not let it end. False when the store is away;
    /// the next beats say what to do then.
    async fn time_is_over(&self) -> bool {
        let limit = self.target.limit.as_secs();
        let cause = Cause::new(DEADLINE_EXCEEDED, format!("It took longer than the {limit} s that it may."));
        match self.runner.store.end_task(&self.held.id, State::Failed, &cause).await {
            Ok(_) => {
                self.runner.feed.wake();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a run whose time is over can't be ended");
                false
            }
        }
    }

    /// What becomes of the run; its log and its result are kept on the way.
    async fn conclude(&self, ending: Ending, stop: Option<Stop>) -> Outcome {
        let failed = |cause| Outcome::Ended { state: State::Failed, cause: Some(cause) };
        match (ending, stop) {
            (Ending::Done(result), _) => {
                let size = result.to_string().len();
                if size > MAX_RESULT_BYTES {
                    let words = format!(
                        "Its result has {size} bytes, more than the {MAX_RESULT_BYTES} that are kept."
                    );
                    return failed(Cause::new("ResultTooLarge", words));
                }
                let save = || self.runner.store.save_result(&self.held.id, &self.held.worker, &result);
                until_stored(save).await;
                Outcome::Ended { state: State::Succeeded, cause: None }
            }
            (Ending::Failed(TaskError { reason, message, detail }), _) => {
                tracing::warn!(reason, message, detail, "task failed");
                self.context.line(&format!("failed: {message}"));
                failed(Cause::new(reason, message))
            }
            (Ending::Panicked, _) => {
                self.context.line("failed: the task broke");
                failed(Cause::new(
                    PANICKED,
                    "The task broke; the log of trigger-api says where. Tell its developers.",
                ))
            }
            // The run has its end; what is left is to free the slot.
            (Ending::Stopped, Some(Stop::Ended)) => Outcome::Ended { state: State::Cancelled, cause: None },
            (Ending::Stopped, Some(Stop::Restarted)) => {
                cut_off(&self.target, &self.held, "The program that did it was stopped or restarted.", false)
            }
            (Ending::Stopped, _) => {
                cut_off(&self.target, &self.held, "Its worker could not reach the store.", true)
            }
        }
    }

    async fn release(&self, outcome: &Outcome, began: Instant) {
        let (runner, id) = (&self.runner, &self.held.id);
        runner.recorder.record_log(id, runner.book.tail(id).unwrap_or_default()).await;
        let held = until_stored(|| runner.store.release(&self.held, outcome)).await;
        runner.feed.wake();
        runner.book.close(id);
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            _ if !held => tracing::warn!(
                duration_ms,
                "the run is another worker's by now; what was done here is not kept"
            ),
            Outcome::Ended { state: State::Succeeded, .. } => {
                tracing::info!(duration_ms, "task completed successfully");
            }
            Outcome::Ended { state, .. } => tracing::info!(duration_ms, run.state = %state, "task ended"),
            Outcome::Queued { .. } => tracing::info!(duration_ms, "task cut off; it waits again"),
        }
    }
}

/// Writes until the store takes it.
async fn until_stored<T, F: Future<Output = Result<T, StoreError>>>(write: impl FnMut() -> F) -> T {
    let for_ever = ConstantBuilder::default().with_delay(PAUSE_AFTER_FAILURE).without_max_times();
    let told = |error: &StoreError, _| tracing::error!(%error, "the end of a run can't be stored; it is tried again");
    write
        .retry(for_ever)
        .notify(told)
        .await
        .unwrap_or_else(|error| unreachable!("{error} is not the last try"))
}

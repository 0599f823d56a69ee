//! Executes one run, from its first attempt to its end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::log_text::LogSource;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Cause, Run, State};

use super::failure_policy::FailureAction;
use super::outcome::{self, Outcome};
use super::plan::Plan;
use super::process::Process;
use super::registry::{Registry, StopReason};

/// The maximum delay between two attempts.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// How long the start of a run waits for the store. A run starts even if the store is unavailable.
const RECORD_TIMEOUT: Duration = Duration::from_secs(1);

/// What all runs of this process share.
pub(super) struct Context {
    pub(super) registry: Registry,
    pub(super) recorder: Arc<Recorder>,
    pub(super) logs: Arc<LogBuffers>,
}

/// Executes an active run.
pub(super) struct Supervisor {
    pub(super) context: Arc<Context>,
    pub(super) plan: Plan,
    pub(super) run: Run,
    pub(super) stop: watch::Receiver<Option<StopReason>>,
    /// The delay before the first retry.
    pub(super) retry_delay: Duration,
}

/// The result of an attempt.
enum AttemptResult {
    /// The failure policy decides about a retry.
    Failed(Cause),
    /// The run ends.
    Final(Outcome),
}

impl Supervisor {
    /// Executes the run to its end. The log is stored before the end is published, so that a reader of the end finds the
    /// whole log. The log buffer is closed last, so that a reader who followed the log to its end finds the end of the run.
    pub(super) async fn supervise(mut self) {
        // After a SIGKILL of trigger-api, only a run that is in the store can be recorded as interrupted.
        self.context.recorder.drain(RECORD_TIMEOUT).await;
        let Outcome { state, cause } = self.execute().await;
        let (id, context) = (self.run.id.clone(), &self.context);
        context.recorder.record_log(&id, context.logs.tail(&id).unwrap_or_default()).await;
        self.run = Run { state, cause, finished_at: Some(Timestamp::now()), ..self.run };
        tracing::info!(run.id = %self.run.id, run.state = %state, "run ended");
        context.registry.end(self.run.clone());
        context.recorder.record(self.run).await;
        context.logs.close(&id);
    }

    /// Makes attempts until one is final or no retry is allowed.
    async fn execute(&mut self) -> Outcome {
        let command = match &self.plan.command {
            Ok(command) => command.clone(),
            Err(problem) => return Outcome::program_not_found(problem),
        };
        let deadline = Deadline::after(self.plan.job_deadline);
        let mut delay = self.retry_delay;
        let mut counted_failures = 0;
        let mut number = 0;
        loop {
            number += 1;
            let failure = match self.attempt(&command, number, deadline).await {
                AttemptResult::Failed(failure) => failure,
                AttemptResult::Final(outcome) => return outcome,
            };
            let action = failure.exit_code.map(|code| self.plan.failure_policy.action(code));
            match action.unwrap_or(FailureAction::Count) {
                FailureAction::FailJob => return Outcome::retry_not_allowed(failure),
                FailureAction::Ignore => {}
                FailureAction::Count if counted_failures == self.plan.max_retries => {
                    return Outcome::backoff_limit_exceeded(failure, counted_failures.saturating_add(1));
                }
                FailureAction::Count => counted_failures += 1,
            }
            self.run.cause = Some(outcome::retrying(&failure));
            self.publish();
            tokio::select! {
                () = sleep(delay) => {}
                outcome = interruption(&mut self.stop, deadline) => return outcome,
            }
            delay = (2 * delay).min(MAX_RETRY_DELAY);
        }
    }

    async fn attempt(
        &mut self,
        command: &[String],
        number: u32,
        deadline: Option<Deadline>,
    ) -> AttemptResult {
        if let Some(directory) = self.plan.working_dir.as_deref().filter(|directory| !directory.is_dir()) {
            let problem = format!("The container's workingDir {} does not exist.", directory.display());
            return AttemptResult::Final(Outcome::failed(Cause::new("StartError", problem)));
        }
        // There are no pods, so the Job's name takes the place of the pod's.
        let source = LogSource {
            pod: Some(self.run.job_name.clone()),
            container: Some(self.plan.container.clone()),
            attempt: Some(number),
        };
        let started = Process::start(command, &self.plan, &self.context.logs, &self.run.id, source);
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return AttemptResult::Final(Outcome::start_failed(&command[0], &error)),
        };
        if self.run.state == State::Pending {
            self.run.state = State::Running;
            self.run.started_at = Some(Timestamp::now());
            self.publish();
        }
        let attempt_deadline = Deadline::after(self.plan.attempt_deadline);
        let result = tokio::select! {
            biased;
            status = process.ended() => match status.map(outcome::failure) {
                Ok(Some(failure)) => AttemptResult::Failed(failure),
                Ok(None) => AttemptResult::Final(Outcome::succeeded()),
                Err(error) => AttemptResult::Final(Outcome::start_failed(&command[0], &error)),
            },
            outcome = interruption(&mut self.stop, deadline) => AttemptResult::Final(outcome),
            limit = passed(attempt_deadline) => {
                AttemptResult::Failed(outcome::attempt_deadline_exceeded(limit))
            }
        };
        process.end(self.plan.grace_period).await;
        result
    }

    fn publish(&self) {
        self.context.registry.update(&self.run);
        self.context.recorder.observe(self.run.clone());
    }
}

/// A point in time, and the time limit that it results from.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// None without a limit, or when the limit is too long for the clock.
    fn after(limit: Option<Duration>) -> Option<Self> {
        let limit = limit?;
        Some(Self { at: Instant::now().checked_add(limit)?, limit })
    }
}

/// Waits for the deadline and returns its time limit.
async fn passed(deadline: Option<Deadline>) -> Duration {
    let Some(Deadline { at, limit }) = deadline else { return pending().await };
    sleep_until(at).await;
    limit
}

/// Waits until the run is stopped or the deadline of the Job has passed.
async fn interruption(stop: &mut watch::Receiver<Option<StopReason>>, deadline: Option<Deadline>) -> Outcome {
    tokio::select! {
        reason = stopped(stop) => Outcome::stopped(reason),
        limit = passed(deadline) => Outcome::job_deadline_exceeded(limit),
    }
}

async fn stopped(stop: &mut watch::Receiver<Option<StopReason>>) -> StopReason {
    match stop.wait_for(Option::is_some).await.map(|reason| *reason) {
        Ok(Some(reason)) => reason,
        // The sender is gone, so the run can no longer be stopped.
        Ok(None) | Err(_) => pending().await,
    }
}

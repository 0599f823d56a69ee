//! Follows one run from its first attempt to its end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::failure_policy::Verdict;
use super::outcome::{self, Outcome};
use super::plan::Plan;
use super::process::Process;
use super::registry::{Registry, Stop};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Cause, Run, State};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the start of a run waits until it is recorded; a store that is away does not stop it.
const RECORDED_WITHIN: Duration = Duration::from_secs(1);

/// Where runs are known and written down.
pub(super) struct Desk {
    pub(super) registry: Registry,
    pub(super) recorder: Arc<Recorder>,
    pub(super) book: Arc<LogBuffers>,
}

/// One run that goes on.
pub(super) struct Supervisor {
    pub(super) desk: Arc<Desk>,
    pub(super) plan: Plan,
    pub(super) run: Run,
    pub(super) stop: watch::Receiver<Option<Stop>>,
    pub(super) first_pause: Duration,
}

/// How an attempt ended.
enum Attempt {
    Failed(Cause),
    Last(Outcome),
}

impl Supervisor {
    /// Runs the Job to its end. Nobody who sees the end misses a line of the log: the log is kept first. And nobody who
    /// has followed the log to its end misses the end: the log is closed last.
    pub(super) async fn supervise(mut self) {
        // A run that the store knows before it starts is told of after a SIGKILL of this program.
        self.desk.recorder.drain(RECORDED_WITHIN).await;
        let Outcome { state, cause } = self.attempts().await;
        let (id, desk) = (self.run.id.clone(), &self.desk);
        desk.recorder.record_log(&id, desk.book.tail(&id).unwrap_or_default()).await;
        self.run = Run { state, cause, finished_at: Some(Timestamp::now()), ..self.run };
        tracing::info!(run.id = %self.run.id, run.state = %state, "a run ended");
        desk.registry.end(self.run.clone());
        desk.recorder.record(self.run).await;
        desk.book.close(&id);
    }

    async fn attempts(&mut self) -> Outcome {
        let command = match &self.plan.command {
            Ok(command) => command.clone(),
            Err(problem) => return Outcome::no_program(problem),
        };
        let deadline = Deadline::after(self.plan.job_deadline);
        let mut pause = self.first_pause;
        let mut counted = 0;
        loop {
            let failure = match self.attempt(&command, deadline).await {
                Attempt::Failed(failure) => failure,
                Attempt::Last(outcome) => return outcome,
            };
            let verdict = failure.exit_code.map(|code| self.plan.failure_policy.verdict(code));
            match verdict.unwrap_or(Verdict::Count) {
                Verdict::FailJob => return Outcome::not_to_be_retried(failure),
                Verdict::Ignore => {}
                Verdict::Count if counted == self.plan.retries => {
                    return Outcome::exhausted(failure, counted.saturating_add(1));
                }
                Verdict::Count => counted += 1,
            }
            self.run.cause = Some(outcome::retrying(&failure));
            self.tell();
            tokio::select! {
                () = sleep(pause) => {}
                outcome = interruption(&mut self.stop, deadline) => return outcome,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&mut self, command: &[String], deadline: Option<Deadline>) -> Attempt {
        if let Some(directory) = self.plan.directory.as_deref().filter(|directory| !directory.is_dir()) {
            let problem = format!("There is no folder {}, the container's workingDir.", directory.display());
            return Attempt::Last(Outcome::failed(Cause::new("StartError", problem)));
        }
        let started = Process::start(command, &self.plan, &self.desk.book, &self.run.id);
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return Attempt::Last(Outcome::not_started(&command[0], &error)),
        };
        if self.run.state == State::Pending {
            self.run.state = State::Running;
            self.run.started_at = Some(Timestamp::now());
            self.tell();
        }
        let attempt_deadline = Deadline::after(self.plan.attempt_deadline);
        let attempt = tokio::select! {
            biased;
            status = process.ended() => match status.map(outcome::failure) {
                Ok(Some(failure)) => Attempt::Failed(failure),
                Ok(None) => Attempt::Last(Outcome::succeeded()),
                Err(error) => Attempt::Last(Outcome::not_started(&command[0], &error)),
            },
            outcome = interruption(&mut self.stop, deadline) => Attempt::Last(outcome),
            limit = passed(attempt_deadline) => Attempt::Failed(outcome::attempt_out_of_time(limit)),
        };
        process.end(self.plan.grace).await;
        attempt
    }

    fn tell(&self) {
        self.desk.registry.update(&self.run);
        self.desk.recorder.observe(self.run.clone());
    }
}

/// A moment, and how much time there was until then.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// None is never, as is a moment that no clock reaches.
    fn after(limit: Option<Duration>) -> Option<Self> {
        let limit = limit?;
        Some(Self { at: Instant::now().checked_add(limit)?, limit })
    }
}

/// Waits for the deadline and gives how much time there was.
async fn passed(deadline: Option<Deadline>) -> Duration {
    let Some(Deadline { at, limit }) = deadline else { return pending().await };
    sleep_until(at).await;
    limit
}

/// What ends a run from the outside: a wish, or the time of the whole Job.
async fn interruption(stop: &mut watch::Receiver<Option<Stop>>, deadline: Option<Deadline>) -> Outcome {
    tokio::select! {
        stop = wish(stop) => Outcome::stopped(stop),
        limit = passed(deadline) => Outcome::job_out_of_time(limit),
    }
}

async fn wish(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    match stop.wait_for(Option::is_some).await.map(|stop| *stop) {
        Ok(Some(stop)) => stop,
        // Nobody is left who could wish anything.
        Ok(None) | Err(_) => pending().await,
    }
}

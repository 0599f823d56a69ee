//! Work that is done inside this process: what a task is, and what it is given.
//!
//! A run of a task waits in the queue, is done by one worker of one replica, and leaves a result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::log_buffers::LogBuffers;
use super::run::{Progress, RunId};
use super::target::TargetName;

/// What a request asks of a task, as the caller's JSON object has it.
pub type Parameters = Map<String, Value>;

/// A kind of work.
///
/// A run has a thread and a runtime of its own, so it may compute as long as it likes. It ends early by being dropped
/// at an await: when it is cancelled, out of time, or done by another replica.
#[async_trait]
pub trait Task: Send + Sync {
    /// What targets call it by: lower-case letters, digits and hyphens.
    fn name(&self) -> &'static str;

    /// Whether a run that was cut off in the midst may be begun again from the start. One that may not is
    /// [`super::run::State::Interrupted`] then.
    fn resumable(&self) -> bool;

    /// Looks at what a request asks for, before it is queued.
    ///
    /// # Errors
    /// With a sentence for the caller: which parameter, what is wrong with it, and what it may be.
    fn check(&self, parameters: &Parameters) -> Result<(), String>;

    /// Does the work, and gives the result that is kept with the run.
    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError>;

    /// The result as an HTML document for people; None when there is no page for it, and JSON has to do.
    fn page(&self, result: &Value) -> Option<String>;
}

/// A target that is a task.
#[derive(Clone)]
pub struct TaskTarget {
    /// What callers call it.
    pub name: TargetName,
    /// What is done.
    pub task: Arc<dyn Task>,
    /// How many of its runs go on at once, over all replicas.
    pub max_concurrent: u32,
    /// How many of its runs may wait.
    pub queue: u32,
    /// How long a run may take.
    pub limit: Duration,
    /// Whether a run that was cut off is begun again, where the task lets it.
    pub resume: bool,
}

impl TaskTarget {
    /// Whether a run that was cut off is begun again.
    pub fn resumes(&self) -> bool {
        self.resume && self.task.resumable()
    }
}

/// Why a run of a task failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct TaskError {
    /// One word that stays the same, such as `SourceUnreachable`.
    pub reason: &'static str,
    /// What happened, to which thing, and what to do. Callers read it, so it holds no secret and no other system's text.
    pub message: String,
    /// What only the log may have.
    pub detail: Option<String>,
}

/// Where a run of a task tells how far it is. What it tells goes into the run's log too.
#[derive(Clone, Debug)]
pub struct TaskContext {
    run: RunId,
    book: Arc<LogBuffers>,
    progress: Arc<Mutex<Progress>>,
    deadline: Option<Instant>,
}

impl TaskContext {
    /// The context of a run.
    pub fn new(run: RunId, book: Arc<LogBuffers>) -> Self {
        Self { run, book, progress: Arc::default(), deadline: None }
    }

    /// The context of a run that is ended at this moment.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The time until the run is ended; None if it has no limit.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Tells how far the run is, in percent (more than 100 is 100), and what it does now.
    pub fn progress(&self, percent: u8, note: impl Into<String>) {
        let progress = Progress { percent: percent.min(100), note: note.into() };
        self.line(&format!("{:>3}% {}", progress.percent, progress.note));
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Writes a line into the run's log.
    pub fn line(&self, text: &str) {
        let line = format!("{:.3} {text}\n", Timestamp::now());
        self.book.append(&self.run, &Bytes::from(line));
    }

    /// How far the run said it is.
    pub fn reported_progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

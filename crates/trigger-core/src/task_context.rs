//! What a run of a task can report and query while it is running.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;

use super::log_buffers::LogBuffers;
use super::log_text::LogSource;
use super::run::{Progress, RunId};

/// The context of one run of a task: its log, its progress and its deadline.
#[derive(Clone, Debug)]
pub struct TaskContext {
    run: RunId,
    logs: Arc<LogBuffers>,
    progress: Arc<Mutex<Progress>>,
    deadline: Option<Instant>,
    source: Arc<LogSource>,
}

impl TaskContext {
    /// The context of a run without a deadline.
    pub fn new(run: RunId, logs: Arc<LogBuffers>) -> Self {
        Self { run, logs, progress: Arc::default(), deadline: None, source: Arc::default() }
    }

    /// The same context in that attempt of the run.
    #[must_use]
    pub fn with_attempt(self, attempt: u32) -> Self {
        let source = LogSource { attempt: Some(attempt), ..LogSource::default() };
        Self { source: Arc::new(source), ..self }
    }

    /// The same context with a deadline.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The time until the deadline; None if there is none.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Reports the progress, in percent (at most 100), and the current step. Both are also written to the run's log.
    pub fn report_progress(&self, percent: u8, note: impl Into<String>) {
        let progress = Progress { percent: percent.min(100), note: note.into() };
        self.log(&format!("{:>3}% {}", progress.percent, progress.note));
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Writes a line to the run's log, with the time.
    pub fn log(&self, text: &str) {
        let line = format!("{:.3} {text}\n", Timestamp::now());
        self.logs.append(&self.run, &self.source, &Bytes::from(line));
    }

    /// The progress that was reported last.
    pub fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

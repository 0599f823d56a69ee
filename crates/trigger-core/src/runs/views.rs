//! What the service returns about targets and logs.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::cronjob::CronJobSummary;
use crate::executor::LogStream;
use crate::log_buffers::LogTail;
use crate::run::Run;
use crate::schedule::NoNextRun;

/// The present state of a target.
#[derive(Debug)]
pub struct TargetStatus {
    /// The CronJob; None for a task.
    pub cronjob: Option<CronJobSummary>,
    /// When the schedule starts the next run; None for a task.
    pub next_run: Option<Result<Timestamp, NoNextRun>>,
    /// The runs that have not ended, oldest first.
    pub active: Vec<Arc<Run>>,
}

/// The log of a run.
pub enum RunLog {
    /// The last part of the log, and then what the run prints until it ends.
    Following(LogTail, BoxStream<'static, Bytes>),
    /// The whole log.
    Whole(LogStream),
    /// The last part of the log.
    Tail(LogTail),
}

//! What the service returns about targets and logs.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::cronjob::CronJobSummary;
use crate::executor::LogStream;
use crate::log_buffers::LogTail;
use crate::run::Run;

/// The present state of a target.
#[derive(Debug)]
pub struct TargetStatus {
    /// The CronJob; None for a task.
    pub cronjob: Option<CronJobSummary>,
    /// When the schedule starts the next run; None if there is no schedule or it is suspended.
    pub next_run_at: Option<Timestamp>,
    /// The runs that have not ended, oldest first.
    pub active: Vec<Run>,
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

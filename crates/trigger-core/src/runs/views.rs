//! What the service returns about targets.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cronjob::CronJobSummary;
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

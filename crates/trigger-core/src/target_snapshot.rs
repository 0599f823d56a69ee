//! What stands around a target at one moment.

use super::run::Run;
use super::target::CronJobSummary;

/// A target as its executor sees it at one moment.
#[derive(Clone, Debug)]
pub struct TargetSnapshot {
    /// What its CronJob says.
    pub cronjob: CronJobSummary,
    /// Its runs that have not ended, scheduled and manual alike, oldest first.
    pub active: Vec<Run>,
    /// Stands for the newest Jobs of the target: replicas that saw the same Jobs have the same mark.
    pub generation: String,
}

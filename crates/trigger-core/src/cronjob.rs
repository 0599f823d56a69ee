//! Targets that are CronJobs.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::parameters::DeclaredParameters;
use super::right::MissingRight;
use super::run::Run;
use super::target_name::TargetName;

/// A target whose runs are Jobs, created from the template of a CronJob.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronJobTarget {
    /// The target's name.
    pub name: TargetName,
    /// The CronJob's namespace.
    pub namespace: String,
    /// The CronJob's name, at most 52 characters, which is the limit of Kubernetes.
    pub cronjob: String,
    /// Whether the target can be started while its schedule is suspended.
    pub allow_suspended: bool,
    /// The beginning of the names of its Jobs, at most [`MAX_PREFIX_LENGTH`](super::naming::MAX_PREFIX_LENGTH) characters.
    pub job_prefix: String,
}

/// The rule of a CronJob for Jobs that would overlap.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ConcurrencyPolicy {
    /// Jobs may overlap.
    #[default]
    Allow,
    /// A Job is not created while another one is running.
    Forbid,
    /// The running Job is cancelled before the new one is created.
    Replace,
}

impl ConcurrencyPolicy {
    /// The value of `spec.concurrencyPolicy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Forbid => "Forbid",
            Self::Replace => "Replace",
        }
    }
}

/// The fields of a CronJob that the rules need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronJobSummary {
    /// The schedule in cron's syntax.
    pub schedule: String,
    /// The time zone of the schedule; None is the cluster's own, which is usually UTC.
    pub time_zone: Option<String>,
    /// Whether the schedule is suspended.
    pub suspended: bool,
    /// The rule for Jobs that would overlap.
    pub concurrency_policy: ConcurrencyPolicy,
    /// When the schedule last created a Job.
    pub last_scheduled_at: Option<Timestamp>,
    /// The parameters that a request may set.
    pub parameters: DeclaredParameters,
}

/// A target as its executor observed it at one moment.
#[derive(Clone, Debug)]
pub struct TargetSnapshot {
    /// The CronJob.
    pub cronjob: CronJobSummary,
    /// The runs that have not ended, scheduled and manual, oldest first.
    pub active: Vec<Arc<Run>>,
    /// The right without which `active` is not complete; None if it is.
    pub unobserved: Option<MissingRight>,
    /// Identifies the newest Jobs of the target, whether or not they were deleted. Replicas that observed the same Jobs have
    /// the same generation.
    pub generation: String,
}

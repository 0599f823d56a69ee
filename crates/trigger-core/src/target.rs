//! The allow-list of targets. Nothing else can be started.

use std::collections::BTreeMap;

use super::cronjob::CronJobTarget;
use super::target_name::{TargetKind, TargetName};
use super::task::TaskTarget;

/// Something that can be started.
#[derive(Clone)]
pub enum Target {
    /// A CronJob: a run is a Job.
    CronJob(CronJobTarget),
    /// A task: a run is executed in this program.
    Task(TaskTarget),
}

impl Target {
    /// The target's name.
    pub fn name(&self) -> &TargetName {
        match self {
            Self::CronJob(target) => &target.name,
            Self::Task(target) => &target.name,
        }
    }

    /// The name of its task; None for a CronJob.
    pub fn task_name(&self) -> Option<&'static str> {
        match self {
            Self::CronJob(_) => None,
            Self::Task(target) => Some(target.task.definition().name),
        }
    }

    /// What it is.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::CronJob(_) => TargetKind::CronJob,
            Self::Task(_) => TargetKind::Task,
        }
    }
}

/// The targets by name, and which of them is the default.
#[derive(Clone, Default)]
pub struct Targets {
    by_name: BTreeMap<TargetName, Target>,
    default: Option<TargetName>,
}

impl Targets {
    /// The allow-list; `default` is the target that `/trigger-sync` starts.
    pub fn new(targets: impl IntoIterator<Item = Target>, default: Option<TargetName>) -> Self {
        let by_name = targets.into_iter().map(|target| (target.name().clone(), target)).collect();
        Self { by_name, default }
    }

    /// The targets, CronJobs before tasks, each in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        let of_kind = |kind| self.by_name.values().filter(move |target| target.kind() == kind);
        of_kind(TargetKind::CronJob).chain(of_kind(TargetKind::Task))
    }

    /// The targets that are CronJobs.
    pub fn cronjobs(&self) -> impl Iterator<Item = &CronJobTarget> {
        self.by_name.values().filter_map(|target| match target {
            Target::CronJob(target) => Some(target),
            Target::Task(_) => None,
        })
    }

    /// The targets that are tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskTarget> {
        self.by_name.values().filter_map(|target| match target {
            Target::Task(target) => Some(target),
            Target::CronJob(_) => None,
        })
    }

    /// The target of that name.
    pub fn get(&self, name: &TargetName) -> Option<&Target> {
        self.by_name.get(name)
    }

    /// The default target.
    pub fn default_target(&self) -> Option<&Target> {
        self.default.as_ref().and_then(|name| self.by_name.get(name))
    }
}

//! The allow-list of targets.

mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use common::config::{ConfigError, Settings};
use trigger_core::cronjob::CronJobTarget;
use trigger_core::target::{Target, Targets};
use trigger_core::target_name::TargetName;
use trigger_core::task::{Task, TaskTarget};

use self::entry::{CronJobEntry, TargetEntry, check_cronjob, check_namespace, invalid};
use super::job_metadata::JobNameFormat;

/// The targets of the settings. Only the namespace of CronJobs that have none is missing.
pub struct TargetSettings {
    cronjobs: Vec<CronJobEntry>,
    tasks: Vec<TaskTarget>,
    default: Option<TargetName>,
    namespace: Option<String>,
    job_names: JobNameFormat,
}

impl TargetSettings {
    /// Reads the targets. Each configured task is a target of its own name, unless the settings list it.
    ///
    /// # Errors
    /// When there is no target, or a setting is wrong.
    pub(super) fn new(settings: &Settings, tasks: &[Arc<dyn Task>]) -> Result<Self, ConfigError> {
        let single = settings.text("CRONJOB_NAME");
        if let Some(cronjob) = &single {
            check_cronjob("CRONJOB_NAME", cronjob)?;
        }
        let namespace = settings.text("TARGET_NAMESPACE");
        if let Some(namespace) = &namespace {
            check_namespace("TARGET_NAMESPACE", namespace)?;
        }
        let entries = entries(settings, single.as_deref(), tasks)?;
        let max_queued: NonZeroU32 = settings.parsed_or_default("TASK_QUEUE")?;
        let (mut cronjobs, mut task_targets) = (Vec::new(), Vec::new());
        for entry in entries {
            match (&entry.cronjob, &entry.task) {
                (Some(_), None) => cronjobs.push(entry.into_cronjob()?),
                (None, Some(_)) => task_targets.push(entry.into_task(max_queued, tasks)?),
                _ => return Err(invalid("each target has either a `cronjob` or a `task`".to_owned())),
            }
        }
        check_distinct(&cronjobs, &task_targets)?;
        let default = default_target(settings, &cronjobs, single.as_deref())?;
        let job_names = JobNameFormat::from_settings(settings)?;
        Ok(Self { cronjobs, tasks: task_targets, default, namespace, job_names })
    }

    /// The `wait_seconds` of the targets that have one.
    pub fn default_waits(&self) -> BTreeMap<TargetName, u64> {
        let wait = |entry: &CronJobEntry| Some((entry.name.clone(), entry.wait_seconds?.get().into()));
        self.cronjobs.iter().filter_map(wait).collect()
    }

    /// The targets. CronJobs without a namespace are in `TARGET_NAMESPACE`, or else in `home`.
    ///
    /// # Errors
    /// When a namespace is not valid, two targets have the same CronJob, or the names of Jobs would be too long.
    pub fn resolve(&self, home: &str) -> Result<Targets, ConfigError> {
        let namespace = self.namespace.as_deref().unwrap_or(home);
        let mut known = BTreeSet::new();
        let mut targets = Vec::new();
        for entry in &self.cronjobs {
            let target = entry.resolve(namespace, &self.job_names)?;
            let CronJobTarget { namespace, cronjob, .. } = &target;
            if !known.insert((namespace.clone(), cronjob.clone())) {
                return Err(invalid(format!(
                    "the CronJob {cronjob} in {namespace} is listed twice; a CronJob can be only one target"
                )));
            }
            targets.push(Target::CronJob(target));
        }
        targets.extend(self.tasks.iter().cloned().map(Target::Task));
        Ok(Targets::new(targets, self.default.clone()))
    }
}

/// The entries of the file, the CronJob of `CRONJOB_NAME`, and the tasks that no entry names.
fn entries(
    settings: &Settings,
    single: Option<&str>,
    tasks: &[Arc<dyn Task>],
) -> Result<Vec<TargetEntry>, ConfigError> {
    let mut entries: Vec<TargetEntry> = settings.structure("TARGETS")?.unwrap_or_default();
    let is_listed = |cronjob: &str, entry: &TargetEntry| {
        entry.cronjob.as_deref() == Some(cronjob) && entry.namespace.is_none()
    };
    if let Some(cronjob) = single
        && !entries.iter().any(|entry| is_listed(cronjob, entry))
    {
        if entries.iter().any(|entry| entry.cronjob.is_some()) {
            let problem = format!(
                "{cronjob} is not in `targets` of the configuration file (TARGETS); add it there, or remove one of the two"
            );
            return Err(ConfigError::variable("CRONJOB_NAME", problem));
        }
        entries.push(TargetEntry { cronjob: Some(cronjob.to_owned()), ..TargetEntry::default() });
    }
    for task in tasks {
        let name = task.definition().name;
        if !entries.iter().any(|entry| entry.task.as_deref() == Some(name)) {
            entries.push(TargetEntry { task: Some(name.to_owned()), ..TargetEntry::default() });
        }
    }
    if entries.is_empty() {
        let problem = "there is no target; set it to the name of a CronJob, or list `targets` in the configuration file";
        return Err(ConfigError::variable("CRONJOB_NAME", problem));
    }
    Ok(entries)
}

fn default_target(
    settings: &Settings,
    cronjobs: &[CronJobEntry],
    single: Option<&str>,
) -> Result<Option<TargetName>, ConfigError> {
    if let Some(name) = settings.parsed::<TargetName>("DEFAULT_TARGET")? {
        if cronjobs.iter().any(|target| target.name == name) {
            return Ok(Some(name));
        }
        let problem = format!("{name} is not a target with a CronJob");
        return Err(ConfigError::variable("DEFAULT_TARGET", problem));
    }
    let of_cronjob = single.and_then(|cronjob| cronjobs.iter().find(|target| target.cronjob == cronjob));
    let only = cronjobs.first().filter(|_| cronjobs.len() == 1);
    Ok(of_cronjob.or(only).map(|target| target.name.clone()))
}

fn check_distinct(cronjobs: &[CronJobEntry], tasks: &[TaskTarget]) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    for name in cronjobs.iter().map(|job| &job.name).chain(tasks.iter().map(|task| &task.name)) {
        if !names.insert(name) {
            return Err(invalid(format!("two targets have the name {name}")));
        }
    }
    let mut known = BTreeSet::new();
    match tasks.iter().map(|target| target.task.definition().name).find(|task| !known.insert(*task)) {
        Some(task) => Err(invalid(format!("the task {task} is listed twice; a task can be only one target"))),
        None => Ok(()),
    }
}

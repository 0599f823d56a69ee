//! What may be started, as the settings have it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use common::config::ConfigError;
use serde::Deserialize;

use super::Config;
use trigger_core::target::{Target, TargetName, is_dns_label};

/// How many runs of a task may wait.
const QUEUE: NonZeroU32 = NonZeroU32::new(100).expect("it is above 0");
/// How many runs of a task go on at once.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(1).expect("it is above 0");
/// How long a run of a task may take, in seconds: twice what the longest known one takes.
const LIMIT: NonZeroU32 = NonZeroU32::new(30 * 60).expect("it is above 0");

/// What may be started.
#[derive(Debug)]
pub struct Targets {
    /// CronJobs.
    pub jobs: Vec<Target>,
    /// Tasks.
    pub tasks: Vec<TaskEntry>,
    /// The CronJob that `POST /trigger-sync` starts.
    pub default: Option<TargetName>,
}

/// A task, as the settings have it.
#[derive(Debug)]
pub struct TaskEntry {
    /// What callers call it.
    pub name: TargetName,
    /// The task's own name.
    pub task: String,
    /// How many of its runs go on at once.
    pub max_concurrent: u32,
    /// How many of its runs may wait.
    pub queue: u32,
    /// How long a run may take.
    pub limit: Duration,
    /// Whether a run that was cut off is begun again.
    pub resume: bool,
}

/// A target as the file has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    namespace: Option<String>,
    cronjob: Option<String>,
    allow_suspended: Option<bool>,
    task: Option<String>,
    max_concurrent: Option<NonZeroU32>,
    queue: Option<NonZeroU32>,
    timeout_seconds: Option<NonZeroU32>,
    resume: Option<bool>,
}

impl Config {
    /// What may be started. CronJobs that name no namespace are in `TARGET_NAMESPACE`, else in `home`; `known` are the tasks
    /// that can be done, each of which is a target of its own name unless the file says more about it.
    ///
    /// # Errors
    /// When nothing may be started, or a name is none, or stands twice.
    pub fn targets(&self, home: &str, known: &[&str]) -> Result<Targets, ConfigError> {
        let namespace = self.settings.text("TARGET_NAMESPACE").unwrap_or_else(|| home.to_owned());
        let mut entries: Vec<Entry> = self.settings.structure("TARGETS")?.unwrap_or_default();
        let single = self.settings.text("CRONJOB_NAME");
        let stands = |cronjob: &String, entry: &Entry| {
            entry.cronjob.as_ref() == Some(cronjob) && entry.namespace.is_none()
        };
        if let Some(cronjob) = &single
            && !entries.iter().any(|entry| stands(cronjob, entry))
        {
            entries.push(Entry { cronjob: Some(cronjob.clone()), ..Entry::default() });
        }
        for task in known {
            if !entries.iter().any(|entry| entry.task.as_deref() == Some(task)) {
                entries.push(Entry { task: Some((*task).to_owned()), ..Entry::default() });
            }
        }
        if entries.is_empty() {
            let problem = "nothing may be started; set it to a CronJob's name, or list `targets` in the configuration file";
            return Err(ConfigError::variable("CRONJOB_NAME", problem));
        }
        let queue = self.number("TASK_QUEUE", QUEUE.get())?;
        let (mut jobs, mut tasks) = (Vec::new(), Vec::new());
        for entry in entries {
            match (&entry.cronjob, &entry.task) {
                (Some(_), None) => jobs.push(entry.job(&namespace)?),
                (None, Some(_)) => tasks.push(entry.task(queue, known)?),
                _ => return Err(wrong("each has either a `cronjob` or a `task`".to_owned())),
            }
        }
        check_distinct(&jobs, &tasks)?;
        let default = self.default_target(&jobs, single.as_deref())?;
        Ok(Targets { jobs, tasks, default })
    }

    fn default_target(
        &self,
        jobs: &[Target],
        single: Option<&str>,
    ) -> Result<Option<TargetName>, ConfigError> {
        if let Some(name) = self.settings.parsed::<TargetName>("DEFAULT_TARGET")? {
            if jobs.iter().any(|target| target.name == name) {
                return Ok(Some(name));
            }
            let problem = format!("{name} is none of the targets with a CronJob");
            return Err(ConfigError::variable("DEFAULT_TARGET", problem));
        }
        let of_cronjob = single.and_then(|cronjob| jobs.iter().find(|target| target.cronjob == cronjob));
        let only = jobs.first().filter(|_| jobs.len() == 1);
        Ok(of_cronjob.or(only).map(|target| target.name.clone()))
    }
}

impl Entry {
    fn job(self, home: &str) -> Result<Target, ConfigError> {
        let Self {
            name,
            namespace,
            cronjob,
            allow_suspended,
            task: _,
            max_concurrent,
            queue,
            timeout_seconds,
            resume,
        } = self;
        let cronjob = cronjob.unwrap_or_default();
        if max_concurrent.or(queue).or(timeout_seconds).is_some() || resume.is_some() {
            return Err(wrong(format!(
                "{cronjob} is a CronJob: max_concurrent, queue, timeout_seconds and resume belong to tasks"
            )));
        }
        if cronjob.len() > 52 || !cronjob.split('.').all(is_dns_label) {
            return Err(wrong(format!(
                "{cronjob:?} is not a CronJob's name, which has at most 52 characters"
            )));
        }
        let namespace = namespace.unwrap_or_else(|| home.to_owned());
        if !is_dns_label(&namespace) {
            return Err(wrong(format!("{namespace:?} is not a namespace's name")));
        }
        let name = name.unwrap_or_else(|| cronjob.clone()).parse().map_err(wrong)?;
        Ok(Target { name, namespace, cronjob, allow_suspended: allow_suspended.unwrap_or_default() })
    }

    fn task(self, default_queue: NonZeroU32, known: &[&str]) -> Result<TaskEntry, ConfigError> {
        let Self {
            name,
            namespace,
            cronjob: _,
            allow_suspended,
            task,
            max_concurrent,
            queue,
            timeout_seconds,
            resume,
        } = self;
        let task = task.unwrap_or_default();
        if namespace.is_some() || allow_suspended.is_some() {
            return Err(wrong(format!("{task} is a task: namespace and allow_suspended belong to CronJobs")));
        }
        if !known.contains(&task.as_str()) {
            return Err(wrong(format!(
                "the task {task:?} is not there; portfolio-analysis is, once SOURCE_DATABASE_URL is set"
            )));
        }
        Ok(TaskEntry {
            name: name.unwrap_or_else(|| task.clone()).parse().map_err(wrong)?,
            task,
            max_concurrent: max_concurrent.unwrap_or(AT_ONCE).get(),
            queue: queue.unwrap_or(default_queue).get(),
            limit: Duration::from_secs(timeout_seconds.unwrap_or(LIMIT).get().into()),
            resume: resume.unwrap_or(true),
        })
    }
}

fn check_distinct(jobs: &[Target], tasks: &[TaskEntry]) -> Result<(), ConfigError> {
    let (mut names, mut cronjobs, mut done) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for name in jobs.iter().map(|job| &job.name).chain(tasks.iter().map(|task| &task.name)) {
        if !names.insert(name) {
            return Err(wrong(format!("the name {name} stands twice")));
        }
    }
    for job in jobs {
        if !cronjobs.insert((&job.namespace, &job.cronjob)) {
            let Target { cronjob, namespace, .. } = job;
            return Err(wrong(format!("the CronJob {cronjob} of {namespace} is two targets; a run has one")));
        }
    }
    match tasks.iter().find(|entry| !done.insert(&entry.task)) {
        Some(TaskEntry { task, .. }) => Err(wrong(format!("the task {task} is two targets; a run has one"))),
        None => Ok(()),
    }
}

fn wrong(problem: String) -> ConfigError {
    ConfigError::variable("TARGETS", problem)
}

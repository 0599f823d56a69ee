//! One target of the configuration file.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use common::config::ConfigError;
use serde::Deserialize;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::target_name::{TargetName, is_dns_label};
use trigger_core::task::{Task, TaskTarget};

use crate::config::MAX_WAIT_SECONDS;
use crate::config::job_metadata::JobNameFormat;

/// The default of `max_concurrent`.
const MAX_CONCURRENT: NonZeroU32 = NonZeroU32::new(1).expect("it is above 0");
/// The default of `timeout_seconds`: twice the time of the longest run that was observed.
const TIMEOUT_SECONDS: NonZeroU32 = NonZeroU32::new(30 * 60).expect("it is above 0");
/// The maximum length of a CronJob's name in Kubernetes.
const MAX_CRONJOB_NAME_LENGTH: usize = 52;

/// A target as it is written in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `cronjob` or `task`")]
pub(super) struct TargetEntry {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) cronjob: Option<String>,
    pub(super) allow_suspended: Option<bool>,
    pub(super) wait_seconds: Option<NonZeroU32>,
    pub(super) task: Option<String>,
    #[serde(alias = "at_once")]
    pub(super) max_concurrent: Option<NonZeroU32>,
    pub(super) queue: Option<NonZeroU32>,
    pub(super) timeout_seconds: Option<NonZeroU32>,
    pub(super) resume: Option<bool>,
}

/// A checked target with a CronJob, whose namespace may be missing.
pub(super) struct CronJobEntry {
    pub(super) name: TargetName,
    pub(super) namespace: Option<String>,
    pub(super) cronjob: String,
    pub(super) allow_suspended: bool,
    /// How long `POST /trigger-sync` waits for the end of a run, if the request does not say.
    pub(super) wait_seconds: Option<NonZeroU32>,
}

impl TargetEntry {
    /// The target of an entry with a `cronjob`.
    pub(super) fn into_cronjob(self) -> Result<CronJobEntry, ConfigError> {
        let cronjob = self.cronjob.unwrap_or_default();
        if self.max_concurrent.or(self.queue).or(self.timeout_seconds).is_some() || self.resume.is_some() {
            return Err(invalid(format!(
                "{cronjob} is a CronJob: only tasks have max_concurrent, queue, timeout_seconds and resume"
            )));
        }
        check_cronjob("TARGETS", &cronjob)?;
        if let Some(namespace) = &self.namespace {
            check_namespace("TARGETS", namespace)?;
        }
        if self.wait_seconds.is_some_and(|seconds| u64::from(seconds.get()) > MAX_WAIT_SECONDS) {
            return Err(invalid(format!("{cronjob}: wait_seconds is more than {MAX_WAIT_SECONDS}")));
        }
        Ok(CronJobEntry {
            name: self.name.unwrap_or_else(|| cronjob.clone()).parse().map_err(invalid)?,
            namespace: self.namespace,
            cronjob,
            allow_suspended: self.allow_suspended.unwrap_or_default(),
            wait_seconds: self.wait_seconds,
        })
    }

    /// The target of an entry with a `task`.
    pub(super) fn into_task(
        self,
        max_queued: NonZeroU32,
        tasks: &[Arc<dyn Task>],
    ) -> Result<TaskTarget, ConfigError> {
        let name = self.task.unwrap_or_default();
        if self.namespace.is_some() || self.allow_suspended.is_some() || self.wait_seconds.is_some() {
            return Err(invalid(format!(
                "{name} is a task: only CronJobs have namespace, allow_suspended and wait_seconds"
            )));
        }
        let task = tasks.iter().find(|task| task.definition().name == name).ok_or_else(|| {
            invalid(format!("there is no task {name:?}, or it is not configured; see the settings in --help"))
        })?;
        let timeout = self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS).get().into();
        Ok(TaskTarget {
            name: self.name.unwrap_or(name).parse().map_err(invalid)?,
            task: Arc::clone(task),
            max_concurrent: self.max_concurrent.unwrap_or(MAX_CONCURRENT).get(),
            max_queued: self.queue.unwrap_or(max_queued).get(),
            timeout: Duration::from_secs(timeout),
            resume: self.resume.unwrap_or(true),
        })
    }
}

impl CronJobEntry {
    /// The target, in that namespace if it has none of its own.
    pub(super) fn resolve(
        &self,
        namespace: &str,
        job_names: &JobNameFormat,
    ) -> Result<CronJobTarget, ConfigError> {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        check_namespace("TARGETS", namespace)?;
        Ok(CronJobTarget {
            name: self.name.clone(),
            namespace: namespace.to_owned(),
            cronjob: self.cronjob.clone(),
            allow_suspended: self.allow_suspended,
            job_prefix: job_names.prefix(&self.cronjob)?,
        })
    }
}

/// Checks the name of a CronJob that a setting has.
pub(super) fn check_cronjob(setting: &str, cronjob: &str) -> Result<(), ConfigError> {
    if cronjob.len() <= MAX_CRONJOB_NAME_LENGTH && cronjob.split('.').all(is_dns_label) {
        return Ok(());
    }
    let problem = format!(
        "{cronjob:?} is not the name of a CronJob, which has at most {MAX_CRONJOB_NAME_LENGTH} characters: lower-case letters, \
         digits, - and dots"
    );
    Err(ConfigError::variable(setting, problem))
}

/// Checks the name of a namespace that a setting has.
pub(super) fn check_namespace(setting: &str, namespace: &str) -> Result<(), ConfigError> {
    if is_dns_label(namespace) {
        return Ok(());
    }
    let problem = format!(
        "{namespace:?} is not the name of a namespace, which has lower-case letters, digits and - only"
    );
    Err(ConfigError::variable(setting, problem))
}

/// The error of a wrong target.
pub(super) fn invalid(problem: String) -> ConfigError {
    ConfigError::variable("TARGETS", problem)
}

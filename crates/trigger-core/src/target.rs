//! Targets: what may be started. Nothing else can be.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A target's name: lower-case letters, digits and hyphens, at most 63 characters, as in a DNS label.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(String);

impl TargetName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TargetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_dns_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a name of lower-case letters, digits and hyphens, at most 63 of them"))
    }
}

impl TryFrom<String> for TargetName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TargetName> for String {
    fn from(name: TargetName) -> Self {
        name.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether the text is a label of RFC 1123, as Kubernetes names namespaces.
pub fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Something that may be started: a CronJob, from whose template Jobs are made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// What callers call it.
    pub name: TargetName,
    /// Where its CronJob is.
    pub namespace: String,
    /// Its CronJob's name, at most 52 characters as Kubernetes has it.
    pub cronjob: String,
    /// Whether it may be started by hand while its schedule is suspended.
    pub allow_suspended: bool,
}

/// What a CronJob says about Jobs that would overlap.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ConcurrencyPolicy {
    /// They may.
    #[default]
    Allow,
    /// The later one is not started.
    Forbid,
    /// The earlier one is ended first.
    Replace,
}

/// What a target's CronJob says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronJobSummary {
    /// When it starts Jobs, in cron's syntax.
    pub schedule: String,
    /// The time zone of the schedule; None is the cluster's own, most often UTC.
    pub time_zone: Option<String>,
    /// Whether the schedule is switched off.
    pub suspended: bool,
    /// What to do about Jobs that would overlap.
    pub concurrency_policy: ConcurrencyPolicy,
    /// When it last started a Job.
    pub last_scheduled_at: Option<Timestamp>,
}

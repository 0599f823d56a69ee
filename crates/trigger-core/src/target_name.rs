//! The names and kinds of targets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A target's name: lower-case letters, digits and hyphens, at most 63 characters, as in a DNS label.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(String);

/// What a target is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TargetKind {
    /// A CronJob: a run is a Job.
    CronJob,
    /// A task: a run is executed in this program.
    Task,
}

impl TargetKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::CronJob, Self::Task];

    /// The kind in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "cronjob",
            Self::Task => "task",
        }
    }
}

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
        Err(format!(
            "\"{}\" is not a name of lower-case letters, digits and hyphens, at most 63 of them",
            text.escape_debug()
        ))
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

/// Whether the text is a DNS label (RFC 1123), which is what Kubernetes requires of a namespace's name.
pub fn is_dns_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

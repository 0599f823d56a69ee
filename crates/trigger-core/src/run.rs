//! A run: one Job of a target, or one time that a task is done, from its creation to its end and after.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::target::TargetName;

/// Identifies a run for ever. For a Job it is the Job's UID, so every replica, and a program that forgot
/// everything, gives the same Job the same id, and a later Job of the same name another one. For a task it tells when
/// the run was asked for: `run_YYYYMMDD_HHMMSS_` and six characters that make it unique.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// An id that an executor gave.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It exists, but nothing of it runs yet.
    Pending,
    /// At least one of its containers runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly; the cause says how.
    Failed,
    /// Someone ended it.
    Cancelled,
    /// It ended while nobody was looking, so that its outcome is not known.
    Interrupted,
}

impl State {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Interrupted];

    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// The word that stands for it in JSON, in the store and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("no such state; use one of {}", words.join(", "))
        })
    }
}

/// What started a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The CronJob's schedule.
    Scheduled,
    /// Someone asked for it: through this API, or with `kubectl create job --from`.
    Manual,
}

impl Trigger {
    /// The word that stands for it in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
        }
    }
}

/// Why a run is where it is: why it waits, or how it ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cause {
    /// One stable word, such as `OutOfMemory` or `ImagePullBackOff`.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The exit code of the container that failed, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

impl Cause {
    /// A cause without an exit code.
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), exit_code: None }
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: u8,
    /// What is being done, in a line.
    pub note: String,
}

/// What a run of a task has and a Job's has not.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TaskRun {
    /// How often a worker has begun it.
    pub attempt: u32,
    /// How far it is.
    pub progress: Progress,
}

/// One run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Run {
    /// Its identity.
    pub id: RunId,
    /// What it is a run of.
    pub target: TargetName,
    /// Where its Job is, or the program that does the task.
    pub namespace: String,
    /// Its Job's name; a run of a task has one of the same kind.
    pub job_name: String,
    /// What started it.
    pub trigger: Trigger,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub cause: Option<Cause>,
    /// Who asked for it, when it was asked for through this API.
    pub requested_by: Option<String>,
    /// Why it was asked for, in the caller's words.
    pub reason: Option<String>,
    /// The id of the request that asked for it.
    pub request_id: Option<String>,
    /// Says whether a repeated request is the same request; see [`super::request::fingerprint`].
    pub fingerprint: Option<String>,
    /// When the Job was created.
    pub created_at: Timestamp,
    /// When its first container started, as far as is known.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What only a run of a task has; None for a Job's.
    pub task: Option<TaskRun>,
}

/// The cause of a run that was ended through this API.
pub const CANCELLED_ON_REQUEST: &str = "CancelledOnRequest";
/// The cause of a run that was ended to make way for another one.
pub const REPLACED: &str = "Replaced";
/// The cause of a run that was taken back at once: another one was started at the same moment.
pub const ROLLED_BACK: &str = "RolledBack";
/// The cause of a run of a task that took longer than it may.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
/// The cause of a run of a task whose code broke.
pub const PANICKED: &str = "Panicked";
/// The cause of a run whose program ended in the midst of it.
pub const RESTARTED: &str = "Restarted";
/// The cause of a run whose end nobody saw.
pub const OUTCOME_UNKNOWN: &str = "OutcomeUnknown";

impl Run {
    /// The same run, ended at `at`.
    #[must_use]
    pub fn ended(mut self, state: State, cause: Cause, at: Timestamp) -> Self {
        self.state = state;
        self.cause = Some(cause);
        self.finished_at = Some(at);
        self
    }

    /// Takes in what was seen later, or by another replica. What ended stays ended; only an end that nobody saw
    /// gives way to a seen one, and a deletion to the request that caused it.
    #[must_use]
    pub fn merged(&self, seen: &Self) -> Self {
        let mut merged = seen.clone();
        merged.requested_by = seen.requested_by.clone().or_else(|| self.requested_by.clone());
        merged.reason = seen.reason.clone().or_else(|| self.reason.clone());
        merged.request_id = seen.request_id.clone().or_else(|| self.request_id.clone());
        merged.fingerprint = seen.fingerprint.clone().or_else(|| self.fingerprint.clone());
        merged.started_at = seen.started_at.or(self.started_at);
        let goes_back = self.state == State::Running && seen.state == State::Pending;
        if goes_back || (self.state.is_final() && !self.gives_way_to(seen)) {
            merged.state = self.state;
            merged.cause.clone_from(&self.cause);
            merged.finished_at = self.finished_at;
        }
        merged
    }

    fn gives_way_to(&self, seen: &Self) -> bool {
        let asked = |run: &Self| {
            let reason = run.cause.as_ref().map(|cause| cause.reason.as_str());
            matches!(reason, Some(CANCELLED_ON_REQUEST | REPLACED | ROLLED_BACK))
        };
        match self.state {
            State::Interrupted => seen.state.is_final(),
            State::Cancelled => seen.state == State::Cancelled && asked(seen) && !asked(self),
            State::Pending | State::Running | State::Succeeded | State::Failed => false,
        }
    }
}

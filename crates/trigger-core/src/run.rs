//! Runs: a Job of a CronJob, or one execution of a task.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::right::MissingRight;
use super::target_name::{TargetKind, TargetName};

/// The permanent id of a run. For a Job it is the Job's UID: every replica uses the same id, even with an empty history, and
/// a later Job of the same name has another id. For a task it is `run_YYYYMMDD_HHMMSS_` and six random characters.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The id with that text.
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

/// The state of a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It exists, and none of its containers is running yet.
    Pending,
    /// At least one of its containers is running.
    Running,
    /// It was started, and this program can't observe it; the cause names the missing right. It may have ended.
    Unknown,
    /// It succeeded.
    Succeeded,
    /// It failed; the cause says why.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It ended unobserved, or was interrupted; its outcome is unknown.
    Interrupted,
}

impl State {
    /// All states, in the order in which a run has them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Unknown,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// Whether the state never changes again.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Unknown)
    }

    /// The state in JSON, in the store and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Unknown => "unknown",
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

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("there is no such state; use one of {}", names.join(", "))
        })
    }
}

/// What started a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The CronJob's schedule.
    Scheduled,
    /// A request: through this API, or by `kubectl create job --from`.
    Manual,
}

impl Trigger {
    /// All triggers.
    pub const ALL: [Self; 2] = [Self::Scheduled, Self::Manual];

    /// The trigger in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
        }
    }
}

impl FromStr for Trigger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|trigger| trigger.as_str() == text);
        found.ok_or_else(|| "there is no such trigger; use scheduled or manual".to_owned())
    }
}

/// Why a run has its state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cause {
    /// A fixed word, such as `OutOfMemory` or `ImagePullBackOff`.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The exit code of the container that failed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

impl Cause {
    /// A cause without an exit code.
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), exit_code: None }
    }
}

/// The progress of a run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: u8,
    /// The current step, one line.
    pub note: String,
}

/// The additional fields of a run of a task.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TaskRun {
    /// How often the run has been started.
    pub attempt: u32,
    /// The progress.
    pub progress: Progress,
}

/// One run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Run {
    /// The id.
    pub id: RunId,
    /// The target.
    pub target: TargetName,
    /// The namespace of its Job, or of the program that executes the task.
    pub namespace: String,
    /// The name of its Job; a run of a task has a name of the same form.
    pub job_name: String,
    /// What started the run.
    pub trigger: Trigger,
    /// The state.
    pub state: State,
    /// Why the run has this state.
    pub cause: Option<Cause>,
    /// The caller that started the run, if it was started through this API.
    pub requested_by: Option<String>,
    /// The caller's reason.
    pub reason: Option<String>,
    /// The id of the request that started the run.
    pub request_id: Option<String>,
    /// The hash of the request's body; see [`super::request::fingerprint`].
    pub fingerprint: Option<String>,
    /// The caller that sent the request on behalf of `requested_by`, if it was another one.
    pub requested_via: Option<String>,
    /// The run that this one repeats.
    pub retry_of: Option<RunId>,
    /// The values of the target's parameters that the request sets.
    pub parameters: Parameters,
    /// The names of the containers of its pods, in the order of the pod's spec, init containers first. Empty until a pod was
    /// observed, and for a task.
    pub containers: Vec<String>,
    /// When the Job was created.
    pub created_at: Timestamp,
    /// When its first container started, if that was observed.
    pub started_at: Option<Timestamp>,
    /// When the run ended.
    pub finished_at: Option<Timestamp>,
    /// The fields of a run of a task; None for a Job.
    pub task: Option<TaskRun>,
}

/// The cause that callers see while a run is being cancelled or its Job is being deleted; see [`Run::shown_cause`].
pub const CANCELLING: &str = "Cancelling";
/// The cause of a run whose Job was deleted in the cluster.
pub const JOB_DELETED: &str = "JobDeleted";
/// The cause of a run whose Job was suspended while it was running.
pub const SUSPENDED: &str = "Suspended";
/// The cause of a run that was cancelled through this API.
pub const CANCELLED_ON_REQUEST: &str = "CancelledOnRequest";
/// The cause of a run that was cancelled because another one replaced it.
pub const REPLACED: &str = "Replaced";
/// The cause of a run that was rolled back, because another one was started at the same moment.
pub const ROLLED_BACK: &str = "RolledBack";
/// The cause of a run of a task that exceeded its timeout.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
/// The cause of a run of a task that panicked.
pub const PANICKED: &str = "Panicked";
/// The cause of a run that was interrupted because its program ended.
pub const RESTARTED: &str = "Restarted";
/// The cause of a run whose end was not observed.
pub const OUTCOME_UNKNOWN: &str = "OutcomeUnknown";
/// The cause of a run that this program may not observe.
pub const NOT_OBSERVED: &str = "NotObserved";

impl Run {
    /// A run that was just created; only these fields are set.
    pub fn pending(
        id: RunId,
        target: TargetName,
        namespace: impl Into<String>,
        job_name: impl Into<String>,
        trigger: Trigger,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            target,
            namespace: namespace.into(),
            job_name: job_name.into(),
            trigger,
            state: State::Pending,
            cause: None,
            requested_by: None,
            reason: None,
            request_id: None,
            fingerprint: None,
            requested_via: None,
            retry_of: None,
            parameters: Parameters::default(),
            containers: Vec::new(),
            created_at,
            started_at: None,
            finished_at: None,
            task: None,
        }
    }

    /// The kind of its target.
    pub fn kind(&self) -> TargetKind {
        if self.task.is_some() { TargetKind::Task } else { TargetKind::CronJob }
    }

    /// The run after it ended at `at`.
    #[must_use]
    pub fn ended(mut self, state: State, cause: Cause, at: Timestamp) -> Self {
        self.state = state;
        self.cause = Some(cause);
        self.finished_at = Some(at);
        self
    }

    /// The run while this program lacks the right to observe it. `remark` is a further sentence, or empty.
    #[must_use]
    pub fn unobserved(mut self, right: &MissingRight, remark: &str) -> Self {
        let message =
            format!("The state of the run is not known, because trigger-api may not {right}.{remark}");
        self.state = State::Unknown;
        self.cause = Some(Cause::new(NOT_OBSERVED, message));
        self
    }

    /// Whether the run was cancelled, or its Job deleted, and its containers have not stopped yet.
    pub fn is_being_cancelled(&self) -> bool {
        !self.state.is_final() && self.cancel_cause() > CancelCause::None
    }

    /// The cause for callers. That of a run that is being cancelled is [`CANCELLING`] until the run has ended.
    pub fn shown_cause(&self) -> Option<Cause> {
        let cause = self.cause.clone()?;
        if !self.is_being_cancelled() {
            return Some(cause);
        }
        Some(Cause::new(CANCELLING, format!("{} The run ends when its pods have stopped.", cause.message)))
    }

    /// The run after a later observation, or one of another replica. A final state is kept, except that an observed end
    /// replaces an unobserved one. A cancellation stays the cause, and its request replaces the bare deletion of the Job.
    #[must_use]
    pub fn merged(&self, observed: &Self) -> Self {
        let mut merged = observed.clone();
        merged.requested_by = observed.requested_by.clone().or_else(|| self.requested_by.clone());
        merged.reason = observed.reason.clone().or_else(|| self.reason.clone());
        merged.request_id = observed.request_id.clone().or_else(|| self.request_id.clone());
        merged.fingerprint = observed.fingerprint.clone().or_else(|| self.fingerprint.clone());
        merged.requested_via = observed.requested_via.clone().or_else(|| self.requested_via.clone());
        merged.retry_of = observed.retry_of.clone().or_else(|| self.retry_of.clone());
        if observed.parameters.is_empty() {
            merged.parameters.clone_from(&self.parameters);
        }
        if observed.containers.is_empty() {
            merged.containers.clone_from(&self.containers);
        }
        merged.started_at = observed.started_at.or(self.started_at);
        if self.keeps_state(observed) {
            merged.state = self.state;
            merged.finished_at = self.finished_at;
        }
        if self.keeps_cause(observed) {
            merged.cause.clone_from(&self.cause);
        }
        merged
    }

    fn keeps_state(&self, observed: &Self) -> bool {
        match self.state {
            State::Pending | State::Unknown => false,
            State::Running => observed.state == State::Pending,
            State::Interrupted => !observed.state.is_final(),
            State::Succeeded | State::Failed | State::Cancelled => true,
        }
    }

    fn keeps_cause(&self, observed: &Self) -> bool {
        let (own, other) = (self.cancel_cause(), observed.cancel_cause());
        match self.state {
            State::Succeeded | State::Failed => true,
            State::Interrupted => !observed.state.is_final(),
            State::Cancelled => own == CancelCause::Requested || other < CancelCause::Requested,
            State::Pending | State::Running | State::Unknown => match observed.state {
                State::Cancelled => own == CancelCause::Requested || own > other,
                State::Pending | State::Running | State::Unknown if own > CancelCause::None => {
                    own == CancelCause::Requested || own > other
                }
                // A running run that is observed as pending is an older observation, or one without the earlier pods.
                State::Pending if self.state == State::Running => {
                    other == CancelCause::None && !observed.is_suspended() && !self.is_suspended()
                }
                _ => false,
            },
        }
    }

    fn is_suspended(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.reason == SUSPENDED)
    }

    fn cancel_cause(&self) -> CancelCause {
        match self.cause.as_ref().map(|cause| cause.reason.as_str()) {
            Some(CANCELLED_ON_REQUEST | REPLACED | ROLLED_BACK) => CancelCause::Requested,
            Some(JOB_DELETED) => CancelCause::Deleted,
            _ => CancelCause::None,
        }
    }
}

/// Whether a cause is that of a cancellation. Later ones are more precise.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum CancelCause {
    None,
    /// The Job was deleted, and by whom is not known.
    Deleted,
    Requested,
}

#[cfg(test)]
mod tests;

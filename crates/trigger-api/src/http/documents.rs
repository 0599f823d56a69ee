//! The JSON documents of the interface.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::links::Links;
use super::problem::Problem;
use trigger_core::run::{Cause, Run, TaskRun};
use trigger_core::schedule;
use trigger_core::target::Target;
use trigger_core::target_snapshot::TargetSnapshot;
use trigger_core::task::TaskTarget;

/// One run.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(super) struct RunDocument {
    /// Identifies the run for ever.
    run_id: String,
    /// What it is a run of.
    target: String,
    /// Where its Job is, or the trigger-api that does the task.
    namespace: String,
    /// Its Job's name; a task's run has one of the same kind.
    job_name: String,
    /// What started it.
    #[schema(schema_with = trigger_words)]
    trigger: &'static str,
    /// Where it stands. The last four are final.
    #[schema(schema_with = state_words)]
    pub(super) state: &'static str,
    /// Why it waits, or how it ended.
    cause: Option<CauseDocument>,
    /// Who asked for it, when it was asked for here.
    requested_by: Option<String>,
    /// Why it was asked for, in the caller's words.
    reason: Option<String>,
    /// When its Job was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first container started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// How far it is; only a task's run tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressDocument>,
    /// Where to go on.
    links: Links,
}

/// How far a run of a task is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(super) struct ProgressDocument {
    /// From 0 to 100.
    percent: u8,
    /// What is being done, in a line.
    note: String,
    /// How often it has been begun.
    attempt: u32,
}

/// Why a run waits, or how it ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
pub(super) struct CauseDocument {
    /// One word that stays the same, such as `OutOfMemory`.
    reason: String,
    /// A sentence for people.
    message: String,
    /// The exit code of the container that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
}

/// What `POST /trigger-sync` answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Triggered {
    /// A sentence for people.
    message: String,
    /// The Job's name.
    job_name: String,
    /// The run.
    run_id: String,
    /// Where the Job is.
    namespace: String,
    /// Where the run stands.
    #[schema(schema_with = state_words)]
    state: &'static str,
    /// Where to go on.
    links: Links,
}

/// A page of runs, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunPage {
    pub(super) runs: Vec<RunDocument>,
    /// The `cursor` of the next page; null on the last one.
    pub(super) next: Option<String>,
}

/// What can be started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TargetPage {
    pub(super) targets: Vec<TargetDocument>,
}

/// One target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Target)]
pub(super) struct TargetDocument {
    /// Its name.
    name: String,
    /// What it is: a CronJob, whose Jobs are started, or a task, which is done in trigger-api.
    #[schema(schema_with = kind_words)]
    kind: &'static str,
    /// Where its CronJob is.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Its CronJob's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    cronjob: Option<String>,
    /// How the task is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskDocument>,
    /// What the CronJob says and what goes on; null when that can't be seen.
    status: Option<TargetStatus>,
    /// Why its status can't be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// How a task is done.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskDocument {
    /// The task's name.
    name: &'static str,
    /// How many runs go on at once, over all replicas.
    max_concurrent: u32,
    /// How many runs may wait.
    queue: u32,
    /// How long a run may take.
    timeout_seconds: u64,
    /// Whether a run that was cut off is begun again.
    resumes: bool,
}

/// What a target's CronJob says, and what goes on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TargetStatus {
    /// When it starts runs, in cron's syntax; a task has no schedule of its own.
    schedule: Option<String>,
    /// The time zone of the schedule; null is the cluster's own.
    time_zone: Option<String>,
    /// When the schedule starts the next run; null while it is suspended.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_run_at: Option<Timestamp>,
    /// When the schedule last started a run.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_scheduled_at: Option<Timestamp>,
    /// Whether the schedule is switched off.
    suspended: bool,
    /// `Allow`, `Forbid` or `Replace`; null for a task, whose runs wait for each other.
    concurrency_policy: Option<String>,
    /// The runs that go on, oldest first.
    active: Vec<RunDocument>,
}

/// What would be started, and whether it would be now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PreviewDocument {
    /// Whether a run would be started now.
    pub(super) allowed: bool,
    /// Why not.
    pub(super) problem: Option<Problem>,
    /// The Job that would be made; null for a task.
    #[schema(value_type = Option<Object>)]
    pub(super) job: Option<serde_json::Value>,
}

impl From<&Run> for RunDocument {
    fn from(run: &Run) -> Self {
        Self {
            run_id: run.id.to_string(),
            target: run.target.to_string(),
            namespace: run.namespace.clone(),
            job_name: run.job_name.clone(),
            trigger: run.trigger.as_str(),
            state: run.state.as_str(),
            cause: run.cause.as_ref().map(CauseDocument::from),
            requested_by: run.requested_by.clone(),
            reason: run.reason.clone(),
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            progress: run.task.as_ref().map(ProgressDocument::from),
            links: Links::of(run),
        }
    }
}

impl From<&TaskRun> for ProgressDocument {
    fn from(TaskRun { attempt, progress }: &TaskRun) -> Self {
        Self { percent: progress.percent, note: progress.note.clone(), attempt: *attempt }
    }
}

impl From<&Cause> for CauseDocument {
    fn from(cause: &Cause) -> Self {
        Self { reason: cause.reason.clone(), message: cause.message.clone(), exit_code: cause.exit_code }
    }
}

impl Triggered {
    pub(super) fn new(run: &Run, found: bool) -> Self {
        let message = if found {
            format!("Job {} was started before by the same request", run.job_name)
        } else {
            format!("Job {} started", run.job_name)
        };
        Self {
            message,
            job_name: run.job_name.clone(),
            run_id: run.id.to_string(),
            namespace: run.namespace.clone(),
            state: run.state.as_str(),
            links: Links::of(run),
        }
    }
}

impl TargetDocument {
    pub(super) fn new(target: &Target, snapshot: Result<TargetSnapshot, Problem>) -> Self {
        let (status, problem) = match snapshot {
            Ok(snapshot) => (Some(TargetStatus::from(&snapshot)), None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            name: target.name.to_string(),
            kind: "cronjob",
            namespace: Some(target.namespace.clone()),
            cronjob: Some(target.cronjob.clone()),
            task: None,
            status,
            problem,
        }
    }

    pub(super) fn of_task(target: &TaskTarget, active: Result<Vec<Run>, Problem>) -> Self {
        let (status, problem) = match active {
            Ok(active) => (Some(TargetStatus::of_task(&active)), None),
            Err(problem) => (None, Some(problem)),
        };
        let task = TaskDocument {
            name: target.task.name(),
            max_concurrent: target.max_concurrent,
            queue: target.queue,
            timeout_seconds: target.limit.as_secs(),
            resumes: target.resumes(),
        };
        Self {
            name: target.name.to_string(),
            kind: "task",
            namespace: None,
            cronjob: None,
            task: Some(task),
            status,
            problem,
        }
    }
}

impl TargetStatus {
    fn of_task(active: &[Run]) -> Self {
        Self {
            schedule: None,
            time_zone: None,
            next_run_at: None,
            last_scheduled_at: None,
            suspended: false,
            concurrency_policy: None,
            active: active.iter().map(RunDocument::from).collect(),
        }
    }
}

impl From<&TargetSnapshot> for TargetStatus {
    fn from(snapshot: &TargetSnapshot) -> Self {
        let cronjob = &snapshot.cronjob;
        Self {
            schedule: Some(cronjob.schedule.clone()),
            time_zone: cronjob.time_zone.clone(),
            next_run_at: schedule::next_run(cronjob, Timestamp::now()),
            last_scheduled_at: cronjob.last_scheduled_at,
            suspended: cronjob.suspended,
            concurrency_policy: Some(format!("{:?}", cronjob.concurrency_policy)),
            active: snapshot.active.iter().map(RunDocument::from).collect(),
        }
    }
}

pub(super) fn words(words: &[&str]) -> utoipa::openapi::schema::Object {
    let kind = utoipa::openapi::schema::Type::String;
    utoipa::openapi::ObjectBuilder::new().schema_type(kind).enum_values(Some(words.iter().copied())).build()
}

pub(super) fn state_words() -> utoipa::openapi::schema::Object {
    use trigger_core::run::State;
    words(&State::ALL.map(State::as_str))
}

fn kind_words() -> utoipa::openapi::schema::Object {
    words(&["cronjob", "task"])
}

fn trigger_words() -> utoipa::openapi::schema::Object {
    words(&["scheduled", "manual"])
}

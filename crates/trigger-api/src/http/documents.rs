//! The JSON documents of runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use trigger_core::parameters::Parameters;
use trigger_core::run::{Cause, Run, RunId, State, TaskRun, Trigger};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::links::Links;

/// One run.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(super) struct RunDocument {
    /// The permanent id.
    run_id: String,
    /// The target.
    target: String,
    /// The namespace of its Job, or of the trigger-api that executes the task.
    namespace: String,
    /// The name of its Job; a run of a task has a name of the same form.
    job_name: String,
    /// What started the run.
    #[schema(schema_with = trigger_schema)]
    trigger: &'static str,
    /// The state. The last four are final; `unknown` is a run that can't be observed.
    #[schema(schema_with = state_schema)]
    pub(super) state: &'static str,
    /// Why the run has this state.
    cause: Option<CauseDocument>,
    /// The caller that started the run, or the person on whose behalf it did, if it was started through this API.
    requested_by: Option<String>,
    /// The caller that started the run on behalf of that person.
    requested_via: Option<String>,
    /// The caller's reason.
    reason: Option<String>,
    /// The values of the target's parameters that the request set.
    #[schema(value_type = Object)]
    parameters: Parameters,
    /// The run that this one repeats.
    retry_of: Option<String>,
    /// The names of its containers, init containers first. Empty until a pod was observed, and for a task.
    containers: Vec<String>,
    /// When its Job was created, or the run of the task queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first container started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When the run ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// The progress; only runs of tasks have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressDocument>,
    /// Links to other documents.
    links: Links,
}

/// The progress of a run of a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(super) struct ProgressDocument {
    /// From 0 to 100.
    percent: u8,
    /// The current step, one line.
    note: String,
    /// How often the run has been started.
    attempt: u32,
}

/// Why a run has its state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
pub(super) struct CauseDocument {
    /// A fixed word, such as `OutOfMemory`.
    reason: String,
    /// A sentence for people.
    message: String,
    /// The exit code of the container that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
}

/// The response of `POST /trigger-sync`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Triggered {
    /// A sentence for people: that the Job was started, and how it ended if the response was sent after that.
    message: String,
    /// The name of the Job.
    job_name: String,
    /// The run.
    run_id: String,
    /// The namespace of the Job.
    namespace: String,
    /// The state of the run.
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// Links to other documents.
    links: Links,
}

/// A page of runs, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunPage {
    #[schema(value_type = Vec<RunDocument>)]
    pub(super) runs: Vec<Box<RawValue>>,
    /// The `cursor` of the next page; null on the last one.
    pub(super) next: Option<String>,
    /// The page reflects all events up to this number. The events after it continue the page: `/v1/events?after=NUMBER`.
    pub(super) event: i64,
    /// How many stored runs the conditions select in each state, whichever states the query has; null on later pages.
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    pub(super) counts: Option<BTreeMap<&'static str, u64>>,
    /// Whether `counts` are exact; if not, there can be more runs. They are exact for conditions on targets and triggers.
    pub(super) counts_exact: Option<bool>,
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
            cause: run.shown_cause().as_ref().map(CauseDocument::from),
            requested_by: run.requested_by.clone(),
            requested_via: run.requested_via.clone(),
            reason: run.reason.clone(),
            parameters: run.parameters.clone(),
            retry_of: run.retry_of.as_ref().map(RunId::to_string),
            containers: run.containers.clone(),
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
        Self {
            message: start_message(run, found),
            job_name: run.job_name.clone(),
            run_id: run.id.to_string(),
            namespace: run.namespace.clone(),
            state: run.state.as_str(),
            links: Links::of(run),
        }
    }
}

fn start_message(run: &Run, found: bool) -> String {
    let started = if found { "was started by an earlier request with the same key" } else { "started" };
    let state = match run.state {
        State::Pending => "is pending",
        State::Running => "is running",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Cancelled => "was cancelled",
        State::Interrupted => "was interrupted",
        State::Unknown => "its state is unknown",
    };
    let job = &run.job_name;
    match &run.cause {
        Some(cause) if run.state == State::Unknown => format!("Job {job} {started}. {}", cause.message),
        Some(cause) => format!("Job {job} {started} and {state}: {}", cause.message),
        None if run.state == State::Pending => format!("Job {job} {started}"),
        None => format!("Job {job} {started} and {state}"),
    }
}

/// The schema of a string with these values.
pub(super) fn string_enum(values: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values.iter().copied())).build()
}

/// The schema of a run's state.
pub(super) fn state_schema() -> Object {
    string_enum(&State::ALL.map(State::as_str))
}

/// The schema of what started a run.
pub(super) fn trigger_schema() -> Object {
    string_enum(&Trigger::ALL.map(Trigger::as_str))
}

//! The JSON documents of the routes of tasks.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use trigger_core::run::{Run, State};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::http::documents::{CauseDocument, ProgressDocument, state_schema, string_enum};
use crate::http::links::Links;

/// A run of a task that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskStarted {
    /// Always `started`.
    #[schema(example = "started")]
    status: &'static str,
    /// The run.
    #[schema(example = "run_20251123_010000_k3x9ab")]
    run_id: String,
    /// A sentence for people.
    message: &'static str,
}

/// The state of a run of a task.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskStatus {
    /// The run.
    run_id: String,
    /// The state, in the terms of this route.
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// The state, in the terms of all runs.
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// The progress.
    progress: Option<ProgressDocument>,
    /// The caller that started the run, or the person on whose behalf it did.
    requested_by: Option<String>,
    /// The caller that started the run on behalf of that person.
    requested_via: Option<String>,
    /// When the run was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the run started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When the run ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Why the run did not succeed, in a sentence.
    error: Option<String>,
    /// Why the run has this state.
    cause: Option<CauseDocument>,
    /// The result, once the run has succeeded.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Links to other documents.
    links: Links,
}

impl TaskStarted {
    pub(super) fn new(run: &Run, message: &'static str) -> Self {
        Self { status: "started", run_id: run.id.to_string(), message }
    }
}

impl TaskStatus {
    pub(super) fn new(run: &Run, result: Option<Value>) -> Self {
        let status = match run.state {
            State::Pending => "queued",
            // The state of a task is never unknown.
            State::Running | State::Unknown => "running",
            State::Succeeded => "completed",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
            State::Interrupted => "interrupted",
        };
        let error = run.cause.as_ref().filter(|_| run.state.is_final());
        Self {
            run_id: run.id.to_string(),
            status,
            state: run.state.as_str(),
            progress: run.task.as_ref().map(ProgressDocument::from),
            requested_by: run.requested_by.clone(),
            requested_via: run.requested_via.clone(),
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            error: error.map(|cause| cause.message.clone()),
            cause: run.cause.as_ref().map(CauseDocument::from),
            result,
            links: Links::of(run),
        }
    }
}

fn status_schema() -> Object {
    string_enum(&["queued", "running", "completed", "failed", "cancelled", "interrupted"])
}

//! The portfolio analysis under the addresses that its CronJob and the administrators' page know.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::Api;
use super::accept::{Form, preferred};
use super::api_error::ApiError;
use super::documents::{CauseDocument, ProgressDocument, state_words, words};
use super::extract::{Segment, StartBody, checked_reason, read_json};
use super::gate::Caller;
use super::links::Links;
use super::problem::{Kind, Problem};
use super::request_id::RequestId;
use super::results;
use super::runs::find;
use super::starting::{Chosen, response_headers, start};
use trigger_core::run::{Run, RunId, State as RunState};
use trigger_core::task::{Parameters, TaskTarget};

/// The task's name.
const TASK: &str = "portfolio-analysis";

/// What may come with a request for an analysis.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisBody {
    /// Why it is asked for; it goes into the history.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    reason: Option<String>,
    /// The day that is analysed; the newest one that there is.
    #[schema(format = Date, example = "2026-02-10")]
    date: Option<String>,
    /// How many trading days it looks back, that day included; as configured.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 366, example = 30)]
    days: Option<Number>,
}

/// An analysis that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnalysisStarted {
    /// Always `started`.
    #[schema(example = "started")]
    status: &'static str,
    /// The run.
    #[schema(example = "run_20251123_010000_k3x9ab")]
    run_id: String,
    /// A sentence for people.
    message: &'static str,
}

/// Where an analysis stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnalysisStatus {
    /// The run.
    run_id: String,
    /// Where it stands, in this route's words.
    #[schema(schema_with = status_words)]
    status: &'static str,
    /// Where it stands, in the words of all runs.
    #[schema(schema_with = state_words)]
    state: &'static str,
    /// How far it is.
    progress: Option<ProgressDocument>,
    /// Who asked for it.
    requested_by: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Why it did not succeed, in a sentence.
    error: Option<String>,
    /// Why it waits, or did not succeed.
    cause: Option<CauseDocument>,
    /// The analysis, once it has succeeded.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Where to go on.
    links: Links,
}

/// Start a portfolio analysis
///
/// Queues a run of the task `portfolio-analysis`. It always needs an administrator's credential. With an `Idempotency-Key`
/// a repeat finds the first run.
#[utoipa::path(
    post, path = "/api/admin/portfolio/trigger-analysis", operation_id = "triggerAnalysis", tag = "portfolio",
    request_body(content = Option<AnalysisBody>, content_type = "application/json"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request find its run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 202, description = "The run waits or goes on", body = AnalysisStarted,
         headers(("Location" = String, description = "Its status"), ("Retry-After" = u32, description = "When to look, in seconds"))),
        (status = 404, description = "The analysis is not configured", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn trigger_analysis(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    // Before the body is read: whoever may not ask is not listened to.
    caller.must_be_admin(&api.metrics)?;
    let target = target(&api)?;
    let body = start_body(read_json(request).await?)?;
    let (started, waited) = start(&api, Chosen::Task(target), &caller, request_id, &headers, body).await?;
    let document = AnalysisStarted {
        status: "started",
        run_id: started.run.id.to_string(),
        message: "Portfolio analysis running in background",
    };
    let location = format!("/api/admin/portfolio/analysis-status/{}", started.run.id);
    let headers = response_headers(&started.run, &location, waited);
    Ok((StatusCode::ACCEPTED, headers, Json(document)).into_response())
}

/// Look at a portfolio analysis
///
/// Where it stands, and what came out of it: as JSON, or as a page for people where `Accept` prefers `text/html`. It always
/// needs an administrator's credential; `/v1/runs/{run}` tells of the same run to every caller.
#[utoipa::path(
    get, path = "/api/admin/portfolio/analysis-status/{run_id}", operation_id = "analysisStatus", tag = "portfolio",
    params(("run_id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "Where it stands", content((AnalysisStatus = "application/json"), (String = "text/html"))),
        (status = 404, description = "There is no such analysis", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "Neither JSON nor HTML is accepted", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn analysis_status(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<RunId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.must_be_admin(&api.metrics)?;
    let form = preferred(&headers)?;
    let run = find(&api, &id).await?;
    if run.target != target(&api)?.name {
        return Err(ApiError::unknown_run(&id));
    }
    if form == Form::Html {
        return Ok(results::html(results::page_of(&api, &run).await?));
    }
    let result = match run.state {
        RunState::Succeeded => api.queue.result(&id).await?,
        _ => None,
    };
    let mut answer = (results::private(), Json(AnalysisStatus::new(&run, result))).into_response();
    if !run.state.is_final() {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    Ok(answer)
}

/// The same request as other tasks get it.
fn start_body(body: AnalysisBody) -> Result<StartBody, ApiError> {
    let mut parameters = Parameters::new();
    parameters.extend(body.date.map(|date| ("date".to_owned(), date.into())));
    parameters.extend(body.days.map(|days| ("days".to_owned(), Value::Number(days))));
    Ok(StartBody { reason: checked_reason(body.reason)?, parameters })
}

fn target(api: &Api) -> Result<&TaskTarget, ApiError> {
    api.queue.target_of(TASK).ok_or_else(|| {
        ApiError::new(
            Kind::UnknownTarget,
            "The portfolio analysis is not configured here: set SOURCE_DATABASE_URL to the Postgres with the views.",
        )
    })
}

impl AnalysisStatus {
    fn new(run: &Run, result: Option<Value>) -> Self {
        let status = match run.state {
            RunState::Pending => "queued",
            RunState::Running => "running",
            RunState::Succeeded => "completed",
            RunState::Failed => "failed",
            RunState::Cancelled => "cancelled",
            RunState::Interrupted => "interrupted",
        };
        let error = run.cause.as_ref().filter(|_| run.state.is_final());
        Self {
            run_id: run.id.to_string(),
            status,
            state: run.state.as_str(),
            progress: run.task.as_ref().map(ProgressDocument::from),
            requested_by: run.requested_by.clone(),
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

fn status_words() -> utoipa::openapi::schema::Object {
    words(&["queued", "running", "completed", "failed", "cancelled", "interrupted"])
}

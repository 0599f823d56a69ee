//! Starts runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::service::{PathSegment, RequestId, RequestSlot, traceparent};
use tokio::time::Instant;
use trigger_core::request::RunRequest;
use trigger_core::run::{Run, RunId};
use trigger_core::start::Started;
use trigger_core::target::Target;
use trigger_core::target_name::TargetName;

use super::Api;
use super::api_error::ApiError;
use super::body::{RetryBody, StartBody};
use super::documents::{RunDocument, Triggered};
use super::headers::{has_preference, idempotency_key, preferred_wait, response_headers};
use super::problem_document::ProblemDocument;
use super::sender::Sender;
use super::status::access_of;

/// Start the default target
///
/// Starts the Job that the target's schedule would start. A repetition with the same `Idempotency-Key` finds the first run.
/// If the target has a `wait_seconds`, a request without `Prefer` is answered as one with `wait`.
#[utoipa::path(
    post,
    path = "/trigger-sync",
    operation_id = "triggerSync",
    tag = "runs",
    request_body(content = Option<StartBody>, content_type = "application/json"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key finds the first run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The run", body = Triggered),
    ),
)]
pub(super) async fn trigger_sync(
    State(api): State<Arc<Api>>,
    sender: Sender,
    headers: HeaderMap,
    body: StartBody,
) -> Result<Response, ApiError> {
    start_job(&api, api.runs.default_target()?, sender, &headers, body).await
}

/// Starts the Job of that target, and responds as `/trigger-sync` does.
pub(super) async fn start_job(
    api: &Api,
    target: &Target,
    sender: Sender,
    headers: &HeaderMap,
    body: StartBody,
) -> Result<Response, ApiError> {
    let slot = sender.slot.clone();
    let (mut started, waited) = start(api, target, sender, headers, body, None).await?;
    let default = api.default_waits.get(target.name()).filter(|_| !has_preference(headers));
    if let Some(seconds) = default
        && let Some(run) = wait_for_end(api, &slot, &started.run, *seconds).await
    {
        started.run = run;
    }
    let document = Json(Triggered::new(&started.run, started.found));
    Ok((response_headers(&started.run, &location(&started.run), waited), document).into_response())
}

/// Start a target
///
/// Starts the Job that the target's schedule would start, or queues a run of the task, which requires an administrator. A
/// repetition with the same `Idempotency-Key` finds the first run.
#[utoipa::path(
    post,
    path = "/v1/targets/{target}/runs",
    operation_id = "startRun",
    tag = "runs",
    request_body(content = Option<StartBody>, content_type = "application/json"),
    params(
        ("target" = String, Path, description = "The target's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key finds the first run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The run, which has ended", body = RunDocument),
        (status = 202, description = "The run, which is in progress", body = RunDocument,
         headers(("Location" = String, description = "The run"), ("Retry-After" = u32, description = "When to poll again, in seconds"))),
        (status = 404, description = "There is no such target, or no such CronJob", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start_run(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<TargetName>,
    sender: Sender,
    headers: HeaderMap,
    body: StartBody,
) -> Result<Response, ApiError> {
    let target = api.runs.target(&name)?;
    let (started, waited) = start(&api, target, sender, &headers, body, None).await?;
    Ok(run_response(&started.run, waited))
}

/// Start a run again
///
/// Starts the run's target with the run's parameters, by the same rules as any start; `retry_of` of the new run is this one. The
/// run may be scheduled, in progress, or one whose Job has been deleted. A repetition with the same `Idempotency-Key` finds the
/// first new run.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/retry",
    operation_id = "retryRun",
    tag = "runs",
    request_body(content = Option<RetryBody>, content_type = "application/json"),
    params(
        ("run" = String, Path, description = "The run's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key finds the first run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The new run, which has ended", body = RunDocument),
        (status = 202, description = "The new run, which is in progress", body = RunDocument,
         headers(("Location" = String, description = "The new run"), ("Retry-After" = u32, description = "When to poll again, in seconds"))),
        (status = 404, description = "There is no such run, its target is not configured any more, or there is no such CronJob", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn retry_run(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
    sender: Sender,
    headers: HeaderMap,
    body: RetryBody,
) -> Result<Response, ApiError> {
    let earlier = api.runs.find(&id).await?;
    let target = api.runs.target_of(&earlier)?;
    let body = body.into_start(&earlier);
    let (started, waited) = start(&api, target, sender, &headers, body, Some(earlier.id)).await?;
    Ok(run_response(&started.run, waited))
}

fn run_response(run: &Run, waited: Option<u64>) -> Response {
    let status = if run.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, response_headers(run, &location(run), waited), Json(RunDocument::from(run))).into_response()
}

pub(super) fn location(run: &Run) -> String {
    format!("/v1/runs/{}", run.id)
}

/// Starts a run, counts the outcome, and waits for its end if `Prefer: wait` requests it. Also returns that number of
/// seconds.
pub(super) async fn start(
    api: &Api,
    target: &Target,
    Sender { caller, request_id: RequestId(request_id), slot }: Sender,
    headers: &HeaderMap,
    body: StartBody,
    retry_of: Option<RunId>,
) -> Result<(Started, Option<u64>), ApiError> {
    let caller = access_of(&caller);
    let request = RunRequest {
        caller: caller.requester().to_owned(),
        via: caller.via().map(str::to_owned),
        reason: body.reason,
        key: idempotency_key(headers)?,
        request_id,
        traceparent: traceparent(headers),
        parameters: body.parameters.0,
        retry_of,
    };
    let outcome = api.runs.start(&caller, target, &request).await;
    api.metrics.count_start(target.name(), &outcome);
    let mut started = outcome?;
    tracing::info!(
        target = %target.name(), job.name = started.run.job_name, run.id = %started.run.id,
        caller = request.caller, via = request.via, request.id = request.request_id, found = started.found, "run started"
    );
    let Some(seconds) = preferred_wait(headers) else { return Ok((started, None)) };
    let waited = wait_for_end(api, &slot, &started.run, seconds).await;
    let applied = waited.is_some().then_some(seconds);
    started.run = waited.unwrap_or(started.run);
    Ok((started, applied))
}

/// The run when it has ended, or after that many seconds. None if the caller waits for too many others: its run is started, so
/// it gets an answer at once.
async fn wait_for_end(api: &Api, slot: &RequestSlot, run: &Run, seconds: u64) -> Option<Run> {
    let _waiting = api.streams.wait(slot).ok()?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    Some(api.runs.ended(run.clone(), deadline).await)
}

//! Starting runs.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tokio::time::{Instant, timeout_at};

use super::Api;
use super::api_error::ApiError;
use super::documents::{RunDocument, Triggered};
use super::extract::{Segment, StartBody, SyncBody, idempotency_key, preferred_wait};
use super::gate::Caller;
use super::problem::{Kind, Problem};
use super::request_id::RequestId;
use trigger_core::dispatcher::Started;
use trigger_core::request::RunRequest;
use trigger_core::run::Run;
use trigger_core::target::{Target, TargetName};
use trigger_core::task::TaskTarget;

/// How soon a caller should look at a run again, in seconds.
const LOOK_AGAIN: u16 = 2;
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Start the default target
///
/// Starts the Job that the target's schedule would start. With an `Idempotency-Key` a repeat finds the first run.
#[utoipa::path(
    post,
    path = "/trigger-sync",
    operation_id = "triggerSync",
    tag = "runs",
    request_body(content = Option<SyncBody>, content_type = "application/json"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request find its run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The run", body = Triggered),
    ),
)]
pub(super) async fn trigger_sync(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: SyncBody,
) -> Result<Response, ApiError> {
    let target = Chosen::Job(api.dispatcher.default_target()?);
    let (started, waited) = start(&api, target, &caller, request_id, &headers, body.into()).await?;
    let document = Json(Triggered::new(&started.run, started.found));
    Ok((response_headers(&started.run, &location(&started.run), waited), document).into_response())
}

/// Start a target
///
/// Starts the Job that the target's schedule would start, or queues a run of the task, which takes an administrator. With an
/// `Idempotency-Key` a repeat finds the first run.
#[utoipa::path(
    post,
    path = "/v1/targets/{target}/runs",
    operation_id = "startRun",
    tag = "runs",
    request_body(content = Option<StartBody>, content_type = "application/json"),
    params(
        ("target" = String, Path, description = "The target's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request find its run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answer when the run has ended, or after N seconds, at most 60", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The run, which has ended", body = RunDocument),
        (status = 202, description = "The run, which goes on", body = RunDocument,
         headers(("Location" = String, description = "The run"), ("Retry-After" = u32, description = "When to look again, in seconds"))),
        (status = 404, description = "There is no such target, or no such CronJob", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start_run(
    State(api): State<Arc<Api>>,
    Segment(name): Segment<TargetName>,
    Extension(caller): Extension<Caller>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: StartBody,
) -> Result<Response, ApiError> {
    let target = match api.queue.target(&name) {
        Some(task) => {
            caller.must_be_admin(&api.metrics)?;
            Chosen::Task(task)
        }
        None => Chosen::Job(api.dispatcher.target(&name)?),
    };
    let (started, waited) = start(&api, target, &caller, request_id, &headers, body).await?;
    let status = if started.run.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let headers = response_headers(&started.run, &location(&started.run), waited);
    Ok((status, headers, Json(RunDocument::from(&started.run))).into_response())
}

fn location(run: &Run) -> String {
    format!("/v1/runs/{}", run.id)
}

/// What is to be started.
#[derive(Clone, Copy)]
pub(super) enum Chosen<'a> {
    Job(&'a Target),
    Task(&'a TaskTarget),
}

/// Starts a run, counts how that went, and waits for its end if the caller prefers so.
pub(super) async fn start(
    api: &Api,
    target: Chosen<'_>,
    caller: &Caller,
    RequestId(request_id): RequestId,
    headers: &HeaderMap,
    body: StartBody,
) -> Result<(Started, Option<u64>), ApiError> {
    let request = RunRequest {
        caller: caller.name.clone(),
        reason: body.reason,
        key: idempotency_key(headers)?,
        request_id,
        traceparent: super::trace::traceparent(headers),
        parameters: body.parameters,
    };
    let (name, outcome) = match target {
        Chosen::Job(_) if !request.parameters.is_empty() => {
            return Err(ApiError::new(
                Kind::BadParameters,
                "A CronJob's Job takes no parameters: it is the one of its template.",
            ));
        }
        Chosen::Job(job) => (&job.name, api.dispatcher.start(job, &request).await),
        Chosen::Task(task) => (&task.name, api.queue.submit(task, &request).await),
    };
    api.metrics.run_requested(name, &outcome);
    let mut started = outcome?;
    tracing::info!(
        target = %name, job.name = started.run.job_name, run.id = %started.run.id,
        caller = request.caller, request.id = request.request_id, found = started.found, "run started"
    );
    let wait = preferred_wait(headers);
    if let Some(seconds) = wait {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        started.run = ended(api, started.run, deadline).await;
    }
    Ok((started, wait))
}

/// Waits until the run has ended, at most until the deadline, also while its end can't be stored. The run was started, so
/// a history that can't be read is no error.
async fn ended(api: &Api, run: Run, deadline: Instant) -> Run {
    let started = run.clone();
    let unsaved = async move {
        let mut run = started;
        while !run.state.is_final() {
            run = api.recorder.unsaved_change(&run.id, run.state).await;
        }
        run
    };
    let stored = api.feed.ended(run.clone(), deadline);
    tokio::pin!(unsaved, stored);
    let latest = tokio::select! {
        run = &mut unsaved => Ok(run),
        stored = &mut stored => match stored {
            Ok(run) => Ok(run),
            Err(_) => timeout_at(deadline, unsaved).await,
        },
    };
    latest.unwrap_or(run)
}

/// The headers of an answer about a run that was started, which is to be found at `location`.
pub(super) fn response_headers(run: &Run, location: &str, waited: Option<u64>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if !run.state.is_final() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(LOOK_AGAIN));
    }
    if let Some(Ok(applied)) = waited.map(|seconds| HeaderValue::try_from(format!("wait={seconds}"))) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    headers
}

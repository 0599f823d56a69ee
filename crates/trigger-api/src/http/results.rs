//! The results of tasks: JSON, and pages for people.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{PathSegment, Representation};
use trigger_core::access;
use trigger_core::run::{Run, RunId, State as RunState};

use super::Api;
use super::api_error::ApiError;
use super::page;
use super::problem_document::ProblemDocument;
use super::problem_kinds::NO_RESULT;
use super::status::access_of;

/// A page loads nothing and runs no script, whatever text it contains.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

/// Get the result of a run
///
/// The result of a task requires an administrator. It is JSON, or a page for people if `Accept` prefers `text/html`; the page
/// also shows the state of a run in progress.
#[utoipa::path(
    get, path = "/v1/runs/{run}/result", operation_id = "getResult", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The result", content((Object = "application/json"), (String = "text/html"))),
        (status = 404, description = "There is no such run, or no result of it", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 406, description = "Neither JSON nor HTML is accepted", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_result(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    PathSegment(id): PathSegment<RunId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let representation = Representation::preferred(&headers)?;
    let (caller, run) = (access_of(&caller), api.runs.find(&id).await?);
    match representation {
        Representation::Html => Ok(html(page_of(&api, &caller, &run).await?)),
        Representation::Json => {
            let result = api.runs.result(&caller, &run).await?.ok_or_else(|| no_result(&run))?;
            Ok((private(), Json(result)).into_response())
        }
    }
}

/// The page of a run's result, or of its state if it has not succeeded.
pub(super) async fn page_of(api: &Api, caller: &access::Caller, run: &Run) -> Result<String, ApiError> {
    let result = api.runs.result(caller, run).await?;
    if run.state != RunState::Succeeded {
        return Ok(page::state(run));
    }
    let result = result.ok_or_else(|| no_result(run))?;
    Ok(api.runs.page(run, &result).unwrap_or_else(|| page::plain(run, &result)))
}

/// The response with a page.
pub(super) fn html(page: String) -> Response {
    let nosniff = (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
    (private(), [nosniff, policy], Html(page)).into_response()
}

/// Results must not be cached: they are confidential and change.
pub(super) fn private() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]
}

fn no_result(run: &Run) -> ApiError {
    let detail = match (&run.task, run.state) {
        (None, _) => format!("{} is a run of a Job: it has a log and no result.", run.id),
        (Some(_), RunState::Pending | RunState::Running | RunState::Unknown) => {
            format!("{} is {}; its result is available when it has succeeded.", run.id, run.state)
        }
        (Some(_), _) => format!("{} ended as {} and has no result.", run.id, run.state),
    };
    ApiError::new(NO_RESULT, detail)
}

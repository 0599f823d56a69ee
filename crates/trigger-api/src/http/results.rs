//! What came out of a run of a task: as JSON, and as a page for people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::Api;
use super::accept::{Form, preferred};
use super::api_error::ApiError;
use super::extract::Segment;
use super::page;
use super::problem::{Kind, Problem};
use super::runs::find;
use trigger_core::run::{Run, RunId, State as RunState};

/// A page loads nothing from anywhere and runs no script, whatever names stand in it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

/// Read the result of a task's run
///
/// As JSON, or as a page for people where `Accept` prefers `text/html`; the page shows a run that goes on as well.
#[utoipa::path(
    get, path = "/v1/runs/{run}/result", operation_id = "getResult", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The result", content((Object = "application/json"), (String = "text/html"))),
        (status = 404, description = "There is no such run, or no result of it", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "Neither JSON nor HTML is accepted", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_result(
    State(api): State<Arc<Api>>,
    Segment(id): Segment<RunId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let form = preferred(&headers)?;
    let run = find(&api, &id).await?;
    match form {
        Form::Html => Ok(html(page_of(&api, &run).await?)),
        Form::Json => {
            let result = api.queue.result(&id).await?.ok_or_else(|| no_result(&run))?;
            Ok((private(), Json(result)).into_response())
        }
    }
}

/// The run's result as a page, or where the run stands.
pub(super) async fn page_of(api: &Api, run: &Run) -> Result<String, ApiError> {
    if run.state != RunState::Succeeded {
        return Ok(page::standing(run));
    }
    let result = api.queue.result(&run.id).await?.ok_or_else(|| no_result(run))?;
    let task = api.queue.target(&run.target).map(|target| &target.task);
    Ok(task.and_then(|task| task.page(&result)).unwrap_or_else(|| page::plain(run, &result)))
}

/// A page that nobody keeps on the way and that nothing is loaded into.
pub(super) fn html(page: String) -> Response {
    let nosniff = (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
    (private(), [nosniff, policy], Html(page)).into_response()
}

/// Results are no public's business, and the same address may have another one a moment later.
pub(super) fn private() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]
}

fn no_result(run: &Run) -> ApiError {
    let detail = match (&run.task, run.state) {
        (None, _) => format!("{} is a Job's run: it has a log and no result.", run.id),
        (Some(_), RunState::Pending | RunState::Running) => {
            format!("{} is {}; its result comes with its end.", run.id, run.state)
        }
        (Some(_), _) => format!("{} ended as {} and left no result.", run.id, run.state),
    };
    ApiError::new(Kind::NoResult, detail)
}

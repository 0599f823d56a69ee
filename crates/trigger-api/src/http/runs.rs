//! The history of runs.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{PathSegment, QueryParams, ServiceError};
use serde::Deserialize;
use trigger_core::run::RunId;
use trigger_core::run_store::{Cursor, RunFilter};
use utoipa::IntoParams;

use super::Api;
use super::api_error::ApiError;
use super::documents::{RunDocument, RunPage};
use super::headers::poll_again;
use super::problem_document::ProblemDocument;
use super::run_page;
use super::status::access_of;

const DEFAULT_PAGE_SIZE: u16 = 50;
const MAX_PAGE_SIZE: u16 = 500;

/// Selects runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only runs of this target.
    target: Option<String>,
    /// Only runs in this state.
    #[param(inline, schema_with = state_parameter)]
    state: Option<String>,
    /// Only the run of the Job with this name.
    job_name: Option<String>,
    /// The maximum number of runs of a page, from 1 to 500; 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the previous page.
    cursor: Option<String>,
}

fn state_parameter() -> utoipa::openapi::schema::Object {
    super::documents::state_schema()
}

/// List runs
///
/// Scheduled and manual runs, newest first, including those whose Jobs have been deleted. A page ends before its limit when
/// it is longer than 256 KiB; `next` then continues it.
#[utoipa::path(
    get, path = "/v1/runs", operation_id = "listRuns", tag = "runs",
    params(ListQuery),
    responses((status = 200, description = "A page of runs", body = RunPage)),
)]
pub(super) async fn list_runs(
    State(api): State<Arc<Api>>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<(HeaderMap, Json<RunPage>), ApiError> {
    // Read first, so that no event is missed between the page and the stream.
    let event = api.runs.last_event().await?;
    let (runs, after) = run_page::read(&api.runs, query.filter()?).await?;
    let next = after.as_ref().map(cursor_text);
    let mut headers = HeaderMap::new();
    if let Some(Ok(link)) = next.as_ref().map(|cursor| HeaderValue::try_from(query.link(cursor))) {
        headers.insert(header::LINK, link);
    }
    Ok((headers, Json(RunPage { runs, next, event })))
}

/// Get a run
#[utoipa::path(
    get, path = "/v1/runs/{run}", operation_id = "getRun", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = RunDocument),
        (status = 404, description = "There is no such run", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_run(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
) -> Result<(HeaderMap, Json<RunDocument>), ApiError> {
    let run = api.runs.find(&id).await?;
    Ok((poll_again(&run), Json(RunDocument::from(&run))))
}

/// Cancel a run
///
/// Deletes its Job and pods, or stops its task. A run that has ended is not changed; the request may be repeated.
#[utoipa::path(
    delete, path = "/v1/runs/{run}", operation_id = "cancelRun", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run after the request", body = RunDocument),
        (status = 404, description = "There is no such run", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel_run(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<RunDocument>, ApiError> {
    let run = api.runs.cancel(&access_of(&caller), &id).await?;
    tracing::info!(run.id = %run.id, state = %run.state, caller = caller.name, "run cancelled");
    Ok(Json(RunDocument::from(&run)))
}

impl ListQuery {
    fn filter(&self) -> Result<RunFilter, ServiceError> {
        let invalid = |name: &str, problem: String| ServiceError::bad_request(format!("{name}: {problem}"));
        let target = self.target.as_deref().map(str::parse).transpose();
        let state = self.state.as_deref().map(str::parse).transpose();
        let limit = self.limit.unwrap_or(DEFAULT_PAGE_SIZE);
        if !(1..=MAX_PAGE_SIZE).contains(&limit) {
            return Err(invalid("limit", format!("{limit} is not between 1 and {MAX_PAGE_SIZE}")));
        }
        let after = self.cursor.as_deref().map(parse_cursor).transpose();
        Ok(RunFilter {
            target: target.map_err(|problem| invalid("target", problem))?,
            state: state.map_err(|problem| invalid("state", problem))?,
            job_name: self.job_name.clone(),
            after: after.map_err(|problem| invalid("cursor", problem.to_owned()))?,
            limit,
        })
    }

    /// The `Link` header of the next page (RFC 8288).
    fn link(&self, cursor: &str) -> String {
        let mut query = vec![format!("cursor={cursor}")];
        query.extend(self.limit.map(|limit| format!("limit={limit}")));
        // These values need no escapes: they were checked, or they are the name of a Job that has runs.
        query.extend(self.target.as_ref().map(|target| format!("target={target}")));
        query.extend(self.state.as_ref().map(|state| format!("state={state}")));
        query.extend(self.job_name.as_ref().map(|name| format!("job_name={name}")));
        format!("</v1/runs?{}>; rel=\"next\"", query.join("&"))
    }
}

/// An opaque text for a position in the list.
fn cursor_text(cursor: &Cursor) -> String {
    hex::encode(format!("{} {}", cursor.created_at, cursor.id))
}

fn parse_cursor(text: &str) -> Result<Cursor, &'static str> {
    let invalid = "it is not the `next` of a page";
    let bytes = hex::decode(text).map_err(|_| invalid)?;
    let text = String::from_utf8(bytes).map_err(|_| invalid)?;
    let (created_at, id) = text.split_once(' ').ok_or(invalid)?;
    Ok(Cursor { created_at: created_at.parse().map_err(|_| invalid)?, id: RunId::new(id) })
}

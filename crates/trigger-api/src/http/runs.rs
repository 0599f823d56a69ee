//! The history of runs, and one run.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::api_error::ApiError;
use super::documents::{RunDocument, RunPage};
use super::extract::{Params, Segment};
use super::gate::Caller;
use super::problem::Problem;
use trigger_core::ports::{Cursor, RunFilter};
use trigger_core::run::{Run, RunId};

const PAGE: u16 = 50;
const MAX_PAGE_SIZE: u16 = 500;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only of this target.
    target: Option<String>,
    /// Only in this state.
    #[param(inline, schema_with = state_parameter)]
    state: Option<String>,
    /// Only of the Job of this name.
    job_name: Option<String>,
    /// At most so many, up to 500; 50 when it is not given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

fn state_parameter() -> utoipa::openapi::schema::Object {
    super::documents::state_words()
}

/// List runs
///
/// Scheduled and manual runs alike, newest first, also those that the cluster has forgotten.
#[utoipa::path(
    get, path = "/v1/runs", operation_id = "listRuns", tag = "runs",
    params(ListQuery),
    responses((status = 200, description = "A page of runs", body = RunPage)),
)]
pub(super) async fn list_runs(
    State(api): State<Arc<Api>>,
    Params(query): Params<ListQuery>,
) -> Result<(HeaderMap, Json<RunPage>), ApiError> {
    let mut filter = query.filter()?;
    let limit = usize::from(filter.limit);
    // One more than is shown tells whether there is a next page.
    filter.limit += 1;
    let mut runs = api.recorder.list(&filter).await?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| more).map(cursor_text);
    let mut headers = HeaderMap::new();
    if let Some(Ok(link)) = next.as_ref().map(|cursor| HeaderValue::try_from(query.link(cursor))) {
        headers.insert(header::LINK, link);
    }
    Ok((headers, Json(RunPage { runs: runs.iter().map(RunDocument::from).collect(), next })))
}

/// Look at a run
#[utoipa::path(
    get, path = "/v1/runs/{run}", operation_id = "getRun", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = RunDocument),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_run(
    State(api): State<Arc<Api>>,
    Segment(id): Segment<RunId>,
) -> Result<(HeaderMap, Json<RunDocument>), ApiError> {
    let run = find(&api, &id).await?;
    let mut headers = HeaderMap::new();
    if !run.state.is_final() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    Ok((headers, Json(RunDocument::from(&run))))
}

/// Cancel a run
///
/// Its Job and its pods go. A run that has ended stays as it is; asking twice is as asking once.
#[utoipa::path(
    delete, path = "/v1/runs/{run}", operation_id = "cancelRun", tag = "runs",
    params(("run" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run as it is now", body = RunDocument),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel_run(
    State(api): State<Arc<Api>>,
    Segment(id): Segment<RunId>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<RunDocument>, ApiError> {
    let run = find(&api, &id).await?;
    let run = if run.task.is_some() {
        caller.must_be_admin(&api.metrics)?;
        api.queue.cancel(run, &caller.name).await?
    } else {
        api.dispatcher.cancel(run, &caller.name).await?
    };
    tracing::info!(run.id = %run.id, state = %run.state, caller = caller.name, "run cancelled");
    Ok(Json(RunDocument::from(&run)))
}

/// The run of that id, also while it can't be stored.
pub(super) async fn find(api: &Api, id: &RunId) -> Result<Run, ApiError> {
    api.recorder.find(id).await?.ok_or_else(|| ApiError::unknown_run(id))
}

impl ListQuery {
    fn filter(&self) -> Result<RunFilter, ApiError> {
        let refused = |name: &str, problem: String| ApiError::bad_request(format!("{name}: {problem}"));
        let target = self.target.as_deref().map(str::parse).transpose();
        let state = self.state.as_deref().map(str::parse).transpose();
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE_SIZE).contains(&limit) {
            return Err(refused("limit", format!("{limit} is not between 1 and {MAX_PAGE_SIZE}")));
        }
        let after = self.cursor.as_deref().map(read_cursor).transpose();
        Ok(RunFilter {
            target: target.map_err(|problem| refused("target", problem))?,
            state: state.map_err(|problem| refused("state", problem))?,
            job_name: self.job_name.clone(),
            after: after.map_err(|problem| refused("cursor", problem.to_owned()))?,
            limit,
        })
    }

    /// The next page as a `Link` header has it (RFC 8288).
    fn link(&self, cursor: &str) -> String {
        let mut query = vec![format!("cursor={cursor}")];
        query.extend(self.limit.map(|limit| format!("limit={limit}")));
        // Both were checked: they need no escapes. Neither does a Job's name that has runs.
        query.extend(self.target.as_ref().map(|target| format!("target={target}")));
        query.extend(self.state.as_ref().map(|state| format!("state={state}")));
        query.extend(self.job_name.as_ref().map(|name| format!("job_name={name}")));
        format!("</v1/runs?{}>; rel=\"next\"", query.join("&"))
    }
}

/// A place in the list as a text that tells nobody what it means.
fn cursor_text(run: &Run) -> String {
    hex::encode(format!("{} {}", run.created_at, run.id))
}

fn read_cursor(text: &str) -> Result<Cursor, &'static str> {
    let none = "it is not the `next` of a page";
    let bytes = hex::decode(text).map_err(|_| none)?;
    let text = String::from_utf8(bytes).map_err(|_| none)?;
    let (created_at, id) = text.split_once(' ').ok_or(none)?;
    Ok(Cursor { created_at: created_at.parse().map_err(|_| none)?, id: RunId::new(id) })
}

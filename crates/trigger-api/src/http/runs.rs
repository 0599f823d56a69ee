//! The history of runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{PathSegment, QueryParams};
use trigger_core::run::{RunId, State as RunState};
use trigger_core::run_store::RunCounts;

use super::Api;
use super::api_error::ApiError;
use super::documents::{RunDocument, RunPage};
use super::headers::poll_again;
use super::problem_document::ProblemDocument;
use super::status::access_of;
use super::{list_query, run_page};

/// List runs
///
/// Scheduled and manual runs, newest first, including those whose Jobs have been deleted. A run is selected if it meets all
/// conditions. A page ends before its limit when it is longer than 256 KiB, or when it has searched 5,000 runs for a text;
/// `next` then continues it, even if the page has no run.
///
/// The first page has the number of selected runs per state.
#[utoipa::path(
    get, path = "/v1/runs", operation_id = "listRuns", tag = "runs",
    params(
        ("target" = Option<Vec<String>>, Query, description = "Only runs of these targets, at most 32; repeated, or separated by commas"),
        ("state" = Option<Vec<String>>, Query, description = "Only runs in these states; repeated, or separated by commas"),
        ("trigger" = Option<String>, Query, description = "Only runs that were started by this"),
        ("requested_by" = Option<String>, Query, description = "Only runs of this caller"),
        ("since" = Option<String>, Query, description = "Only runs that were created at this time or later"),
        ("until" = Option<String>, Query, description = "Only runs that were created before this time"),
        ("q" = Option<String>, Query, description = "Only runs whose reason, cause or Job name contains this text, in upper or lower case"),
        ("job_name" = Option<String>, Query, description = "Only the run of the Job with this name"),
        ("limit" = Option<u16>, Query, description = "The maximum number of runs of a page; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The `next` of the previous page"),
    ),
    responses((status = 200, description = "A page of runs", body = RunPage)),
)]
pub(super) async fn list_runs(
    State(api): State<Arc<Api>>,
    QueryParams(parameters): QueryParams<Vec<(String, String)>>,
    RawQuery(query): RawQuery,
) -> Result<(HeaderMap, Json<RunPage>), ApiError> {
    // Read first, so that no event is missed between the page and the stream.
    let event = api.runs.last_event().await?;
    let filter = list_query::filter(&parameters)?;
    let counts = match &filter.after {
        None => Some(api.runs.counts(&filter).await?),
        Some(_) => None,
    };
    let (runs, after) = run_page::read(&api.runs, filter).await?;
    let next = after.as_ref().map(list_query::cursor_text);
    let mut headers = HeaderMap::new();
    let link =
        next.as_ref().map(|cursor| list_query::next_link(query.as_deref().unwrap_or_default(), cursor));
    if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
        headers.insert(header::LINK, link);
    }
    let (counts, counts_exact) = counts.as_ref().map(count_documents).unzip();
    Ok((headers, Json(RunPage { runs, next, event, counts, counts_exact })))
}

/// The number of runs in each state, and whether these numbers are exact.
fn count_documents(counts: &RunCounts) -> (BTreeMap<&'static str, u64>, bool) {
    let of = |state: RunState| counts.by_state.get(&state).copied().unwrap_or_default();
    (RunState::ALL.into_iter().map(|state| (state.as_str(), of(state))).collect(), counts.exact)
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
/// Deletes its pods and then its Job, or stops its task. Until its pods have stopped, the run is active with the cause
/// `Cancelling`. A run that has ended is not changed; the request may be repeated.
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
    let caller = access_of(&caller);
    let run = api.runs.cancel(&caller, &id).await?;
    tracing::info!(run.id = %run.id, state = %run.state, %caller, "run cancelled");
    Ok(Json(RunDocument::from(&run)))
}

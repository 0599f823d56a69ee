//! The log of a run.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::service::{PathSegment, QueryParams, RequestSlot};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use trigger_core::run::{Run, RunId, State as RunState};
use trigger_core::runs::RunLog;
use utoipa::IntoParams;

use super::Api;
use super::api_error::ApiError;
use super::problem_document::ProblemDocument;
use super::problem_kinds::NO_LOG;

/// Whether the beginning of the log is missing.
const LOG_CUT: HeaderName = HeaderName::from_static("x-log-cut");

/// Options for reading a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Whether to follow the log until the run ends.
    follow: Option<bool>,
}

/// Get the log of a run
///
/// The whole log while its pod exists, and its last 64 KiB afterwards. With `follow`, the last 64 KiB and then the output
/// until the run ends.
#[utoipa::path(
    get, path = "/v1/runs/{run}/logs", operation_id = "getLogs", tag = "runs",
    params(("run" = String, Path, description = "The run's id"), LogQuery),
    responses(
        (status = 200, description = "The log", body = String, content_type = "text/plain",
         headers(("X-Log-Cut" = bool, description = "Whether the beginning of the log is missing"))),
        (status = 404, description = "There is no such run, or no log of it", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_logs(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
    QueryParams(query): QueryParams<LogQuery>,
    slot: RequestSlot,
) -> Result<Response, ApiError> {
    let run = api.runs.find(&id).await?;
    let log = api.runs.log(&run, query.follow.unwrap_or_default()).await?;
    match log.ok_or_else(|| no_log(&run))? {
        RunLog::Following(tail, pieces) => {
            let log = stream::iter([tail.text]).chain(pieces).map(Ok::<Bytes, Infallible>);
            Ok(response(tail.cut, Body::from_stream(api.streams.open(&slot, log)?)))
        }
        RunLog::Whole(log) => Ok(response(false, Body::from_stream(api.streams.open(&slot, log)?))),
        RunLog::Tail(tail) => Ok(response(tail.cut, Body::from(tail.text))),
    }
}

fn response(cut: bool, body: Body) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let cut = (LOG_CUT, HeaderValue::from_static(if cut { "true" } else { "false" }));
    ([content_type, cut], body).into_response()
}

fn no_log(run: &Run) -> ApiError {
    let detail = match (&run.cause, run.state) {
        (Some(cause), RunState::Unknown) => cause.message.clone(),
        (_, state) if state.is_final() => {
            format!("{} printed nothing, or its pod was deleted before its log could be read.", run.job_name)
        }
        _ => format!("{} has printed nothing yet.", run.job_name),
    };
    ApiError::new(NO_LOG, detail)
}

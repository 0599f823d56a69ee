//! The log of a run.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::api_error::ApiError;
use super::extract::{Params, Segment};
use super::problem::{Kind, Problem};
use super::runs::find;
use trigger_core::log_buffers::LogTail;
use trigger_core::run::{Run, RunId};

/// Says that only the end of the log is here.
const LOG_CUT: HeaderName = HeaderName::from_static("x-log-cut");

/// How to read a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Whether to go on until the run ends.
    follow: Option<bool>,
}

/// Read a run's log
///
/// The whole log while the cluster has it, and its last 64 KiB afterwards. With `follow` the last 64 KiB and then what
/// the run prints until it ends.
#[utoipa::path(
    get, path = "/v1/runs/{run}/logs", operation_id = "getLogs", tag = "runs",
    params(("run" = String, Path, description = "The run's id"), LogQuery),
    responses(
        (status = 200, description = "The log", body = String, content_type = "text/plain",
         headers(("X-Log-Cut" = bool, description = "Whether only the end of the log is here"))),
        (status = 404, description = "There is no such run, or no log of it", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_logs(
    State(api): State<Arc<Api>>,
    Segment(id): Segment<RunId>,
    Params(query): Params<LogQuery>,
) -> Result<Response, ApiError> {
    let run = find(&api, &id).await?;
    if query.follow.unwrap_or_default()
        && let Some((tail, pieces)) = api.book.follow(&id)
    {
        let lines = stream::iter([tail.text]).chain(pieces).map(Ok::<Bytes, Infallible>);
        return Ok(answer(tail.cut, Body::from_stream(api.streams.keep(lines)?)));
    }
    match api.dispatcher.log(&run).await {
        Ok(Some(whole)) => return Ok(answer(false, Body::from_stream(api.streams.keep(whole)?))),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, run.id = %id, "the log can't be read; the kept tail serves"),
    }
    let tail = match api.book.tail(&id).filter(|tail| !tail.text.is_empty()) {
        Some(tail) => Some(tail),
        None => api.recorder.log(&id).await?,
    };
    let LogTail { text, cut } = tail.ok_or_else(|| no_log(&run))?;
    Ok(answer(cut, Body::from(text)))
}

fn answer(cut: bool, body: Body) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let cut = (LOG_CUT, HeaderValue::from_static(if cut { "true" } else { "false" }));
    ([content_type, cut], body).into_response()
}

fn no_log(run: &Run) -> ApiError {
    let detail = if run.state.is_final() {
        format!("{} printed nothing, or its pod was gone before its log could be read.", run.job_name)
    } else {
        format!("{} has printed nothing yet.", run.job_name)
    };
    ApiError::new(Kind::NoLog, detail)
}

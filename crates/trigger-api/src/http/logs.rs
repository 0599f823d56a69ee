//! The log of a run.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

mod byte_range;
mod events;
mod lines;
mod text;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use common::service::{PathSegment, QueryParams, RequestSlot, ServiceError, last_event_id};
use serde::Deserialize;
use trigger_core::run::{Run, RunId, State as RunState};
use trigger_core::runs::{LogPosition, LogQuery, RunLog};
use utoipa::IntoParams;

use self::byte_range::ByteRange;
use super::Api;
use super::api_error::ApiError;
use super::problem_document::ProblemDocument;
use super::problem_kinds::NO_LOG;

/// Whether a beginning is missing that was requested.
const LOG_CUT: HeaderName = HeaderName::from_static("x-log-cut");
/// The offset of the body's first byte in the log.
const LOG_OFFSET: HeaderName = HeaderName::from_static("x-log-offset");

/// Options for reading a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// Whether to follow the log until the run ends. Events always follow it.
    follow: Option<bool>,
    /// Only the text from this offset on, in bytes. Not together with `tail`.
    offset: Option<u64>,
    /// Only the last lines, at most this number and 256 KiB.
    tail: Option<u32>,
    /// Only the text of this container, without separators. Offsets are those of this text.
    container: Option<String>,
}

/// Get the log of a run
///
/// The whole log while its pod exists, and its last 64 KiB afterwards. With `follow`, the last 64 KiB and then the output
/// until the run ends; a body that ends before is aborted. With `Accept: text/event-stream` as events: `log` with `offset`,
/// `pod`, `container`, `attempt` and `text`, `dropped` with `offset` and `bytes`, and `done` when the log is complete.
#[utoipa::path(
    get, path = "/v1/runs/{run}/logs", operation_id = "getLogs", tag = "runs",
    params(
        ("run" = String, Path, description = "The run's id"),
        LogParams,
        ("Range" = Option<String>, Header, description = "One range of bytes, unless `follow`, `offset` or `tail` is given"),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume the events after this offset"),
    ),
    responses(
        (status = 200, description = "The log", content((String = "text/plain"), (String = "text/event-stream")),
         headers(("X-Log-Cut" = bool, description = "Whether a beginning is missing that was requested"),
                 ("X-Log-Offset" = u64, description = "The offset of the first byte; absent if the text has no offsets"))),
        (status = 206, description = "The range of the log", body = String, content_type = "text/plain",
         headers(("Content-Range" = String, description = "The bytes that the body has"))),
        (status = 404, description = "There is no such run, or no log of it", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 416, description = "The log has no such bytes", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_logs(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
    QueryParams(params): QueryParams<LogParams>,
    slot: RequestSlot,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last_event = last_event_id(&headers)?;
    let run = api.runs.find(&id).await?;
    params.check(&run)?;
    if accepts_events(&headers) {
        return events::respond(api, &slot, run, params, last_event).await;
    }
    let range = params.range(&headers);
    let query = params.query();
    let follow = query.follow;
    let log = api.runs.log(&run, query).await?.ok_or_else(|| no_log(&run))?;
    match range.filter(|_| log.start.is_some()) {
        Some(range) => byte_range::respond(range, &run, log).await,
        None => text::respond(api, &slot, run, log, follow),
    }
}

impl LogParams {
    fn check(&self, run: &Run) -> Result<(), ServiceError> {
        if self.offset.is_some() && self.tail.is_some() {
            return Err(ServiceError::bad_request("Either offset or tail can be given, not both."));
        }
        match &self.container {
            Some(name) if !run.containers.is_empty() && !run.containers.contains(name) => {
                let names = run.containers.join(", ");
                Err(ServiceError::bad_request(format!(
                    "container: the run has no container {name}; it has {names}."
                )))
            }
            _ => Ok(()),
        }
    }

    /// The requested range, if it applies to this representation of the log.
    fn range(&self, headers: &HeaderMap) -> Option<ByteRange> {
        let is_whole = !self.follow.unwrap_or_default() && self.offset.is_none() && self.tail.is_none();
        is_whole.then(|| ByteRange::requested(headers)).flatten()
    }

    fn query(self) -> LogQuery {
        let position = match (self.offset, self.tail) {
            (Some(offset), _) => LogPosition::Offset(offset),
            (None, Some(lines)) => LogPosition::LastLines(usize::try_from(lines).unwrap_or(usize::MAX)),
            (None, None) => LogPosition::Start,
        };
        LogQuery { container: self.container, position, follow: self.follow.unwrap_or_default() }
    }
}

/// Whether the client names the media type of events. It is not a match for `*/*`.
fn accepts_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = values.flat_map(|value| value.split(','));
    ranges.any(|range| {
        let media_type = range.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/event-stream")
    })
}

/// The headers of the text of a log.
fn text_headers(log: &RunLog) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(LOG_CUT, HeaderValue::from_static(if log.cut { "true" } else { "false" }));
    if let Some(start) = log.start {
        headers.insert(LOG_OFFSET, HeaderValue::from(start));
    }
    headers
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

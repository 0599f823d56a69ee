//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};

use super::error::ServiceError;
use super::request_slot::RequestSlot;
use super::streams::Streams;

/// How often a comment is sent when there is no event, so that proxies keep the connection open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// When a client should reconnect after its connection failed.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// A response with these events.
///
/// # Errors
/// When too many streams are open, or the caller has its share of them.
pub fn event_stream(
    streams: &Streams,
    request: &RequestSlot,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Result<Response, ServiceError> {
    let first = stream::iter([Event::default().retry(RECONNECT_DELAY).comment("events")]);
    let events = streams.open(request, first.chain(events))?.map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

/// The number in the `Last-Event-ID` header: the client resumes after this event.
///
/// # Errors
/// When it is not a number from 0.
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ServiceError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| ServiceError::bad_request("Last-Event-ID is not the id of an event of this stream."))
}

//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::error::ServiceError;
use super::request_slot::RequestSlot;
use super::streams::Streams;

/// The interval of pings: clients detect a broken connection by their absence, and proxies keep the connection open.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// When a client should reconnect after its connection failed.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// A response with these events, and with a ping after every interval, which `ping` makes.
///
/// # Errors
/// When too many streams are open, or the caller has its share of them.
pub fn event_stream(
    streams: &Streams,
    request: &RequestSlot,
    events: impl Stream<Item = Event> + Send + 'static,
    ping: impl FnMut() -> Event + Send + 'static,
) -> Result<Response, ServiceError> {
    let first = stream::iter([Event::default().retry(RECONNECT_DELAY).comment("events")]);
    let events = first.chain(with_pings(events, ping));
    let events = streams.open(request, events)?.map(Ok::<_, Infallible>);
    Ok(Sse::new(events).into_response())
}

/// An event `ping` with the time.
pub fn ping() -> Event {
    let data = json!({ "at": format!("{:.3}", Timestamp::now()) });
    Event::default().event("ping").data(data.to_string())
}

/// Adds pings until the events end.
fn with_pings(
    events: impl Stream<Item = Event> + Send + 'static,
    ping: impl FnMut() -> Event + Send + 'static,
) -> impl Stream<Item = Event> + Send {
    let mut ticks = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    // A client that does not read its stream gets one ping afterwards, not those that it has missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = (Box::pin(events), ticks, ping);
    stream::unfold(state, async |(mut events, mut ticks, mut ping)| {
        let event = tokio::select! {
            biased;
            event = events.next() => event?,
            _ = Interval::tick(&mut ticks) => ping(),
        };
        Some((event, (events, ticks, ping)))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pings_are_sent_at_a_fixed_interval_until_the_events_end() {
        let started = Instant::now();
        let event = Event::default().event("state").data("{}");
        let late = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Event::default().event("state").data("last")
        };
        let events = stream::iter([event]).chain(stream::once(late));
        let times = with_pings(events, ping).map(|_| started.elapsed().as_secs());
        assert_eq!(times.collect::<Vec<_>>().await, [0, 15, 30, 40]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_an_event_with_the_time() {
        let pings = with_pings(stream::pending(), ping).take(1).map(Ok::<_, Infallible>);
        let body = axum::body::to_bytes(Sse::new(pings).into_response().into_body(), 1_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let data = text.strip_prefix("event: ping\ndata: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert!(data["at"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{text}");
    }
}

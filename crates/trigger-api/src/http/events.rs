//! Changes as server-sent events.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, future, stream};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::api_error::ApiError;
use super::documents::RunDocument;
use super::extract::{Params, Segment};
use super::problem::Problem;
use super::runs::find;
use trigger_core::feed::Notice;
use trigger_core::run::{Run, RunId};
use trigger_core::target::TargetName;

/// How often a comment is sent when nothing happens, so that nobody on the way takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client whose stream broke should come back.
const COME_BACK: Duration = Duration::from_secs(2);

/// Which events to get.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only of this target.
    target: Option<String>,
}

/// One event of a stream, as its lines have it.
#[expect(dead_code, reason = "it is there for the OpenAPI document alone")]
#[derive(ToSchema)]
pub(super) struct ServerSentEvent {
    /// `state` for a change; `gap` says that events before the next one are forgotten.
    #[schema(schema_with = event_words)]
    event: &'static str,
    /// The run as JSON; `{}` for a gap.
    data: String,
    /// What to send as `Last-Event-ID` to go on from here.
    #[schema(required = false)]
    id: String,
    /// How many milliseconds to wait before coming back.
    #[schema(required = false)]
    retry: u32,
}

fn event_words() -> utoipa::openapi::schema::Object {
    super::documents::words(&["state", "gap"])
}

/// Follow a run
///
/// The run as it is now, then each change, until it has ended. An event's data is the run.
#[utoipa::path(
    get, path = "/v1/runs/{run}/events", operation_id = "runEvents", tag = "events",
    params(
        ("run" = String, Path, description = "The run's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "Go on after this event"),
    ),
    responses(
        (status = 200, description = "The changes", body = ServerSentEvent, content_type = "text/event-stream"),
        (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn run_events(
    State(api): State<Arc<Api>>,
    Segment(id): Segment<RunId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers)?;
    // Subscribed before the run is read, so that no change falls between.
    let notices = api.feed.subscribe(after).await?;
    let run = find(&api, &id).await?;
    let ended = run.state.is_final();
    // Who goes on after an event has seen the run; who begins gets it as it is.
    let first = (after.is_none() || ended).then(|| state_event(&run, None));
    let changes = notices.filter_map(move |notice| {
        future::ready(match notice {
            Notice::Event(event) if event.run_id == id => {
                Some((state_event(&event.run, Some(event.sequence)), event.state.is_final()))
            }
            Notice::Event(_) => None,
            Notice::Gap => Some((gap_event(), false)),
        })
    });
    let changes = stream::select(changes, unsaved_changes(Arc::clone(&api), &run));
    let changes = stream::unfold((Box::pin(changes), ended), async |(mut changes, ended)| {
        if ended {
            return None;
        }
        let (event, ended) = changes.next().await?;
        Some((event, (changes, ended)))
    });
    respond(&api, stream::iter(first).chain(changes))
}

/// The changes of a run that can't be stored now. They are told again, with a number, when they are stored.
fn unsaved_changes(api: Arc<Api>, run: &Run) -> impl Stream<Item = (SseEvent, bool)> + use<> {
    stream::unfold((api, run.id.clone(), run.state), async |(api, id, known)| {
        let run = api.recorder.unsaved_change(&id, known).await;
        Some(((state_event(&run, None), run.state.is_final()), (api, id, run.state)))
    })
}

/// Follow all runs
///
/// Each change of any run from now on, or from the event named by `Last-Event-ID`. An event `gap` says that events
/// before the next one are forgotten: read `/v1/runs` again.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "allEvents", tag = "events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on after this event"),
    ),
    responses((status = 200, description = "The changes", body = ServerSentEvent, content_type = "text/event-stream")),
)]
pub(super) async fn all_events(
    State(api): State<Arc<Api>>,
    Params(query): Params<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target: Option<TargetName> =
        query.target.map(|name| name.parse()).transpose().map_err(ApiError::bad_request)?;
    let notices = api.feed.subscribe(last_event_id(&headers)?).await?;
    let changes = notices.filter_map(move |notice| {
        future::ready(match notice {
            Notice::Event(event) if target.as_ref().is_none_or(|target| *target == event.target) => {
                Some(state_event(&event.run, Some(event.sequence)))
            }
            Notice::Event(_) => None,
            Notice::Gap => Some(gap_event()),
        })
    });
    respond(&api, changes)
}

fn respond(api: &Api, events: impl Stream<Item = SseEvent> + Send + 'static) -> Result<Response, ApiError> {
    let begin = stream::iter([SseEvent::default().retry(COME_BACK).comment("events")]);
    let events = api.streams.keep(begin.chain(events))?.map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn state_event(run: &Run, sequence: Option<i64>) -> SseEvent {
    let event = SseEvent::default().event("state");
    let event = match sequence {
        Some(sequence) => event.id(sequence.to_string()),
        None => event,
    };
    event.json_data(RunDocument::from(run)).expect("a run is JSON")
}

fn gap_event() -> SseEvent {
    SseEvent::default().event("gap").data("{}")
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| ApiError::bad_request("Last-Event-ID is not the id of an event of this stream."))
}

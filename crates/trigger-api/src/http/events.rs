//! Changes as server-sent events.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event as SseEvent;
use common::service::{PathSegment, QueryParams, RequestSlot, ServiceError, event_stream, last_event_id};
use futures_util::{Stream, StreamExt, future, stream};
use serde::Deserialize;
use trigger_core::feed::Notice;
use trigger_core::run::{Run, RunId};
use trigger_core::target_name::TargetName;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::api_error::ApiError;
use super::documents::RunDocument;
use super::problem_document::ProblemDocument;

/// Selects events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only events of this target.
    target: Option<String>,
}

/// An event of a stream.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
pub(super) struct ServerSentEvent {
    /// `state` for a change; `gap` if events before the next one were pruned.
    #[schema(schema_with = event_schema)]
    event: &'static str,
    /// The run as JSON; `{}` for a gap.
    data: String,
    /// The `Last-Event-ID` to resume after this event.
    #[schema(required = false)]
    id: String,
    /// The milliseconds to wait before reconnecting.
    #[schema(required = false)]
    retry: u32,
}

fn event_schema() -> utoipa::openapi::schema::Object {
    super::documents::string_enum(&["state", "gap"])
}

/// Follow a run
///
/// The current state of the run, and then each change until it has ended. The data of an event is the run.
#[utoipa::path(
    get, path = "/v1/runs/{run}/events", operation_id = "runEvents", tag = "events",
    params(
        ("run" = String, Path, description = "The run's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after this event"),
    ),
    responses(
        (status = 200, description = "The changes", body = ServerSentEvent, content_type = "text/event-stream"),
        (status = 404, description = "There is no such run", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn run_events(
    State(api): State<Arc<Api>>,
    PathSegment(id): PathSegment<RunId>,
    slot: RequestSlot,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers)?;
    // The subscription starts before the run is read, so that no change is missed.
    let notices = api.runs.changes(after).await?;
    let run = api.runs.find(&id).await?;
    let ended = run.state.is_final();
    // A client that resumes has already received the run, unless it has ended.
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
    Ok(event_stream(&api.streams, &slot, stream::iter(first).chain(changes))?)
}

/// The changes of a run that can't be stored now. They are sent again, with a number, when they are stored.
fn unsaved_changes(api: Arc<Api>, run: &Run) -> impl Stream<Item = (SseEvent, bool)> + use<> {
    stream::unfold((api, run.id.clone(), run.state), async |(api, id, known)| {
        let run = api.runs.unsaved_change(&id, known).await;
        Some(((state_event(&run, None), run.state.is_final()), (api, id, run.state)))
    })
}

/// Follow all runs
///
/// Each change of any run from now on, or after the event of `Last-Event-ID`. After an event `gap`, earlier events were
/// pruned: read `/v1/runs` again.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "allEvents", tag = "events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after this event"),
    ),
    responses((status = 200, description = "The changes", body = ServerSentEvent, content_type = "text/event-stream")),
)]
pub(super) async fn all_events(
    State(api): State<Arc<Api>>,
    QueryParams(query): QueryParams<EventQuery>,
    slot: RequestSlot,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target: Option<TargetName> =
        query.target.map(|name| name.parse()).transpose().map_err(ServiceError::bad_request)?;
    let notices = api.runs.changes(last_event_id(&headers)?).await?;
    let changes = notices.filter_map(move |notice| {
        future::ready(match notice {
            Notice::Event(event) if target.as_ref().is_none_or(|target| *target == event.target) => {
                Some(state_event(&event.run, Some(event.sequence)))
            }
            Notice::Event(_) => None,
            Notice::Gap => Some(gap_event()),
        })
    });
    Ok(event_stream(&api.streams, &slot, changes)?)
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

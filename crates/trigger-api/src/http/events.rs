//! Changes as server-sent events.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

mod documents;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event as SseEvent;
use common::service::{
    PathSegment, QueryParams, RequestSlot, ServiceError, event_stream, last_event_id, ping,
};
use futures_util::{Stream, StreamExt, future, stream};
use serde::Deserialize;
use trigger_core::event::{Change, Event};
use trigger_core::feed::{Notice, Subscription};
use trigger_core::run::{Run, RunId};
use trigger_core::target_name::TargetName;
use utoipa::IntoParams;

pub(super) use self::documents::ServerSentEvent;
use self::documents::{gap_event, pruned_event, state_event, target_event};
use super::Api;
use super::api_error::ApiError;
use super::problem_document::ProblemDocument;

/// Selects events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only events of this target.
    target: Option<String>,
    /// Resume after this event, if there is no `Last-Event-ID`: the `event` of a list.
    after: Option<u64>,
}

/// Selects events of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunEventQuery {
    /// Resume after this event, if there is no `Last-Event-ID`.
    after: Option<u64>,
}

/// Follow a run
///
/// The current state of the run, and then each change until it has ended. The data of an event `state` is the run.
#[utoipa::path(
    get, path = "/v1/runs/{run}/events", operation_id = "runEvents", tag = "events",
    params(
        ("run" = String, Path, description = "The run's id"),
        RunEventQuery,
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
    QueryParams(query): QueryParams<RunEventQuery>,
    slot: RequestSlot,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = resume_after(&headers, query.after)?;
    // The subscription starts before the run is read, so that no change is missed.
    let Subscription { start, notices } = api.runs.changes(after).await?;
    let run = api.runs.find(&id).await?;
    let ended = run.state.is_final();
    let position = Position::new(after.unwrap_or(start));
    // A client that resumes has already received the run, unless it has ended. So no number is sent before the state: a client
    // that resumed after it would never get the state.
    let ping = after.is_some().then(|| position.ping());
    let state = (after.is_none() || ended).then(|| state_event(&run, Some(start)));
    let first = ping.into_iter().chain(state);
    let pings = position.clone();
    let changes = notices.filter_map(move |notice| {
        position.advance(&notice);
        future::ready(match notice {
            Notice::Event(event) if event.run_id == id => {
                let ended = event.run().is_none_or(|run| run.state.is_final());
                Some((change_event(&event), ended))
            }
            Notice::Event(_) => None,
            Notice::Gap(number) => Some((gap_event(number), false)),
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
    let events = stream::iter(first).chain(changes);
    Ok(event_stream(&api.streams, &slot, events, move || pings.ping())?)
}

/// The changes of a run that can't be stored now. They are sent again, with a number, when they are stored.
fn unsaved_changes(api: Arc<Api>, run: &Run) -> impl Stream<Item = (SseEvent, bool)> + use<> {
    stream::unfold((api, run.id.clone(), run.state), async |(api, id, known)| {
        let run = api.runs.unsaved_change(&id, known).await;
        Some(((state_event(&run, None), run.state.is_final()), (api, id, run.state)))
    })
}

/// Follow all runs and targets
///
/// Each change of any run from now on, or after the event of `Last-Event-ID` or `after`; and the CronJob of each target now
/// and whenever it changes. After an event `gap`, earlier events were pruned: read `/v1/runs` again.
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
    let after = resume_after(&headers, query.after)?;
    let target: Option<TargetName> =
        query.target.map(|name| name.parse()).transpose().map_err(ServiceError::bad_request)?;
    let Subscription { start, notices } = api.runs.changes(after).await?;
    // Before a gap, the number is still that of the client: if the gap does not arrive, the next connection has it again.
    let position = Position::new(after.unwrap_or(start));
    let (first, pings) = (stream::iter([position.ping()]), position.clone());
    let selected = target.clone();
    let changes = notices.filter_map(move |notice| {
        position.advance(&notice);
        future::ready(match notice {
            Notice::Event(event) if selected.as_ref().is_none_or(|target| *target == event.target) => {
                Some(change_event(&event))
            }
            Notice::Event(_) => None,
            Notice::Gap(number) => Some(gap_event(number)),
        })
    });
    let targets = api.runs.target_changes().await.filter_map(move |observed| {
        let is_selected = target.as_ref().is_none_or(|target| *target == observed.target);
        future::ready(is_selected.then(|| target_event(&observed)))
    });
    let events = first.chain(stream::select(changes, targets));
    Ok(event_stream(&api.streams, &slot, events, move || pings.ping())?)
}

/// The event after which the stream starts. The header has precedence, because a browser that reconnects sends it to the
/// URL with which it connected first.
fn resume_after(headers: &HeaderMap, after: Option<u64>) -> Result<Option<i64>, ServiceError> {
    let after = after.map(i64::try_from).transpose();
    let after = after.map_err(|_| ServiceError::bad_request("after is not the number of an event."))?;
    Ok(last_event_id(headers)?.or(after))
}

fn change_event(event: &Event) -> SseEvent {
    match &event.change {
        Change::State(run) => state_event(run, Some(event.sequence)),
        Change::Pruned => pruned_event(event),
    }
}

/// The number of the last event that the client has, or that the stream has skipped. Pings have it as their id, so that a
/// client can resume before the first event, and after many events that are not selected.
#[derive(Clone)]
struct Position(Arc<AtomicI64>);

impl Position {
    fn new(start: i64) -> Self {
        Self(Arc::new(AtomicI64::new(start)))
    }

    fn advance(&self, notice: &Notice) {
        let number = match notice {
            Notice::Event(event) => event.sequence,
            Notice::Gap(number) => *number,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    fn ping(&self) -> SseEvent {
        ping().id(self.0.load(Ordering::Relaxed).to_string())
    }
}

//! Changes of the registry as server-sent events.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use common::service::{RequestSlot, event_stream, last_event_id, ping};
use futures_util::stream;
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};

use super::api::Api;
use super::api_error::ApiError;
use super::instance_document::InstanceDocument;
use crate::domain::definition::Definition;
use crate::domain::subscription::{Notice, Subscription};

/// An event. `data` is JSON on one line, whose schema depends on `event`.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
pub(super) struct ServerSentEvent {
    /// The name: `snapshot` and `resync` (`PositionData`), `put` (`PutData`), `removed` (`RemovedData`), `stale` (`StaleData`),
    /// `definition` (`DefinitionData`), `state` and `definitions_state` (`StateData`), and `ping` every 15 seconds (`PingData`).
    #[schema(schema_with = event_names)]
    event: String,
    /// The data as JSON, a text that must be parsed.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// The `Last-Event-ID` to resume after this event. A ping has none.
    #[schema(required = false)]
    id: String,
    /// The milliseconds to wait before reconnecting.
    #[schema(required = false)]
    retry: u32,
}

fn event_names() -> utoipa::openapi::schema::Object {
    let names =
        ["snapshot", "put", "removed", "stale", "definition", "state", "definitions_state", "resync", "ping"];
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(names))
        .build()
}

/// `snapshot`: what is read from now on contains every change up to this position. `resync`: changes were lost, so everything
/// must be read again.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
struct PositionData {
    /// The id of the last event.
    position: i64,
}

/// The connection is alive.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
struct PingData {
    /// The time, in UTC.
    at: String,
}

/// An instance registered itself, sent a heartbeat or changed.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
#[schema(as = PutData)]
struct PutDocument {
    instance: InstanceDocument,
    /// The revision of the bucket.
    revision: u64,
    /// The heartbeat's time minus the time at which NATS stored it.
    clock_skew_seconds: f64,
    /// Whether the instance is hidden, because this heartbeat is too old.
    stale: bool,
}

/// An instance was removed.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
struct RemovedData {
    service_name: String,
    instance_id: String,
    revision: u64,
    /// `deleted`: it deregistered. `expired`: its entry exceeded the bucket's maximum age. `swept`: it was gone when the bucket
    /// was read again. `unreadable`, `replaced`: its entry was overwritten.
    #[schema(example = "deleted")]
    reason: String,
}

/// The last heartbeat of an instance is too old now, so the instance is hidden.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
struct StaleData {
    service_name: String,
    instance_id: String,
    /// The revision of the last heartbeat.
    revision: u64,
}

/// A definition was created, changed or deleted.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
#[schema(as = DefinitionData)]
struct DefinitionDocument {
    service_name: String,
    /// The definition; null when it was deleted.
    service: Option<Definition>,
    revision: u64,
}

/// The connection to the bucket of instances changed, or with `definitions_state` that to the bucket of definitions.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
struct StateData {
    /// `live`, `unavailable` or `bucket_missing`.
    #[schema(example = "live")]
    state: String,
    /// When it changed, in UTC.
    at: String,
}

/// The schemas of the data, to which no other schema refers.
pub(super) fn data_schemas() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(
        PositionData,
        PingData,
        PutDocument,
        RemovedData,
        StaleData,
        DefinitionDocument,
        StateData
    )))]
    struct DataSchemas;
    DataSchemas::openapi()
}

/// Follow the registry
///
/// The first event is `snapshot`. Read the lists when it arrives, then apply the changes. A client that sends `Last-Event-ID`
/// gets the events after that one, or `resync` if they are not available.
#[utoipa::path(
    get, path = "/api/events", operation_id = "followEvents", tag = "events",
    params(("Last-Event-ID" = Option<i64>, Header, description = "Resume after this event")),
    responses(
        (status = 200, description = "The events", body = ServerSentEvent, content_type = "text/event-stream"),
    ),
)]
pub(super) async fn follow(
    State(api): State<Arc<Api>>,
    slot: RequestSlot,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let subscription = Subscription::new(&api.cache, last_event_id(&headers)?);
    let events = stream::unfold(subscription, |mut subscription| async {
        let event = event(subscription.next().await);
        Some((event, subscription))
    });
    Ok(event_stream(&api.streams, &slot, events, ping)?)
}

fn event(notice: Notice) -> Event {
    let (name, id, data) = match notice {
        Notice::Snapshot { position } => ("snapshot", position, position_data(position)),
        Notice::Resync { position } => ("resync", position, position_data(position)),
        Notice::Change { id, event } => (event.name(), id, event.data()),
    };
    Event::default().event(name).id(id.to_string()).data(data)
}

fn position_data(position: i64) -> String {
    json!({ "position": position }).to_string()
}

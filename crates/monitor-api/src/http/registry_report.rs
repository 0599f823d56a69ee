//! The state of the registry as operators need it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::with_freshness;
use super::api::Api;
use crate::domain::backend::BucketInfo;
use crate::domain::clock::utc_text;
use crate::domain::connection::{Bucket, Connection, NotSyncedError};
use crate::domain::definition::StoredDefinition;
use crate::domain::queries::{InstanceRow, RegistryCounts};
use crate::domain::state::CopyFailure;
use crate::domain::unreadable::UnreadableKey;

/// The state of the registry.
#[derive(Serialize, ToSchema)]
pub(super) struct RegistryDocument {
    connection: ConnectionDocument,
    /// The settings and the size of the bucket; null while they are unknown.
    bucket: Option<BucketInfo>,
    counts: CountsDocument,
    /// All instances, including stale ones, ordered by service and id.
    instances: Vec<InstanceRowDocument>,
    definitions: Vec<DefinitionRowDocument>,
    /// The first 100 entries that can't be read.
    unreadable: Vec<UnreadableDocument>,
    /// Why definitions can't be copied to the bucket of instances; null if they can. As these copies are the only writes of this
    /// service to that bucket, heartbeats may fail for the same reason.
    copy_failure: Option<CopyFailureDocument>,
}

#[derive(Serialize, ToSchema)]
struct ConnectionDocument {
    /// `connecting`, `live`, `bucket_missing` or `unavailable`.
    state: &'static str,
    /// The last moment at which the state was known to be complete; null while NATS is available.
    unavailable_since: Option<String>,
    /// The same of the bucket of the definitions.
    definitions_state: &'static str,
    nats_url: String,
    /// What prevents the use of NATS: no connection, no JetStream, subjects that its permissions deny to this service.
    problems: Vec<String>,
    reconnects: u64,
    resyncs: u64,
    /// Messages of the bucket that are not applied yet.
    lag: u64,
}

#[derive(Serialize, ToSchema)]
struct CountsDocument {
    total: usize,
    active: usize,
    standby: usize,
    unhealthy: usize,
    shutdown: usize,
    /// Hidden instances, which are not in `total`.
    stale: usize,
    services: usize,
    definitions: usize,
    unreadable: usize,
}

#[derive(Serialize, ToSchema)]
struct InstanceRowDocument {
    service_name: String,
    instance_id: String,
    version: String,
    status: &'static str,
    /// The age of the last heartbeat by the clock of this service; 0 for one in the future.
    age_seconds: f64,
    /// The heartbeat's time minus the time at which NATS stored it.
    clock_skew_seconds: f64,
    revision: u64,
    stale: bool,
    key: String,
}

#[derive(Serialize, ToSchema)]
struct DefinitionRowDocument {
    service_name: String,
    owner: String,
    version: String,
    updated_at: String,
    revision: u64,
}

#[derive(Serialize, ToSchema)]
struct CopyFailureDocument {
    /// The number of definitions.
    definitions: usize,
    /// Since when, in UTC.
    since: String,
    problem: String,
}

#[derive(Serialize, ToSchema)]
struct UnreadableDocument {
    key: String,
    revision: u64,
    problem: String,
}

/// Get the state of the registry
///
/// For operators: the connection, the bucket, and every entry, whether or not the lists contain it. It is available even if NATS
/// has never answered.
#[utoipa::path(
    get, path = "/api/registry", operation_id = "getRegistry", tag = "registry",
    responses((status = 200, description = "The state", body = RegistryDocument)),
)]
pub(super) async fn get(State(api): State<Arc<Api>>) -> Response {
    let (contents, freshness) =
        api.cache.inspect(|state, now| (state.contents(now), state.bucket(Bucket::Instances).freshness(now)));
    let document = RegistryDocument {
        connection: connection(&api),
        bucket: api.backend.bucket(),
        counts: contents.counts.into(),
        instances: contents.instances.into_iter().map(Into::into).collect(),
        definitions: contents.definitions.into_iter().map(Into::into).collect(),
        unreadable: contents.unreadable.into_iter().map(Into::into).collect(),
        copy_failure: contents.copy_failure.map(Into::into),
    };
    let response = Json(document).into_response();
    match freshness {
        Ok(freshness) => with_freshness(freshness, response),
        Err(NotSyncedError) => response,
    }
}

fn connection(api: &Api) -> ConnectionDocument {
    let connection = api.connection();
    let counters = api.backend.watch_counters();
    let unavailable_since = match connection {
        Connection::Unavailable { since } => Some(utc_text(since)),
        Connection::Connecting | Connection::Live | Connection::BucketMissing => None,
    };
    ConnectionDocument {
        state: connection.as_str(),
        unavailable_since,
        definitions_state: api.cache.connection(Bucket::Definitions).as_str(),
        nats_url: api.deployment.nats_url.clone(),
        problems: api.backend.problems(),
        reconnects: counters.reconnects,
        resyncs: counters.resyncs,
        lag: counters.lag,
    }
}

impl From<RegistryCounts> for CountsDocument {
    fn from(counts: RegistryCounts) -> Self {
        let RegistryCounts { visible, active, standby, unhealthy, shutdown, .. } = counts;
        let RegistryCounts { stale, services, definitions, unreadable, .. } = counts;
        Self {
            total: visible,
            active,
            standby,
            unhealthy,
            shutdown,
            stale,
            services,
            definitions,
            unreadable,
        }
    }
}

impl From<InstanceRow> for InstanceRowDocument {
    fn from(row: InstanceRow) -> Self {
        Self {
            service_name: row.entry.service.to_string(),
            instance_id: row.entry.id.to_string(),
            version: row.entry.version.to_string(),
            status: row.entry.status.as_str(),
            age_seconds: row.age_seconds,
            clock_skew_seconds: row.entry.clock_skew_seconds(),
            revision: row.entry.revision,
            stale: row.is_stale,
            key: row.key,
        }
    }
}

impl From<StoredDefinition> for DefinitionRowDocument {
    fn from(StoredDefinition { definition, revision }: StoredDefinition) -> Self {
        Self {
            service_name: definition.service_name,
            owner: definition.owner,
            version: definition.version,
            updated_at: definition.updated_at,
            revision,
        }
    }
}

impl From<CopyFailure> for CopyFailureDocument {
    fn from(CopyFailure { definitions, since, problem }: CopyFailure) -> Self {
        Self { definitions, since: utc_text(since), problem }
    }
}

impl From<(String, UnreadableKey)> for UnreadableDocument {
    fn from((key, UnreadableKey { revision, problem }): (String, UnreadableKey)) -> Self {
        Self { key, revision, problem }
    }
}

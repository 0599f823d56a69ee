//! The registry in NATS: follows the buckets into the cache, and stores definitions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use registry_client::bucket_watch::{BucketEvent, BucketReport, BucketState, BucketWatch, Removal};
use registry_client::connection::{NatsConnection, NatsSettings, NatsSettingsError};
use registry_client::key::EntryKind;
use tokio::task::JoinSet;

use crate::domain::backend::{BucketInfo, RegistryBackend, WatchCounters};
use crate::domain::cache::RegistryCache;
use crate::domain::connection::{Bucket, Connection};
use crate::domain::definition::{Definition, StoredDefinition};
use crate::domain::definition_store::{DefinitionStore, StoreError};
use crate::domain::event::RemovalReason;
use crate::domain::state::Write;

/// The connected registry. Its tasks end when it is dropped.
pub struct Registry {
    /// Stores definitions.
    pub store: Arc<dyn DefinitionStore>,
    /// Reports the state of NATS.
    pub backend: Arc<dyn RegistryBackend>,
    /// The address of NATS without credentials.
    pub nats_url: String,
    _tasks: JoinSet<()>,
}

/// Starts to follow the buckets into the cache. It does not wait for NATS.
///
/// # Errors
/// When a setting can't be used.
pub async fn start(
    settings: &NatsSettings,
    instances_bucket: &str,
    definitions_bucket: &str,
    cache: &Arc<RegistryCache>,
) -> Result<Registry, NatsSettingsError> {
    let connection = NatsConnection::start(settings).await?;
    let instances = BucketWatch::new(&connection, instances_bucket);
    let definitions = BucketWatch::new(&connection, definitions_bucket);
    let report = instances.report();
    let mut tasks = JoinSet::new();
    let sink = Arc::clone(cache);
    tasks.spawn(instances.run(move |event| apply(&sink, Bucket::Instances, event)));
    let sink = Arc::clone(cache);
    tasks.spawn(definitions.run(move |event| apply(&sink, Bucket::Definitions, event)));
    let nats_url = connection.redacted_url().to_owned();
    let backend = Arc::new(NatsBackend { connection, report, bucket: instances_bucket.to_owned() });
    Ok(Registry { store: Arc::new(NoStore), backend, nats_url, _tasks: tasks })
}

fn apply(cache: &RegistryCache, bucket: Bucket, event: BucketEvent<'_>) {
    match (bucket, event) {
        (Bucket::Instances, BucketEvent::Put(put)) if EntryKind::of(put.key) == EntryKind::Definition => {}
        (bucket, BucketEvent::Put(put)) => {
            let (key, value, revision) = (put.key, put.value, put.revision);
            let write = Write { key, value, revision, stored_at: put.stored_at };
            match bucket {
                Bucket::Instances => cache.put_instance(write),
                Bucket::Definitions => cache.put_definition(write),
            }
        }
        (Bucket::Instances, BucketEvent::Removed { key, revision, reason }) => {
            let reason = match reason {
                Removal::Deleted => RemovalReason::Deleted,
                Removal::Expired => RemovalReason::Expired,
                Removal::Swept => RemovalReason::Swept,
            };
            cache.remove_instance(key, revision, reason);
        }
        (Bucket::Definitions, BucketEvent::Removed { key, revision, .. }) => {
            cache.remove_definition(key, revision);
        }
        (bucket, BucketEvent::State(state)) => {
            let connection = match state {
                BucketState::Connecting => Connection::Connecting,
                BucketState::Live => Connection::Live,
                BucketState::Missing => Connection::BucketMissing,
                BucketState::Unavailable { since } => Connection::Unavailable { since },
            };
            cache.set_connection(bucket, connection);
        }
    }
}

struct NatsBackend {
    connection: NatsConnection,
    report: BucketReport,
    bucket: String,
}

#[async_trait]
impl RegistryBackend for NatsBackend {
    async fn latency(&self) -> Option<Duration> {
        self.connection.latency().await
    }

    fn bucket(&self) -> Option<BucketInfo> {
        let info = self.report.info()?;
        Some(BucketInfo {
            name: self.bucket.clone(),
            max_age_seconds: info.max_age.as_secs_f64(),
            history: info.history,
            replicas: info.replicas,
            bytes: info.bytes,
            messages: info.messages,
            last_revision: info.last_revision,
        })
    }

    fn watch_counters(&self) -> WatchCounters {
        let reconnects = self.connection.link().borrow().connections.saturating_sub(1);
        WatchCounters { resyncs: self.report.resyncs(), reconnects, lag: self.report.lag() }
    }
}

/// Definitions can't be stored yet.
struct NoStore;

impl NoStore {
    fn error<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable("definitions can't be stored yet".to_owned()))
    }
}

#[async_trait]
impl DefinitionStore for NoStore {
    async fn read(&self, _: &str) -> Result<Option<StoredDefinition>, StoreError> {
        Self::error()
    }

    async fn create(&self, _: &Definition) -> Result<u64, StoreError> {
        Self::error()
    }

    async fn replace(&self, _: &Definition, _: u64) -> Result<u64, StoreError> {
        Self::error()
    }

    async fn delete(&self, _: &str, _: u64) -> Result<(), StoreError> {
        Self::error()
    }
}

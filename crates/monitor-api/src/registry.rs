//! The registry in NATS: follows the buckets into the cache, stores definitions, and copies them to the bucket of instances.

mod backend;
mod bucket_contents;
mod bucket_writer;
mod definition_bucket;
mod follow;
mod mirror;
mod mirror_plan;
mod mirrored_keys;

use std::sync::Arc;

use registry_client::bucket_watch::BucketWatch;
use registry_client::connection::{NatsConnection, NatsSettings, NatsSettingsError};
use tokio::task::JoinSet;

use self::backend::NatsBackend;
use self::bucket_writer::BucketWriter;
use self::definition_bucket::DefinitionBucket;
use self::mirror::Mirror;
use self::mirrored_keys::MirroredKeys;
use crate::domain::backend::RegistryBackend;
use crate::domain::cache::RegistryCache;
use crate::domain::definition_store::DefinitionStore;

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
    let (instances_report, definitions_report) = (instances.report(), definitions.report());

    let store = Arc::new(DefinitionBucket::new(
        BucketWriter::new(&connection, definitions_bucket),
        instances_report.clone(),
        definitions_report.clone(),
        Arc::clone(cache),
    ));
    let keys = Arc::new(MirroredKeys::default());
    let mirror = Mirror {
        cache: Arc::clone(cache),
        keys: Arc::clone(&keys),
        store: Arc::clone(&store),
        copies: BucketWriter::new(&connection, instances_bucket),
        report: instances_report.clone(),
    };

    let mut tasks = JoinSet::new();
    tasks.spawn(instances.run(follow::instances(Arc::clone(cache), Arc::clone(&keys))));
    tasks.spawn(definitions.run(follow::definitions(Arc::clone(cache), keys)));
    tasks.spawn(mirror.run());
    let nats_url = connection.redacted_url().to_owned();
    let backend =
        Arc::new(NatsBackend::new(connection, instances_report, definitions_report, instances_bucket));
    Ok(Registry { store, backend, nats_url, _tasks: tasks })
}

//! The registry's bucket as services write it.

use std::time::Duration;

use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use async_nats::jetstream::{self, Context};
use jiff::Timestamp;
use registry_client::bucket::NewBucket;
use registry_client::key::instance_key;
use serde_json::json;
use testkit::nats::NatsServer;

pub(crate) const BUCKET: &str = "service_registry";
const TIMEOUT: Duration = Duration::from_secs(30);

/// The registry's bucket of a server.
pub(crate) struct RegistryBucket {
    pub(crate) jetstream: Context,
    pub(crate) store: Store,
}

impl RegistryBucket {
    /// Creates the bucket on one server. Entries expire after `max_age`; zero: never.
    pub(crate) async fn create(server: &NatsServer, max_age: Duration) -> Self {
        Self::create_on(&server.url(), max_age, 1).await
    }

    /// Creates the bucket with this number of replicas.
    pub(crate) async fn create_on(url: &str, max_age: Duration, replicas: usize) -> Self {
        let jetstream = jetstream_of(url).await;
        let config = NewBucket { max_age, history: 1, replicas }.stream_config(BUCKET);
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        while let Err(error) = jetstream.create_stream(config.clone()).await {
            assert!(tokio::time::Instant::now() < deadline, "{error}");
        }
        let store = jetstream.get_key_value(BUCKET).await.unwrap();
        // In a cluster, the servers learn of a new stream one after the other. The condition of this update never holds,
        // so it writes nothing.
        while let Err(error) = store.update("a", "".into(), 1_000_000).await {
            if error.kind() == UpdateErrorKind::WrongLastRevision {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{error}");
        }
        Self { jetstream, store }
    }

    /// Connects to the existing bucket.
    pub(crate) async fn open(server: &NatsServer) -> Self {
        let jetstream = jetstream_of(&server.url()).await;
        let store = jetstream.get_key_value(BUCKET).await.unwrap();
        Self { jetstream, store }
    }

    /// Writes an entry as the services do.
    pub(crate) async fn register(&self, service: &str, id: &str) {
        self.put(&instance_key(service, id), &entry(service, id, "ACTIVE")).await;
    }

    pub(crate) async fn put(&self, key: &str, value: &str) {
        self.store.put(key, value.to_owned().into()).await.unwrap();
    }

    pub(crate) async fn deregister(&self, service: &str, id: &str) {
        self.store.delete(instance_key(service, id)).await.unwrap();
    }
}

/// JetStream of the servers at this URL.
pub(crate) async fn jetstream_of(url: &str) -> Context {
    let servers: Vec<String> = url.split(',').map(str::to_owned).collect();
    jetstream::new(async_nats::connect(servers).await.unwrap())
}

/// The value of an instance's key, with a heartbeat of this moment.
pub(crate) fn entry(service: &str, id: &str, status: &str) -> String {
    let now = Timestamp::now().to_string();
    json!({
        "serviceName": service, "instanceId": id, "version": "1.0.0", "status": status, "lastHeartbeat": now,
        "stickyActiveGroup": null, "metadata": {"start_time": now},
    })
    .to_string()
}

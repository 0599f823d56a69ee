//! The registry's bucket, written as the stack's SDK writes it, and read as the replaced system reads it.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use registry_client::bucket::NewBucket;
use registry_client::key::instance_key;
use serde_json::json;
use testkit::nats::NatsServer;

const BUCKET: &str = "service_registry";
/// The number of services that the instances belong to.
const SERVICES: usize = 20;
/// Puts that wait for their confirmation at the same time, while the bucket is filled.
const CONCURRENT_PUTS: usize = 64;

/// The registry's bucket of a server.
pub(crate) struct BenchBucket {
    jetstream: Context,
    store: Store,
}

impl BenchBucket {
    /// Creates the bucket. Entries expire after `max_age`; zero: never.
    pub(crate) async fn create(server: &NatsServer, max_age: Duration) -> Self {
        let client = async_nats::connect(server.url()).await.expect("the server accepts connections");
        let jetstream = jetstream::new(client);
        let config = NewBucket { max_age, ..NewBucket::default() }.stream_config(BUCKET);
        jetstream.create_stream(config).await.expect("the bucket is created");
        let store = jetstream.get_key_value(BUCKET).await.expect("the bucket exists");
        Self { jetstream, store }
    }

    /// Registers this number of instances.
    pub(crate) async fn fill(&self, instances: usize) {
        let puts = (0..instances).map(|number| self.heartbeat(number));
        futures_util::stream::iter(puts).buffer_unordered(CONCURRENT_PUTS).count().await;
    }

    /// Sends a heartbeat of an instance, and returns its revision.
    pub(crate) async fn heartbeat(&self, number: usize) -> u64 {
        let (service, id) = names(number);
        let value = value(&service, &id, number);
        self.store.put(instance_key(&service, &id), value.into()).await.expect("the server confirms the put")
    }

    /// Reads the instances as the replaced system does for each request: it opens the bucket, lists its keys with a new
    /// consumer, and fetches each key.
    pub(crate) async fn read_each_key(&self) -> Vec<Bytes> {
        let store = self.jetstream.get_key_value(BUCKET).await.expect("the bucket exists");
        let keys: Vec<String> = store.keys().await.expect("keys").try_collect().await.expect("every key");
        let mut values = Vec::new();
        for key in keys {
            values.extend(store.get(key).await.expect("an answer"));
        }
        values
    }
}

fn names(number: usize) -> (String, String) {
    let service = format!("order-router-{:02}", number % SERVICES);
    let id = format!("{service}-{number:08x}");
    (service, id)
}

/// The value that the SDK writes, with a heartbeat of this moment.
fn value(service: &str, id: &str, number: usize) -> String {
    // The SDK writes microseconds and an offset.
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00");
    let metadata = json!({
        "start_time": "2026-11-28T04:10:00.123456+00:00",
        "host": format!("order-router-{number:08x}-7c9d8b5f6d-x2x4q"),
        "pid": 7,
        "region": "ap-southeast-1a",
        "sdk_version": "0.9.4",
        "sticky_active_status": "ACTIVE",
        "heartbeat_interval": 10,
        "endpoints": ["rpc.order-router.place", "rpc.order-router.cancel"],
        "tags": {"team": "execution", "tier": "critical"},
    });
    // In the order of the SDK, which a JSON map would not keep.
    format!(
        r#"{{"serviceName":"{service}","instanceId":"{id}","version":"2.14.1","status":"ACTIVE","lastHeartbeat":"{now}","stickyActiveGroup":null,"metadata":{metadata}}}"#
    )
}

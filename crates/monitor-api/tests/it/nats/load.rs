//! Many instances with frequent heartbeats.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use testkit::nats::{NatsServer, NatsVersion};

use super::registry_bucket::{RegistryBucket, entry};
use super::running_program::{ProgramResponse, RunningProgram};

const INSTANCES: usize = 10_000;
const HEARTBEATS: usize = 5_000;
/// Puts that wait for their confirmation at the same time.
const CONCURRENT_PUTS: usize = 50;

async fn put_all(bucket: &RegistryBucket, numbers: std::ops::Range<usize>) {
    let puts = numbers.map(|number| {
        let id = format!("order-router-{:05}", number % INSTANCES);
        async move {
            let key = registry_client::key::instance_key("order-router", &id);
            bucket.put(&key, &entry("order-router", &id, "ACTIVE")).await;
        }
    });
    futures_util::stream::iter(puts).buffer_unordered(CONCURRENT_PUTS).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_ten_thousand_instances_equals_the_bucket_after_many_heartbeats() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    put_all(&bucket, 0..INSTANCES).await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "300")]);
    let has_all = |response: &ProgramResponse| response.instance_ids().len() == INSTANCES;
    program.until("/api/instances", "complete", has_all).await;
    put_all(&bucket, 0..HEARTBEATS).await;
    let stream = bucket.jetstream.get_stream("KV_service_registry").await.unwrap();
    let last_revision = stream.cached_info().state.last_sequence;
    let is_applied = |response: &ProgramResponse| {
        let instances = response.body["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
        instances.iter().any(|instance| instance["revision"] == last_revision)
    };
    program.until("/api/registry", "at the last revision", is_applied).await;
    let list = program.get("/api/instances").await;
    assert_eq!(list.instance_ids().len(), INSTANCES);
    for instance in list.body.as_array().unwrap().iter().step_by(97) {
        let id = instance["instanceId"].as_str().unwrap();
        let key = registry_client::key::instance_key("order-router", id);
        let stored: Value = serde_json::from_slice(&bucket.store.get(key).await.unwrap().unwrap()).unwrap();
        assert_eq!(*instance, stored);
    }
    assert_eq!(program.get("/api/registry").await.body["connection"]["resyncs"], 0);
}

//! Instances that appear, die and deregister, and entries that are not instances.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use testkit::nats::{NatsServer, NatsVersion};

use super::registry_bucket::{RegistryBucket, entry};
use super::running_program::{ProgramResponse, RunningProgram};

#[tokio::test]
async fn instances_appear_at_once_and_disappear_when_they_deregister_or_die() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "2")]);
    program.until_live().await;
    bucket.register("order-router", "dies").await;
    bucket.register("order-router", "leaves").await;
    program.until_instances(&["dies", "leaves"]).await;
    bucket.deregister("order-router", "leaves").await;
    program.until_instances(&["dies"]).await;
    program.until_instances(&[]).await;
    let registry = program.get("/api/registry").await;
    assert_eq!(registry.body["counts"]["stale"], 1, "{registry:?}");
}

#[tokio::test]
async fn an_instance_whose_entry_expires_disappears() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::from_secs(1)).await;
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    bucket.register("order-router", "a").await;
    program.until_instances(&["a"]).await;
    program.until_instances(&[]).await;
    assert_eq!(program.get("/api/registry").await.body["instances"], json!([]));
}

#[tokio::test]
async fn every_form_of_an_entry_is_listed_and_garbage_is_counted() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let now = Timestamp::now();
    let key = |id: &str| format!("service-instances__order-router__{id}");
    let snake_case = json!({
        "service_name": "order-router", "instance_id": "snake", "status": "STANDBY",
        "last_heartbeat": now.as_second(), "lifecycle_state": "STARTED",
    });
    bucket.put(&key("a__b"), &entry("order-router", "a__b", "SHUTDOWN")).await;
    bucket.put(&key("snake"), &snake_case.to_string()).await;
    bucket.put(&key("other_key"), &entry("order-router", "named", "ACTIVE")).await;
    bucket.put(&key("garbage"), "{").await;
    bucket.put(&key("array"), "[]").await;
    bucket.put(&key("empty"), "").await;
    bucket.put(&key("large"), &"x".repeat(1_000_000)).await;
    let program = RunningProgram::start(&server.url(), &[]);
    let response = program.until_instances(&["a__b", "named", "snake"]).await;
    assert_eq!(response.body[2]["version"], "0.0.0");
    assert_eq!(response.body[2]["metadata"]["lifecycle_state"], "STARTED");
    let registry = program.get("/api/registry").await;
    assert_eq!(registry.body["counts"]["unreadable"], 4, "{registry:?}");
    let metrics = program.get("/metrics").await;
    let has_count = |response: &ProgramResponse| {
        response.body.as_str().is_some_and(|page| page.contains("monitor_api_unreadable_entries 4"))
    };
    assert!(has_count(&metrics), "{metrics:?}");
}

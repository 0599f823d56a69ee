//! NATS is absent, killed, paused, cut off or upgraded.

use std::time::Duration;

use testkit::nats::{NatsServer, NatsVersion};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

use super::registry_bucket::{BUCKET, RegistryBucket};
use super::running_program::{ProgramResponse, RunningProgram};

#[tokio::test]
async fn without_nats_the_program_serves_and_reports_it() {
    let mut server = NatsServer::stopped(NatsVersion::Pinned);
    let program = RunningProgram::start(&server.url(), &[]);
    let health = program.get("/health").await;
    assert_eq!((health.status.as_u16(), &health.body["status"]), (200, &"degraded".into()));
    assert_eq!(program.get("/ready").await.status, 503);
    for path in ["/api/instances", "/api/services", "/api/instances/health/summary"] {
        program.get(path).await.assert_error(503, "SERVICE_UNAVAILABLE");
    }
    program.define("order-router").await.assert_error(503, "SERVICE_UNAVAILABLE");
    server.restart();
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    program.until_instances(&["a"]).await;
    assert_eq!(program.get("/ready").await.status, 200);
    assert_eq!(program.get("/health").await.body["status"], "healthy");
}

#[tokio::test]
async fn a_missing_bucket_is_an_empty_list_and_the_program_is_ready() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let program = RunningProgram::start(&server.url(), &[]);
    let response = program.until_instances(&[]).await;
    assert_eq!(response.body, serde_json::json!([]));
    assert_eq!(program.get("/ready").await.status, 200);
    assert_eq!(program.define("order-router").await.status, 201, "the bucket of definitions is created");
}

async fn killed_and_back(version: NatsVersion) {
    let mut server = NatsServer::start(version);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "300")]);
    program.until_instances(&["a"]).await;
    assert_eq!(program.define("order-router").await.status, 201);
    server.kill();
    let stale = program.until("/api/instances", "stale", ProgramResponse::is_stale).await;
    assert_eq!(stale.instance_ids(), ["a"], "the last known state stays");
    let has_age = |response: &ProgramResponse| response.header("age").is_some_and(|age| age != "0");
    program.until("/api/services", "a second old", has_age).await;
    assert_eq!(program.get("/ready").await.status, 503);
    assert_eq!(program.get("/health").await.body["status"], "degraded");
    program.define("risk-engine").await.assert_error(503, "SERVICE_UNAVAILABLE");
    server.restart();
    program.until_live().await;
    RegistryBucket::open(&server).await.register("order-router", "b").await;
    program.until_instances(&["a", "b"]).await;
    assert_eq!(program.get("/api/services").await.service_names(), ["order-router"]);
    assert_eq!(program.define("risk-engine").await.status, 201);
}

#[tokio::test]
async fn the_program_survives_a_crash_of_the_pinned_server() {
    killed_and_back(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn the_program_survives_a_crash_of_debians_server() {
    killed_and_back(NatsVersion::Debian).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_reported_and_used_again() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "300")]);
    program.until_instances(&["a"]).await;
    server.pause();
    let stale = program.until("/api/instances", "stale", ProgramResponse::is_stale).await;
    assert_eq!(stale.instance_ids(), ["a"]);
    server.resume();
    program.until_live().await;
}

#[tokio::test]
async fn a_partition_is_an_outage_although_connections_stay_open() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let url = format!("nats://127.0.0.1:{}", proxy.port());
    let program = RunningProgram::start(&url, &[("STALE_THRESHOLD_SECONDS", "300")]);
    program.until_live().await;
    proxy.set_mode(ProxyMode::Silent);
    program.until("/api/instances", "stale", ProgramResponse::is_stale).await;
    bucket.register("order-router", "a").await;
    proxy.set_mode(ProxyMode::Closed);
    proxy.set_mode(ProxyMode::Open);
    program.until_instances(&["a"]).await;
}

#[tokio::test]
async fn a_bucket_that_is_deleted_and_created_again_is_followed() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    for id in ["a", "b", "c"] {
        bucket.register("order-router", id).await;
    }
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_instances(&["a", "b", "c"]).await;
    bucket.jetstream.delete_stream(format!("KV_{BUCKET}")).await.unwrap();
    program.until_instances(&[]).await;
    assert_eq!(program.get("/ready").await.status, 200);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "d").await;
    program.until_instances(&["d"]).await;
}

#[tokio::test]
async fn the_program_survives_an_upgrade_of_debians_store() {
    let mut server = NatsServer::start(NatsVersion::Debian);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "300")]);
    program.until_instances(&["a"]).await;
    assert_eq!(program.define("order-router").await.status, 201);
    server.restart_as(NatsVersion::Pinned);
    RegistryBucket::open(&server).await.register("order-router", "b").await;
    program.until_instances(&["a", "b"]).await;
    assert_eq!(program.get("/api/services").await.service_names(), ["order-router"]);
}

//! Accounts without JetStream and users without permissions: the reason is visible where operators look.

use std::time::Duration;

use reqwest::Method;
use testkit::nats::{NatsServer, NatsVersion};

use super::registry_bucket::RegistryBucket;
use super::running_program::{ProgramResponse, RunningProgram};

/// The permissions that docs/DEPLOY.md gives to the user of monitor-api.
const LEAST: &str = r#"permissions: {
      publish: [
        "$JS.API.INFO"
        "$JS.API.STREAM.INFO.KV_service_registry", "$JS.API.STREAM.INFO.KV_service_definitions"
        "$JS.API.STREAM.CREATE.KV_service_definitions"
        "$JS.API.STREAM.MSG.GET.KV_service_registry", "$JS.API.STREAM.MSG.GET.KV_service_definitions"
        "$JS.API.DIRECT.GET.KV_service_registry.>", "$JS.API.DIRECT.GET.KV_service_definitions.>"
        "$JS.API.CONSUMER.*.KV_service_registry", "$JS.API.CONSUMER.*.KV_service_definitions"
        "$JS.API.CONSUMER.*.KV_service_registry.>", "$JS.API.CONSUMER.*.KV_service_definitions.>"
        "$JS.API.CONSUMER.MSG.NEXT.KV_service_registry.>", "$JS.API.CONSUMER.MSG.NEXT.KV_service_definitions.>"
        "$KV.service_registry.*", "$KV.service_definitions.>"
      ]
      subscribe: ["_INBOX.>"]
    }"#;

/// The URL with the user of the program. Other clients need none.
fn monitor_url(server: &NatsServer) -> String {
    server.url().replace("nats://", "nats://monitor:m@")
}

#[tokio::test]
async fn denied_requests_for_messages_are_named_and_nothing_is_live() {
    let users = "no_auth_user: admin\nauthorization { users: [{user: admin, password: a}, {user: monitor, password: m, \
                 permissions: {publish: {deny: [\"$JS.API.CONSUMER.MSG.NEXT.>\"]}}}] }";
    let server = NatsServer::start_with(NatsVersion::Pinned, users);
    RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&monitor_url(&server), &[]);
    let denied = "NATS denies this client to publish to $JS.API.CONSUMER.MSG.NEXT.KV_service_registry.>;";
    let names_it = |response: &ProgramResponse| response.body.to_string().contains(denied);
    let ready = program.until("/ready", "the denied subject", names_it).await;
    ready.assert_error(503, "HEALTH_CHECK_FAILED");
    let registry = program.until("/api/registry", "the denied subject", names_it).await;
    assert_eq!(registry.body["connection"]["state"], "connecting", "{registry:?}");
    let detailed = program.get("/health/detailed").await;
    assert!(names_it(&detailed), "{detailed:?}");
    assert_eq!(detailed.body["dependencies"]["nats"]["status"], "unhealthy", "{detailed:?}");
    assert!(program.log().contains(denied), "{}", program.log());
}

#[tokio::test]
async fn denied_copies_of_definitions_are_named_although_the_registry_is_live() {
    let users = "no_auth_user: admin\nauthorization { users: [{user: admin, password: a}, {user: monitor, password: m, \
                 permissions: {publish: {deny: [\"$KV.service_registry.>\"]}}}] }";
    let server = NatsServer::start_with(NatsVersion::Pinned, users);
    RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&monitor_url(&server), &[]);
    program.until_live().await;
    assert_eq!(program.define("order-router").await.status, 201);
    let denied = "NATS denies this client to publish to $KV.service_registry.>;";
    let names_it = |response: &ProgramResponse| response.body.to_string().contains(denied);
    program.until("/api/registry", "the denied subject", names_it).await;
    assert_eq!(program.get("/ready").await.status, 200);
}

#[tokio::test]
async fn an_account_without_jetstream_is_reported() {
    let accounts = "accounts { A: { users: [{user: monitor, password: m}] }, \
                    B: { jetstream: enabled, users: [{user: admin, password: a}] } }";
    let server = NatsServer::start_with(NatsVersion::Pinned, accounts);
    let program = RunningProgram::start(&monitor_url(&server), &[]);
    let is_named =
        |response: &ProgramResponse| response.body.to_string().contains("JetStream is not enabled");
    program.until("/ready", "the reason", is_named).await;
    assert_eq!(program.get("/health/detailed").await.body["dependencies"]["nats"]["status"], "unhealthy");
}

#[tokio::test]
async fn the_documented_permissions_suffice_from_an_empty_server_on() {
    assert!(
        include_str!("../../../../../docs/DEPLOY.md").contains(LEAST),
        "docs/DEPLOY.md has other permissions"
    );
    let users = format!(
        "no_auth_user: admin\nauthorization {{ users: [{{user: admin, password: a}}, {{user: monitor, password: m, {LEAST}}}] }}"
    );
    let mut server = NatsServer::start_with(NatsVersion::Pinned, &users);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&monitor_url(&server), &[]);
    program.until_instances(&["a"]).await;
    assert_eq!(program.define("order-router").await.status, 201);
    let is_copied = async { while bucket.store.get("order-router").await.unwrap().is_none() {} };
    tokio::time::timeout(Duration::from_secs(30), is_copied).await.expect("the definition is copied in time");
    server.kill();
    server.restart();
    RegistryBucket::open(&server).await.register("order-router", "b").await;
    program.until_instances(&["a", "b"]).await;
    assert_eq!(program.send(Method::DELETE, "/api/services/order-router", None).await.status, 204);
    assert!(!program.log().contains("NATS denies"), "{}", program.log());
}

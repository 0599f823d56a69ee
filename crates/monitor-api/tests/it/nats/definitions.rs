//! Definitions: their own bucket, their copies, and those of other programs.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::nats::{NatsServer, NatsVersion};

use super::registry_bucket::RegistryBucket;
use super::running_program::{ProgramResponse, RunningProgram};

const SOURCE_HEADER: &str = "Tradeops-Definition-Revision";

/// Waits until the copy of a definition in the registry's bucket meets the condition.
pub(crate) async fn until_copy(
    bucket: &RegistryBucket,
    name: &str,
    condition: impl Fn(Option<&Value>) -> bool,
) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let value = bucket.store.get(name).await.unwrap();
        let value = value.map(|value| serde_json::from_slice(&value).unwrap());
        if condition(value.as_ref()) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "the copy of {name} is {value:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn copies_follow_the_definitions_and_outlive_the_maximum_age() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::from_secs(3)).await;
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    let created = program.define("order-router").await;
    assert_eq!(created.status, 201);
    until_copy(&bucket, "order-router", |copy| copy == Some(&created.body)).await;
    let first = bucket.store.entry("order-router").await.unwrap().unwrap().revision;
    // The copy is written again before it expires.
    let is_refreshed = async {
        while bucket
            .store
            .entry("order-router")
            .await
            .unwrap()
            .is_some_and(|entry| entry.revision < first + 3)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_refreshed).await.expect("it is refreshed");
    let changed =
        program.send(Method::PUT, "/api/services/order-router", Some(json!({"owner": "risk"}))).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    until_copy(&bucket, "order-router", |copy| copy == Some(&changed.body)).await;
    let stream = bucket.jetstream.get_stream("KV_service_registry").await.unwrap();
    let message = stream.get_last_raw_message_by_subject("$KV.service_registry.order-router").await.unwrap();
    assert!(message.headers.get(SOURCE_HEADER).is_some());
    assert_eq!(program.send(Method::DELETE, "/api/services/order-router", None).await.status, 204);
    until_copy(&bucket, "order-router", |copy| copy.is_none()).await;
}

#[tokio::test]
async fn a_definition_of_another_program_is_imported_once() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let foreign = json!({
        "service_name": "risk-engine", "owner": "risk", "description": "Checks limits", "version": "2.0.0",
        "created_at": "2026-02-10T16:00:00+08:00", "updated_at": "2026-02-10T16:00:00+08:00",
    });
    bucket.put("risk-engine", &foreign.to_string()).await;
    let program = RunningProgram::start(&server.url(), &[]);
    let has_it = |response: &ProgramResponse| response.service_names() == ["risk-engine"];
    let list = program.until("/api/services", "imported", has_it).await;
    assert_eq!(list.body[0]["created_at"], "2026-02-10T08:00:00.000000Z");
    assert_eq!(program.send(Method::DELETE, "/api/services/risk-engine", None).await.status, 204);
    until_copy(&bucket, "risk-engine", |copy| copy.is_none()).await;
    drop(program);
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    assert_eq!(program.get("/api/services").await.body, json!([]), "it is not imported again");
}

#[tokio::test]
async fn two_replicas_agree() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::from_secs(3)).await;
    let programs = [RunningProgram::start(&server.url(), &[]), RunningProgram::start(&server.url(), &[])];
    for program in &programs {
        program.until_live().await;
    }
    let create = programs.iter().map(|program| program.define("order-router"));
    let mut statuses: Vec<_> = futures_util::future::join_all(create)
        .await
        .iter()
        .map(|response| response.status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let has_it = |response: &ProgramResponse| response.service_names() == ["order-router"];
    for program in &programs {
        program.until("/api/services", "created", has_it).await;
    }
    assert_eq!(programs[1].send(Method::DELETE, "/api/services/order-router", None).await.status, 204);
    let is_empty = |response: &ProgramResponse| response.body == json!([]);
    programs[0].until("/api/services", "deleted", is_empty).await;
    until_copy(&bucket, "order-router", |copy| copy.is_none()).await;
}

#[tokio::test]
async fn a_name_of_an_instance_key_is_no_definition() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_instances(&["a"]).await;
    let path = "/api/services/service-instances__order-router__a";
    program.send(Method::DELETE, path, None).await.assert_error(404, "SERVICE_NOT_FOUND");
    program.until_instances(&["a"]).await;
}

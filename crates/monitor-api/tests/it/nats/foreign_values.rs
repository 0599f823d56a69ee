//! Other programs store their own values in the registry's bucket.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use testkit::nats::{NatsServer, NatsVersion};

use super::definitions::until_copy;
use super::registry_bucket::{RegistryBucket, entry};
use super::running_program::{ProgramResponse, RunningProgram};

#[tokio::test]
async fn values_that_are_no_definitions_are_counted_and_left_alone() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let values = [
        ("feature_flags", json!({ "x": 1, "enabled": true }).to_string()),
        ("misplaced", entry("misplaced", "misplaced-1", "ACTIVE")),
        ("other-name", json!({ "service_name": "different", "owner": "o" }).to_string()),
        ("lock", "plain text".to_owned()),
        ("risk-engine", json!({ "enabled": true }).to_string()),
    ];
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    for (key, value) in &values {
        bucket.put(key, value).await;
    }
    // A definition of the same name does not replace the value.
    assert_eq!(program.define("risk-engine").await.status, 201);
    let created = program.define("order-router").await;
    until_copy(&bucket, "order-router", |copy| copy == Some(&created.body)).await;
    let are_counted = |response: &ProgramResponse| response.body["counts"]["unreadable"] == 5;
    let report = program.until("/api/registry", "five unreadable keys", are_counted).await;
    let problems = report.body["unreadable"].as_array().unwrap();
    let problem = |key: &str| problems.iter().find(|one| one["key"] == key).unwrap()["problem"].to_string();
    assert!(problem("misplaced").contains("it is an instance"), "{problems:?}");
    assert!(problem("feature_flags").contains("neither service_name nor owner"), "{problems:?}");
    for (key, value) in &values {
        assert_eq!(bucket.store.get(*key).await.unwrap().unwrap(), value.as_bytes(), "{key}");
    }
    assert_eq!(program.get("/api/services").await.service_names(), ["order-router", "risk-engine"]);
    for (key, _) in &values {
        bucket.store.delete(*key).await.unwrap();
    }
    until_copy(&bucket, "risk-engine", |copy| copy.is_some_and(|copy| copy["owner"] == "trading")).await;
    let is_over = |response: &ProgramResponse| response.body["counts"]["unreadable"] == 0;
    program.until("/api/registry", "without unreadable keys", is_over).await;
}

#[tokio::test]
async fn a_definition_that_another_program_repeats_is_not_overwritten() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let value = json!({
        "service_name": "risk-engine", "owner": "risk", "description": "Checks limits", "version": "2.0.0",
        "created_at": "2026-02-10T08:00:00Z", "updated_at": "2026-02-10T08:00:00Z", "team_channel": "#risk",
    });
    bucket.put("risk-engine", &value.to_string()).await;
    let program = RunningProgram::start(&server.url(), &[]);
    let has_it = |response: &ProgramResponse| response.service_names() == ["risk-engine"];
    program.until("/api/services", "imported", has_it).await;
    bucket.put("risk-engine", &value.to_string()).await;
    let created = program.define("order-router").await;
    until_copy(&bucket, "order-router", |copy| copy == Some(&created.body)).await;
    let kept: Value =
        serde_json::from_slice(&bucket.store.get("risk-engine").await.unwrap().unwrap()).unwrap();
    assert_eq!(kept, value, "with the fields that only the other program uses");
}

#[tokio::test]
async fn keys_of_other_programs_cost_no_requests() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    for number in 0..200 {
        bucket.put(&format!("lock_{number}"), "plain text").await;
    }
    let mut requests = bucket.jetstream.client().subscribe("$JS.API.STREAM.MSG.GET.>").await.unwrap();
    bucket.jetstream.client().flush().await.unwrap();
    for number in 0..200 {
        bucket.put(&format!("lock_{number}"), "another text").await;
    }
    let created = program.define("order-router").await;
    until_copy(&bucket, "order-router", |copy| copy == Some(&created.body)).await;
    let are_counted = |response: &ProgramResponse| response.body["counts"]["unreadable"] == 200;
    program.until("/api/registry", "200 unreadable keys", are_counted).await;
    bucket.jetstream.client().flush().await.unwrap();
    requests.unsubscribe().await.unwrap();
    let count = requests.count().await;
    assert!((1..20).contains(&count), "{count} requests");
}

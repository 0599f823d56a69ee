//! The bucket of definitions is deleted, has other settings, or can't be copied.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use registry_client::bucket::NewBucket;
use reqwest::Method;
use testkit::nats::{NatsServer, NatsVersion};

use super::definitions::until_copy;
use super::registry_bucket::{BUCKET, RegistryBucket, jetstream_of};
use super::running_program::{ProgramResponse, RunningProgram};

const DEFINITIONS: &str = "KV_service_definitions";

fn has_both(response: &ProgramResponse) -> bool {
    response.service_names() == ["order-router", "risk-engine"]
}

/// Creates two definitions, and a third one that is deleted. Returns when the copies are as the definitions are.
async fn define_two(program: &RunningProgram, bucket: &RegistryBucket) -> ProgramResponse {
    program.until_live().await;
    for name in ["order-router", "risk-engine", "deleted"] {
        assert_eq!(program.define(name).await.status, 201);
        until_copy(bucket, name, |copy| copy.is_some()).await;
    }
    assert_eq!(program.send(Method::DELETE, "/api/services/deleted", None).await.status, 204);
    until_copy(bucket, "deleted", |copy| copy.is_none()).await;
    program.get("/api/services").await
}

/// Waits until the program has created the bucket of definitions again.
async fn until_created(bucket: &RegistryBucket) {
    let is_created = async {
        while bucket.jetstream.get_stream(DEFINITIONS).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_created).await.expect("it is created again");
}

#[tokio::test]
async fn the_definitions_of_a_deleted_bucket_are_restored() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let programs = [RunningProgram::start(&server.url(), &[]), RunningProgram::start(&server.url(), &[])];
    let before = define_two(&programs[0], &bucket).await;
    assert!(has_both(&before), "{before:?}");
    bucket.jetstream.delete_stream(DEFINITIONS).await.unwrap();
    until_created(&bucket).await;
    for program in &programs {
        let after = program.until("/api/services", "restored", has_both).await;
        assert_eq!(after.body, before.body);
    }
    for name in ["order-router", "risk-engine"] {
        until_copy(&bucket, name, |copy| copy.is_some()).await;
    }
}

#[tokio::test]
async fn definitions_are_restored_from_memory_if_both_buckets_are_deleted() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&server.url(), &[]);
    let before = define_two(&program, &bucket).await;
    bucket.jetstream.delete_stream(format!("KV_{BUCKET}")).await.unwrap();
    bucket.jetstream.delete_stream(DEFINITIONS).await.unwrap();
    until_created(&bucket).await;
    let after = program.until("/api/services", "restored", has_both).await;
    assert_eq!(after.body, before.body);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    until_copy(&bucket, "risk-engine", |copy| copy.is_some()).await;
}

#[tokio::test]
async fn definitions_are_restored_from_their_copies_by_a_program_that_never_read_them() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&server.url(), &[]);
    let before = define_two(&program, &bucket).await;
    drop(program);
    bucket.jetstream.delete_stream(DEFINITIONS).await.unwrap();
    let program = RunningProgram::start(&server.url(), &[]);
    let after = program.until("/api/services", "restored", has_both).await;
    assert_eq!(after.body, before.body);
}

async fn settings_are_corrected(version: NatsVersion) {
    let server = NatsServer::start(version);
    let jetstream = jetstream_of(&server.url()).await;
    let config = Config {
        name: DEFINITIONS.to_owned(),
        subjects: vec!["$KV.service_definitions.>".to_owned()],
        max_age: Duration::from_hours(1),
        max_messages: 3,
        max_messages_per_subject: 1,
        discard: DiscardPolicy::Old,
        allow_rollup: true,
        ..Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let definition = r#"{"service_name":"zero","owner":"trading"}"#;
    jetstream.publish("$KV.service_definitions.zero", definition.into()).await.unwrap().await.unwrap();
    let program = RunningProgram::start(&server.url(), &[]);
    let is_corrected = async {
        loop {
            let stream = jetstream.get_stream(DEFINITIONS).await.unwrap();
            let config = &stream.cached_info().config;
            if config.max_age.is_zero() && config.discard == DiscardPolicy::New {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let corrected = tokio::time::timeout(Duration::from_secs(20), is_corrected).await;
    assert!(corrected.is_ok(), "{}", program.log());
    program.until_live().await;
    for name in ["one", "two"] {
        assert_eq!(program.define(name).await.status, 201);
    }
    program.define("three").await.assert_error(500, "KV_STORE_ERROR");
    assert_eq!(program.get("/api/services").await.service_names(), ["one", "two", "zero"]);
}

#[tokio::test]
async fn a_bucket_that_would_lose_definitions_is_corrected() {
    settings_are_corrected(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn a_bucket_of_debians_server_that_would_lose_definitions_is_corrected() {
    settings_are_corrected(NatsVersion::Debian).await;
}

/// Names a bucket of another program in `DEFINITIONS_BUCKET`, with a definition to import in the bucket of instances.
async fn is_left_alone(max_age: Duration, sessions: &[&str]) {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.put("risk-engine", r#"{"service_name":"risk-engine","owner":"risk"}"#).await;
    let config = NewBucket { max_age, ..NewBucket::default() }.stream_config("sessions");
    bucket.jetstream.create_stream(config).await.unwrap();
    for key in sessions {
        let session = r#"{"user":"alice"}"#;
        bucket.jetstream.publish(format!("$KV.sessions.{key}"), session.into()).await.unwrap().await.unwrap();
    }
    let before = bucket.jetstream.get_stream("KV_sessions").await.unwrap().cached_info().clone();
    let program = RunningProgram::start(&server.url(), &[("DEFINITIONS_BUCKET", "sessions")]);
    let is_reported = |response: &ProgramResponse| {
        response.body["status"] == "degraded" && response.body.to_string().contains("DEFINITIONS_BUCKET")
    };
    program.until("/readyz", "degraded by the bucket", is_reported).await;
    let report = program.get("/api/registry").await;
    let problem = report.body["copy_failure"]["problem"].as_str().unwrap();
    assert!(problem.contains("DEFINITIONS_BUCKET names the bucket sessions"), "{problem}");
    assert!(program.log().contains("DEFINITIONS_BUCKET names the bucket sessions"), "{}", program.log());
    let response = program.define("order-router").await;
    response.assert_error(500, "KV_STORE_ERROR");
    assert!(response.body.to_string().contains("DEFINITIONS_BUCKET"), "{response:?}");
    let after = bucket.jetstream.get_stream("KV_sessions").await.unwrap().cached_info().clone();
    assert_eq!(after.config, before.config);
    assert_eq!(after.state.last_sequence, before.state.last_sequence);
}

#[tokio::test]
async fn an_empty_bucket_whose_entries_expire_is_left_alone() {
    is_left_alone(Duration::from_mins(1), &[]).await;
}

#[tokio::test]
async fn a_bucket_of_another_program_is_left_alone() {
    is_left_alone(Duration::from_mins(1), &["a"]).await;
    is_left_alone(Duration::ZERO, &["a", "b"]).await;
}

#[tokio::test]
async fn a_registry_that_stores_nothing_is_reported_until_it_does() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    bucket.register("order-router", "a").await;
    let limited = |max_messages: i64| {
        let jetstream = bucket.jetstream.clone();
        async move {
            let stream = jetstream.get_stream(format!("KV_{BUCKET}")).await.unwrap();
            let config = Config { max_messages, ..stream.cached_info().config.clone() };
            jetstream.update_stream(config).await.unwrap();
        }
    };
    limited(1).await;
    let program = RunningProgram::start(&server.url(), &[]);
    program.until_instances(&["a"]).await;
    assert_eq!(program.define("order-router").await.status, 201);
    let fails = |response: &ProgramResponse| response.body["copy_failure"]["definitions"] == 1;
    let report = program.until("/api/registry", "a failure of copies", fails).await;
    let problem = report.body["copy_failure"]["problem"].as_str().unwrap();
    assert!(problem.contains("maximum messages exceeded"), "{problem}");
    let ready = program.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &"degraded".into()));
    assert!(ready.body.to_string().contains("maximum messages exceeded"), "{ready:?}");
    assert_eq!(program.get("/health").await.body["status"], "degraded");
    limited(-1).await;
    until_copy(&bucket, "order-router", |copy| copy.is_some()).await;
    let is_over = |response: &ProgramResponse| response.body["copy_failure"].is_null();
    program.until("/api/registry", "without a failure", is_over).await;
    let warnings = program.log().matches("definitions can't be copied").count();
    assert_eq!(warnings, 1, "{}", program.log());
}

#[tokio::test]
async fn a_write_that_nats_does_not_confirm_may_have_been_made() {
    let permissions = r#"authorization { users: [{ user: u, password: p, permissions: { publish: { deny: ["$KV.>"] } } }] }"#;
    let server = NatsServer::start_with(NatsVersion::Pinned, permissions);
    let program = RunningProgram::start(&server.url().replace("nats://", "nats://u:p@"), &[]);
    program.until_live().await;
    let response = program.define("order-router").await;
    response.assert_error(503, "SERVICE_UNAVAILABLE");
    let message = response.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("it may have been made. Read the service before you repeat"), "{message}");
}

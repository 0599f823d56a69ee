//! Three servers.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testkit::nats::{NatsCluster, NatsVersion};

use super::registry_bucket::RegistryBucket;
use super::running_program::{ProgramResponse, RunningProgram};

/// How long a write may be retried.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);

async fn retry_until_stored(program: &RunningProgram, name: &str) {
    let deadline = Instant::now() + WRITE_TIMEOUT;
    loop {
        let response = program.define(name).await;
        // After a lost answer, the definition of the first attempt can exist.
        if response.status == 201 || response.body["error"]["code"] == "SERVICE_ALREADY_EXISTS" {
            return;
        }
        assert!(Instant::now() < deadline, "two of three servers do not store {name}: {response:?}");
    }
}

#[tokio::test]
async fn no_confirmed_definition_is_lost_while_each_server_is_killed_in_turn() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    RegistryBucket::create_on(&cluster.url(), Duration::ZERO, 3).await;
    let program = RunningProgram::start(&cluster.url(), &[]);
    let has_three = |response: &ProgramResponse| response.body["bucket"]["replicas"] == 3;
    program.until("/api/registry", "the bucket with three replicas", has_three).await;
    let mut names = Vec::new();
    for index in 0..3 {
        for number in 0..8 {
            if number == 2 {
                cluster.servers[index].kill();
            }
            let name = format!("service-{index}-{number}");
            retry_until_stored(&program, &name).await;
            names.push(name);
        }
        cluster.servers[index].restart();
    }
    let is_complete = |response: &ProgramResponse| response.is_live() && response.service_names() == names;
    program.until("/api/services", "every stored definition", is_complete).await;
}

#[tokio::test]
async fn of_fifty_concurrent_changes_of_a_revision_one_succeeds() {
    let cluster = NatsCluster::start(NatsVersion::Pinned);
    RegistryBucket::create_on(&cluster.url(), Duration::ZERO, 3).await;
    let program = RunningProgram::start(&cluster.url(), &[]);
    let has_three = |response: &ProgramResponse| response.body["bucket"]["replicas"] == 3;
    program.until("/api/registry", "the bucket with three replicas", has_three).await;
    retry_until_stored(&program, "order-router").await;
    let revision = &program.get("/api/services/order-router/revision").await.body["revision"];
    let change = |number: i32| {
        let body = json!({"owner": format!("owner-{number}"), "revision": revision});
        program.send(Method::PUT, "/api/services/order-router", Some(body))
    };
    let responses = futures_util::future::join_all((0..50).map(change)).await;
    let succeeded: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
    assert_eq!(succeeded.len(), 1);
    for response in responses.iter().filter(|response| response.status != 200) {
        response.assert_error(409, "CONCURRENT_UPDATE");
    }
    assert_eq!(program.get("/api/services/order-router").await.body, succeeded[0].body);
}

#[tokio::test]
async fn a_lost_quorum_is_an_outage() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create_on(&cluster.url(), Duration::ZERO, 3).await;
    bucket.register("order-router", "a").await;
    let program = RunningProgram::start(&cluster.url(), &[("STALE_THRESHOLD_SECONDS", "300")]);
    program.until_instances(&["a"]).await;
    cluster.servers[0].kill();
    cluster.servers[1].kill();
    let stale = program.until("/api/instances", "stale", ProgramResponse::is_stale).await;
    assert_eq!(stale.instance_ids(), ["a"]);
    assert_eq!(program.get("/ready").await.status, 503);
    cluster.servers[0].restart();
    cluster.servers[1].restart();
    program.until_live().await;
}

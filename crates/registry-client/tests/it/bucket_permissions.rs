//! Clients that may not use JetStream, or only parts of it: the watch reports why.

use std::time::Duration;

use registry_client::bucket_watch::BucketState;
use testkit::nats::{NatsServer, NatsVersion};

use crate::watched::{Watched, create_bucket, jetstream_of, put};

/// A server whose clients may do everything, except for a user who is denied some subjects.
fn server_that_denies(permissions: &str) -> NatsServer {
    let users = format!(
        "no_auth_user: admin\nauthorization {{ users: [{{user: admin, password: a}}, \
         {{user: monitor, password: \"m/1\", permissions: {{{permissions}}}}}] }}"
    );
    NatsServer::start_with(NatsVersion::Pinned, &users)
}

/// The URL with the other user.
fn monitor_url(server: &NatsServer) -> String {
    server.url().replace("nats://", "nats://monitor:m%2F1@")
}

async fn denied(subject: &str, named: &str) {
    let server = server_that_denies(&format!("publish: {{deny: [\"{subject}\"]}}"));
    create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let watched = Watched::start(&monitor_url(&server)).await;
    watched.until_problem("KV_service_registry").await;
    let problems = watched.until_problem(&format!("denies this client to publish to {named};")).await;
    assert!(!problems.iter().any(|problem| problem.contains("m/1")), "{problems:?}");
    assert_eq!(watched.view().states, []);
}

#[tokio::test]
async fn a_client_that_may_not_read_the_stream_s_information_reports_it() {
    denied("$JS.API.STREAM.INFO.>", "$JS.API.STREAM.INFO.KV_service_registry").await;
}

#[tokio::test]
async fn a_client_that_may_not_create_consumers_reports_it() {
    denied("$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.CREATE.KV_service_registry").await;
}

/// An empty bucket delivers nothing, so a denied request for messages must not look the same.
#[tokio::test]
async fn a_client_that_may_not_receive_messages_reports_it_and_is_never_live() {
    denied("$JS.API.CONSUMER.MSG.NEXT.>", "$JS.API.CONSUMER.MSG.NEXT.KV_service_registry.>").await;
}

#[tokio::test]
async fn an_account_without_jetstream_is_reported() {
    let accounts = "accounts { A: { users: [{user: monitor, password: \"m/1\"}] }, \
                    B: { jetstream: enabled, users: [{user: admin, password: a}] } }";
    let server = NatsServer::start_with(NatsVersion::Pinned, accounts);
    let watched = Watched::start(&monitor_url(&server)).await;
    watched.until_problem("JetStream is not enabled").await;
    assert_eq!(watched.view().states, []);
}

#[tokio::test]
async fn a_client_with_the_permissions_has_no_problems() {
    let server = server_that_denies("publish: {deny: [\"other\"]}");
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&monitor_url(&server)).await;
    let view = watched.until_keys(&["a"]).await;
    assert_eq!((view.states, watched.problems()), (vec![BucketState::Live], Vec::<String>::new()));
}

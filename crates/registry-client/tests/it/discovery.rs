//! The view of other services.

use std::time::Duration;

use jiff::SignedDuration;
use registry_client::bucket_watch::BucketState;
use registry_client::discovery::Discovery;
use registry_client::instance::InstanceStatus;
use registry_client::registry::Registry;
use registry_client::settings::RegistrySettings;
use testkit::nats::{NatsServer, NatsVersion};

use crate::services::{SERVICE, new_instance, registry, registry_settings};
use crate::watched::{create_bucket, jetstream_of, put};

/// How long a view may take to reach a state.
const TIMEOUT: Duration = Duration::from_secs(30);

fn ids(discovery: &Discovery) -> Vec<String> {
    discovery.instances(SERVICE).iter().map(|instance| instance.instance_id.clone()).collect()
}

async fn until(discovery: &mut Discovery, what: &str, condition: impl Fn(&Discovery) -> bool) {
    let wait = async {
        while !condition(discovery) {
            discovery.changed().await;
        }
    };
    let waited = tokio::time::timeout(TIMEOUT, wait).await.is_ok();
    assert!(waited, "not reached: {what}; the instances are {:?}", discovery.instances(SERVICE));
}

#[tokio::test]
async fn instances_appear_change_and_disappear() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let registry = registry(&server.url()).await;
    let mut discovery = registry.discover();
    assert!(discovery.instances(SERVICE).is_empty());
    let [first, second] = ["a", "b"].map(|id| registry.register(new_instance(id)));
    until(&mut discovery, "both instances", |view| ids(view) == ["a", "b"]).await;
    assert_eq!(discovery.services(), [SERVICE.into()]);
    assert!(discovery.instances("other").is_empty());
    second.set_status(InstanceStatus::Standby);
    until(&mut discovery, "another status", |view| {
        view.instances(SERVICE)[1].status == InstanceStatus::Standby
    })
    .await;
    first.deregister().await;
    until(&mut discovery, "one instance", |view| ids(view) == ["b"]).await;
}

#[tokio::test]
async fn heartbeats_are_no_changes() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let registry = registry(&server.url()).await;
    let mut discovery = registry.discover();
    let _registration = registry.register(new_instance("a"));
    until(&mut discovery, "the instance", |view| ids(view) == ["a"] && view.state() == BucketState::Live)
        .await;
    let changes = discovery.changes();
    let count = *changes.borrow();
    let first = discovery.instances(SERVICE)[0].last_heartbeat.time;
    let later = async {
        while discovery.instances(SERVICE)[0].last_heartbeat.time == first {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, later).await.expect("heartbeats are received");
    assert_eq!(*changes.borrow(), count);
}

/// Without a maximum age, the entry of a crashed instance stays in the bucket.
#[tokio::test]
async fn an_instance_that_crashed_is_hidden_when_it_is_stale() {
    let server = NatsServer::start(NatsVersion::Pinned);
    create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let stale_threshold = SignedDuration::from_secs(2);
    let settings = RegistrySettings { stale_threshold, ..registry_settings(&server.url()) };
    let registry = Registry::start(settings).await.unwrap();
    let mut discovery = registry.discover();
    let [crashed, _running] = ["a", "b"].map(|id| registry.register(new_instance(id)));
    until(&mut discovery, "both instances", |view| ids(view) == ["a", "b"]).await;
    drop(crashed);
    until(&mut discovery, "the running instance", |view| ids(view) == ["b"]).await;
}

#[tokio::test]
async fn the_last_known_instances_stay_while_nats_is_away() {
    let mut server = NatsServer::start(NatsVersion::Pinned);
    let stale_threshold = SignedDuration::from_secs(1);
    let settings = RegistrySettings { stale_threshold, ..registry_settings(&server.url()) };
    let registry = Registry::start(settings).await.unwrap();
    let mut discovery = registry.discover();
    let _registration = registry.register(new_instance("a"));
    until(&mut discovery, "the instance", |view| ids(view) == ["a"] && view.state() == BucketState::Live)
        .await;
    server.kill();
    until(&mut discovery, "unavailable", |view| matches!(view.state(), BucketState::Unavailable { .. }))
        .await;
    // Longer than the threshold.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ids(&discovery), ["a"]);
    server.restart();
    until(&mut discovery, "live", |view| ids(view) == ["a"] && view.state() == BucketState::Live).await;
}

#[tokio::test]
async fn entries_that_are_not_instances_are_skipped() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let registry = registry(&server.url()).await;
    put(&store, "service-instances__order-router__garbage", "{").await;
    put(&store, "order-router", r#"{"service_name":"order-router"}"#).await;
    let mut discovery = registry.discover();
    let _registration = registry.register(new_instance("a"));
    until(&mut discovery, "the instance", |view| ids(view) == ["a"]).await;
    // Any client can overwrite an entry; the next heartbeat restores it.
    put(&store, "service-instances__order-router__a", "garbage").await;
    until(&mut discovery, "the instance again", |view| ids(view) == ["a"]).await;
}

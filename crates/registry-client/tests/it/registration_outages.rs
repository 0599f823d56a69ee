//! Registrations while the server, the network or the bucket is away.

use std::time::Duration;

use registry_client::bucket::NewBucket;
use registry_client::instance::InstanceStatus;
use registry_client::registration::Registration;
use registry_client::registry::Registry;
use registry_client::settings::RegistrySettings;
use testkit::nats::{NatsCluster, NatsServer, NatsVersion};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

use crate::services::{instance_in, key_of, new_instance, registry, registry_settings};
use crate::watched::{BUCKET, View, Watched, create_bucket, jetstream_of};

/// Publishes a status, and waits until the bucket has it.
async fn publish_status(registration: &Registration, watched: &mut Watched, status: InstanceStatus) {
    registration.set_status(status);
    let key = key_of(registration);
    let has_status = |view: &View| instance_in(view, &key).is_some_and(|instance| instance.status == status);
    watched.until("the new status", has_status).await;
}

#[tokio::test]
async fn a_service_that_starts_before_nats_is_registered_when_nats_comes() {
    let mut server = NatsServer::stopped(NatsVersion::Pinned);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    server.restart();
    watched.until_keys(&[&key_of(&registration)]).await;
}

async fn survives_a_crash_of_the_server(version: NatsVersion) {
    let mut server = NatsServer::start(version);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    server.kill();
    registration.set_status(InstanceStatus::Unhealthy);
    server.restart();
    publish_status(&registration, &mut watched, InstanceStatus::Unhealthy).await;
    publish_status(&registration, &mut watched, InstanceStatus::Active).await;
}

#[tokio::test]
async fn heartbeats_continue_after_a_crash_of_the_pinned_server() {
    survives_a_crash_of_the_server(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn heartbeats_continue_after_a_crash_of_debians_server() {
    survives_a_crash_of_the_server(NatsVersion::Debian).await;
}

#[tokio::test]
async fn heartbeats_continue_after_the_server_hung() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    server.pause();
    let is_unavailable =
        |view: &View| view.states.last().is_some_and(|state| state.as_str() == "unavailable");
    watched.until("unavailable", is_unavailable).await;
    server.resume();
    publish_status(&registration, &mut watched, InstanceStatus::Standby).await;
}

#[tokio::test]
async fn a_partition_removes_an_instance_and_its_end_brings_it_back() {
    let server = NatsServer::start(NatsVersion::Pinned);
    create_bucket(&jetstream_of(&server.url()).await, Duration::from_secs(2)).await;
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let registry = registry(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    let registration = registry.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    proxy.set_mode(ProxyMode::Silent);
    watched.until_keys(&[]).await;
    proxy.set_mode(ProxyMode::Closed);
    proxy.set_mode(ProxyMode::Open);
    watched.until_keys(&[&key_of(&registration)]).await;
}

#[tokio::test]
async fn a_deleted_bucket_is_created_again_with_the_entry() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    let created = watched.report.wait_for_info().await.created;
    jetstream_of(&server.url()).await.delete_key_value(BUCKET).await.unwrap();
    let key = key_of(&registration);
    let report = watched.report.clone();
    let is_in_another_bucket = |view: &View| {
        view.values.contains_key(&key) && report.info().is_some_and(|info| info.created != created)
    };
    watched.until("the entry in another bucket", is_in_another_bucket).await;
}

#[tokio::test]
async fn many_services_that_find_no_bucket_create_one() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let mut registrations = Vec::new();
    for number in 0..20 {
        registrations.push(registry(&server.url()).await.register(new_instance(&format!("i-{number:02}"))));
    }
    let keys: Vec<_> = registrations.iter().map(key_of).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    Watched::start(&server.url()).await.until_keys(&keys).await;
}

#[tokio::test]
async fn a_deregistration_ends_without_an_answer_of_the_server() {
    let mut server = NatsServer::start(NatsVersion::Pinned);
    let registry = registry(&server.url()).await;
    let [hung, killed] = ["a", "b"].map(|id| registry.register(new_instance(id)));
    Watched::start(&server.url()).await.until_keys(&[&key_of(&hung), &key_of(&killed)]).await;
    server.pause();
    hung.deregister().await;
    server.resume();
    server.kill();
    registry.connection().link().wait_for(|link| !link.connected).await.unwrap();
    killed.deregister().await;
}

#[tokio::test]
async fn heartbeats_continue_while_each_server_of_a_cluster_is_killed_in_turn() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let new_bucket = Some(NewBucket { replicas: 3, ..NewBucket::default() });
    let settings = RegistrySettings { new_bucket, ..registry_settings(&cluster.url()) };
    let registration = Registry::start(settings).await.unwrap().register(new_instance("a"));
    let mut watched = Watched::start(&cluster.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    for index in 0..3 {
        cluster.servers[index].kill();
        publish_status(&registration, &mut watched, InstanceStatus::Standby).await;
        cluster.servers[index].restart();
        publish_status(&registration, &mut watched, InstanceStatus::Active).await;
    }
}

//! What a registration writes while nothing fails.

use std::time::Duration;

use async_nats::jetstream::kv::Operation;
use async_nats::jetstream::stream::StorageType;
use futures_util::TryStreamExt;
use registry_client::bucket::NewBucket;
use registry_client::instance::InstanceStatus;
use registry_client::registration::NewInstance;
use registry_client::registry::Registry;
use registry_client::settings::RegistrySettings;
use serde_json::Value;
use testkit::nats::{NatsCluster, NatsServer, NatsVersion};

use crate::services::{SERVICE, instance_in, key_of, new_instance, registry, registry_settings};
use crate::watched::{BUCKET, Watched, create_bucket, jetstream_of};

async fn creates_the_bucket(version: NatsVersion) {
    let server = NatsServer::start(version);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    Watched::start(&server.url()).await.until_keys(&[&key_of(&registration)]).await;
    let jetstream = jetstream_of(&server.url()).await;
    let stream = jetstream.get_stream(format!("KV_{BUCKET}")).await.expect("the bucket exists");
    let config = &stream.cached_info().config;
    assert_eq!((config.max_age, config.max_messages_per_subject), (Duration::from_secs(30), 1));
    assert_eq!((config.storage, config.num_replicas), (StorageType::File, 1));
}

#[tokio::test]
async fn an_absent_bucket_is_created_on_the_pinned_server() {
    creates_the_bucket(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn an_absent_bucket_is_created_on_debians_server() {
    creates_the_bucket(NatsVersion::Debian).await;
}

#[tokio::test]
async fn an_absent_bucket_is_created_on_as_many_servers_as_configured() {
    let cluster = NatsCluster::start(NatsVersion::Pinned);
    let new_bucket = Some(NewBucket { replicas: 3, ..NewBucket::default() });
    let settings = RegistrySettings { new_bucket, ..registry_settings(&cluster.url()) };
    let registration = Registry::start(settings).await.unwrap().register(new_instance("a"));
    let mut watched = Watched::start(&cluster.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    assert_eq!(watched.report.wait_for_info().await.replicas, 3);
}

#[tokio::test]
async fn an_existing_bucket_keeps_its_settings() {
    let server = NatsServer::start(NatsVersion::Pinned);
    create_bucket(&jetstream_of(&server.url()).await, Duration::from_mins(1)).await;
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    assert_eq!(watched.report.wait_for_info().await.max_age, Duration::from_mins(1));
}

#[tokio::test]
async fn a_client_that_must_not_create_the_bucket_registers_when_it_exists() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let settings = RegistrySettings { new_bucket: None, ..registry_settings(&server.url()) };
    let registration = Registry::start(settings).await.unwrap().register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until("missing", |view| !view.states.is_empty()).await;
    create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    watched.until_keys(&[&key_of(&registration)]).await;
}

#[tokio::test]
async fn the_entry_has_the_shape_that_other_clients_read() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let instance = NewInstance::new(SERVICE, "1.2.3").unwrap().with_metadata("zone", "a");
    let registration = registry(&server.url()).await.register(instance);
    let key = key_of(&registration);
    let view = Watched::start(&server.url()).await.until_keys(&[&key]).await;
    assert_eq!(key, format!("service-instances__{SERVICE}__{}", registration.instance_id()));
    let entry: Value = serde_json::from_str(&view.values[&key]).unwrap();
    let start_time = entry["metadata"]["start_time"].as_str().unwrap();
    let heartbeat = entry["lastHeartbeat"].as_str().unwrap();
    assert!(start_time <= heartbeat && heartbeat.ends_with("+00:00"), "{start_time} {heartbeat}");
    let expected = format!(
        r#"{{"serviceName":"{SERVICE}","instanceId":"{}","version":"1.2.3","status":"ACTIVE","lastHeartbeat":"{heartbeat}","stickyActiveGroup":null,"metadata":{{"zone":"a","start_time":"{start_time}"}}}}"#,
        registration.instance_id()
    );
    assert_eq!(view.values[&key], expected);
}

#[tokio::test]
async fn heartbeats_keep_the_start_time_and_renew_the_time_of_the_heartbeat() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let key = key_of(&registration);
    let mut watched = Watched::start(&server.url()).await;
    let first = instance_in(&watched.until_keys(&[&key]).await, &key).unwrap();
    let later = watched.until("further heartbeats", |view| view.puts >= 4).await;
    let last = instance_in(&later, &key).unwrap();
    assert!(last.last_heartbeat.time > first.last_heartbeat.time);
    assert_eq!(last.metadata, first.metadata);
}

#[tokio::test]
async fn another_status_and_other_metadata_are_published_at_once() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let settings =
        RegistrySettings { heartbeat_interval: Duration::from_hours(1), ..registry_settings(&server.url()) };
    create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let registry = Registry::start(settings).await.unwrap();
    let registration = registry.register(new_instance("a").with_status(InstanceStatus::Standby));
    let key = key_of(&registration);
    let mut watched = Watched::start(&server.url()).await;
    let view = watched.until_keys(&[&key]).await;
    assert_eq!(instance_in(&view, &key).unwrap().status, InstanceStatus::Standby);
    registration.set_status(InstanceStatus::Active);
    registration.set_metadata("shard", 7);
    let is_changed = |view: &crate::watched::View| {
        let instance = instance_in(view, &key).unwrap();
        instance.status == InstanceStatus::Active && instance.metadata.get("shard") == Some(7.into())
    };
    watched.until("the new status and metadata", is_changed).await;
}

#[tokio::test]
async fn a_short_maximum_age_shortens_the_interval_so_that_the_entry_never_expires() {
    let server = NatsServer::start(NatsVersion::Pinned);
    create_bucket(&jetstream_of(&server.url()).await, Duration::from_secs(2)).await;
    let settings =
        RegistrySettings { heartbeat_interval: Duration::from_hours(1), ..registry_settings(&server.url()) };
    let registration = Registry::start(settings).await.unwrap().register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    let view = watched.until("heartbeats for longer than the maximum age", |view| view.puts > 6).await;
    assert_eq!(view.removals, []);
}

async fn deregisters(version: NatsVersion) {
    let server = NatsServer::start(version);
    let new_bucket = Some(NewBucket { history: 10, ..NewBucket::default() });
    let settings = RegistrySettings { new_bucket, ..registry_settings(&server.url()) };
    let registry = Registry::start(settings).await.expect("the settings are valid");
    let registration = registry.register(new_instance("a"));
    let key = key_of(&registration);
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key]).await;
    registration.deregister().await;
    watched.until_keys(&[]).await;
    let store = jetstream_of(&server.url()).await.get_key_value(BUCKET).await.expect("the bucket exists");
    let history = store.history(&key).await.expect("the bucket exists");
    let history: Vec<_> = history.try_collect().await.expect("the history can be read");
    let [.., shutdown, deletion] = &history[..] else { panic!("{history:?}") };
    let entry: Value = serde_json::from_slice(&shutdown.value).expect("the entry is JSON");
    assert_eq!((&entry["status"], deletion.operation), (&"SHUTDOWN".into(), Operation::Delete));
}

#[tokio::test]
async fn a_deregistration_publishes_shutdown_and_deletes_the_key_on_the_pinned_server() {
    deregisters(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn a_deregistration_publishes_shutdown_and_deletes_the_key_on_debians_server() {
    deregisters(NatsVersion::Debian).await;
}

#[tokio::test]
async fn an_instance_that_is_dropped_expires_as_after_a_crash() {
    let server = NatsServer::start(NatsVersion::Pinned);
    create_bucket(&jetstream_of(&server.url()).await, Duration::from_secs(2)).await;
    let registration = registry(&server.url()).await.register(new_instance("a"));
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[&key_of(&registration)]).await;
    drop(registration);
    watched.until_keys(&[]).await;
}

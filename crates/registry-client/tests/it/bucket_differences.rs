//! Buckets that differ from what their messages say: entries vanish without one, older messages become the last ones again, and
//! messages have the subjects of another bucket. None of this is an outage.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Source};
use registry_client::bucket::NewBucket;
use registry_client::bucket_watch::{BucketState, Removal};
use serde_json::json;
use testkit::nats::{NatsServer, NatsVersion};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

use crate::watched::{BUCKET, Watched, create_bucket, jetstream_of, put};

fn config() -> Config {
    NewBucket { max_age: Duration::ZERO, ..NewBucket::default() }.stream_config(BUCKET)
}

async fn create(jetstream: &Context, config: Config) -> Store {
    jetstream.create_stream(config).await.expect("NATS answers");
    jetstream.get_key_value(BUCKET).await.expect("the bucket exists")
}

async fn purge(jetstream: &Context, key: &str) {
    let stream = jetstream.get_stream(format!("KV_{BUCKET}")).await.expect("NATS answers");
    stream.purge().filter(format!("$KV.{BUCKET}.{key}")).await.expect("NATS answers");
}

/// The server removes such a message without another one. The tombstone of a deleted key is counted by the server.
#[tokio::test]
async fn an_entry_that_expires_on_its_own_is_removed_while_the_watch_stays_live() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let mut settings = serde_json::to_value(config()).expect("it is JSON");
    settings["allow_msg_ttl"] = json!(true);
    let created: serde_json::Value =
        jetstream.request(format!("STREAM.CREATE.KV_{BUCKET}"), &settings).await.expect("NATS answers");
    assert_eq!(created["config"]["allow_msg_ttl"], true, "{created}");
    let store = jetstream.get_key_value(BUCKET).await.expect("the bucket exists");
    put(&store, "kept", "1").await;
    put(&store, "deleted", "1").await;
    store.delete("deleted").await.expect("NATS answers");
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["kept"]).await;
    let mut headers = HeaderMap::new();
    headers.insert("Nats-TTL", "1s");
    for key in ["expires-1", "expires-2"] {
        let subject = format!("$KV.{BUCKET}.{key}");
        let published = jetstream.publish_with_headers(subject, headers.clone(), "1".into()).await;
        published.expect("NATS answers").await.expect("NATS answers");
    }
    watched.until_keys(&["expires-1", "expires-2", "kept"]).await;
    let view = watched.until_keys(&["kept"]).await;
    assert_eq!(view.states, [BucketState::Live]);
    assert!(view.removals.iter().all(|(_, reason)| *reason == Removal::Swept), "{:?}", view.removals);
}

async fn evicted(version: NatsVersion) {
    let server = NatsServer::start(version);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create(&jetstream, Config { max_messages: 2, discard: DiscardPolicy::Old, ..config() }).await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[]).await;
    for key in ["a", "b", "c"] {
        put(&store, key, "1").await;
    }
    watched.until_keys(&["b", "c"]).await;
    put(&store, "d", "1").await;
    watched.until_keys(&["c", "d"]).await;
    assert_eq!(watched.view().states, [BucketState::Live]);
}

#[tokio::test]
async fn entries_that_the_pinned_server_discards_are_removed_while_the_watch_stays_live() {
    evicted(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn entries_that_debians_server_discards_are_removed_while_the_watch_stays_live() {
    evicted(NatsVersion::Debian).await;
}

#[tokio::test]
async fn a_purged_key_is_removed_although_the_server_counts_as_many_deleted_keys() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    for key in ["a", "b", "c", "d"] {
        put(&store, key, "1").await;
    }
    store.delete("d").await.expect("NATS answers");
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a", "b", "c"]).await;
    store.delete("c").await.expect("NATS answers");
    watched.until_keys(&["a", "b"]).await;
    purge(&jetstream, "a").await;
    let view = watched.until_keys(&["b"]).await;
    assert_eq!(view.states, [BucketState::Live]);
}

/// The revisions of a restored store are used again, for other values.
#[tokio::test]
async fn a_store_that_was_rolled_back_during_an_outage_is_read_as_it_is() {
    let mut server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "old").await;
    put(&store, "b", "old").await;
    server.stop();
    server.save_store();
    server.restart();
    let store = jetstream_of(&server.url()).await.get_key_value(BUCKET).await.expect("the bucket exists");
    put(&store, "a", "lost").await;
    put(&store, "b", "lost").await;
    let mut proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let mut watched = Watched::start(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    let view = watched.until_keys(&["a", "b"]).await;
    assert_eq!(view.values["a"], "lost");
    proxy.set_mode(ProxyMode::Closed);
    proxy.rejects().await;
    server.stop();
    server.restore_store();
    server.restart();
    let store = jetstream_of(&server.url()).await.get_key_value(BUCKET).await.expect("the bucket exists");
    for _ in 0..2 {
        put(&store, "b", "new").await;
        put(&store, "c", "new").await;
    }
    proxy.set_mode(ProxyMode::Open);
    let view = watched.until_keys(&["a", "b", "c"]).await;
    assert_eq!((&*view.values["a"], &*view.values["b"], &*view.values["c"]), ("old", "new", "new"));
}

#[tokio::test]
async fn a_bucket_that_is_a_mirror_has_the_keys_of_its_origin() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    jetstream.create_stream(NewBucket::default().stream_config("origin")).await.expect("NATS answers");
    let origin = jetstream.get_key_value("origin").await.expect("the bucket exists");
    put(&origin, "a", "1").await;
    let mirror = Config {
        name: format!("KV_{BUCKET}"),
        mirror: Some(Source { name: "KV_origin".to_owned(), ..Source::default() }),
        max_messages_per_subject: 1,
        ..Config::default()
    };
    jetstream.create_stream(mirror).await.expect("NATS answers");
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    put(&origin, "b", "1").await;
    let view = watched.until_keys(&["a", "b"]).await;
    assert_eq!(view.states, [BucketState::Live]);
}

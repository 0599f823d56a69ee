//! What a watch reports while nothing fails.

use std::time::Duration;

use async_nats::HeaderMap;
use registry_client::bucket_watch::{BucketState, Removal};
use testkit::nats::{NatsServer, NatsVersion};

use crate::watched::{BUCKET, Watched, create_bucket, jetstream_of, put};

async fn writes_and_deletions(version: NatsVersion) {
    let server = NatsServer::start(version);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "before", "1").await;
    put(&store, "deleted-before", "1").await;
    store.delete("deleted-before").await.expect("NATS answers");
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["before"]).await;
    put(&store, "after", "1").await;
    put(&store, "after", "2").await;
    put(&store, "purged", "1").await;
    watched.until_keys(&["after", "before", "purged"]).await;
    store.delete("before").await.expect("NATS answers");
    store.purge("purged").await.expect("NATS answers");
    let view = watched.until_keys(&["after"]).await;
    assert_eq!(view.values["after"], "2");
    let removed = |key: &str| (key.to_owned(), Removal::Deleted);
    assert_eq!(view.removals, [removed("before"), removed("purged")]);
    assert_eq!(view.states, [BucketState::Live]);
    assert_eq!(watched.report.resyncs(), 0);
}

#[tokio::test]
async fn writes_and_deletions_are_reported_by_the_pinned_server() {
    writes_and_deletions(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn writes_and_deletions_are_reported_by_debians_server() {
    writes_and_deletions(NatsVersion::Debian).await;
}

#[tokio::test]
async fn an_empty_bucket_is_live_at_once() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[]).await;
    put(&store, "a", "1").await;
    watched.until_keys(&["a"]).await;
}

#[tokio::test]
async fn a_bucket_in_which_everything_was_deleted_is_live_at_once() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    jetstream
        .get_stream(format!("KV_{BUCKET}"))
        .await
        .expect("NATS answers")
        .purge()
        .await
        .expect("NATS answers");
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&[]).await;
}

/// Servers send no message about an entry that expires.
async fn expiry(version: NatsVersion) {
    let server = NatsServer::start(version);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::from_secs(2)).await;
    put(&store, "before", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    put(&store, "after", "1").await;
    watched.until("the write", |view| view.values.contains_key("after")).await;
    let view = watched.until_keys(&[]).await;
    assert!(view.removals.iter().all(|(_, reason)| *reason == Removal::Expired), "{:?}", view.removals);
    assert_eq!(watched.report.resyncs(), 0);
}

#[tokio::test]
async fn entries_expire_on_the_pinned_server() {
    expiry(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn entries_expire_on_debians_server() {
    expiry(NatsVersion::Debian).await;
}

#[tokio::test]
async fn messages_that_no_client_of_buckets_would_write_are_reported_as_they_are() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    create_bucket(&jetstream, Duration::ZERO).await;
    let mut watched = Watched::start(&server.url()).await;
    let subject = |key: &str| format!("$KV.{BUCKET}.{key}");
    jetstream.publish(subject("plain"), "1".into()).await.expect("NATS answers").await.expect("NATS answers");
    jetstream.publish(subject("a.b"), "".into()).await.expect("NATS answers").await.expect("NATS answers");
    jetstream
        .publish(subject("large"), vec![b'x'; 900_000].into())
        .await
        .expect("NATS answers")
        .await
        .expect("NATS answers");
    let view = watched.until_keys(&["a.b", "large", "plain"]).await;
    assert_eq!(view.values["large"].len(), 900_000);
    let mut headers = HeaderMap::new();
    headers.insert("KV-Operation", "DEL");
    let deletion = jetstream.publish_with_headers(subject("plain"), headers, "".into());
    deletion.await.expect("NATS answers").await.expect("NATS answers");
    watched.until_keys(&["a.b", "large"]).await;
}

#[tokio::test]
async fn the_settings_of_the_bucket_are_reported() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    create_bucket(&jetstream, Duration::from_secs(30)).await;
    let watched = Watched::start(&server.url()).await;
    let info = watched.report.wait_for_info().await;
    assert_eq!((info.max_age, info.history, info.replicas), (Duration::from_secs(30), 1, 1));
}

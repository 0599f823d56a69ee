//! Buckets that are deleted, created again, or lose their consumer.

use std::time::Duration;

use futures_util::TryStreamExt;
use registry_client::bucket_watch::{BucketState, Removal};
use testkit::nats::{NatsServer, NatsVersion};

use crate::watched::{BUCKET, Watched, create_bucket, jetstream_of, put};

#[tokio::test]
async fn a_bucket_that_does_not_exist_yet_is_missing_until_it_is_created() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until("missing", |view| view.states == [BucketState::Missing]).await;
    assert_eq!(watched.report.info(), None);
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    watched.until_keys(&["a"]).await;
}

/// No event reports a deleted stream (nats-server issue 6614), and a consumer resumes at its old sequence in a bucket that was
/// created again.
async fn deleted_and_created_again(version: NatsVersion) {
    let server = NatsServer::start(version);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    for key in ["a", "b", "c"] {
        put(&store, key, "old").await;
    }
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a", "b", "c"]).await;
    jetstream.delete_key_value(BUCKET).await.expect("NATS answers");
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "b", "new").await;
    let view = watched.until_keys(&["b"]).await;
    assert_eq!(view.values["b"], "new");
    put(&store, "d", "new").await;
    watched.until_keys(&["b", "d"]).await;
}

#[tokio::test]
async fn a_bucket_that_is_created_again_is_read_again_from_the_pinned_server() {
    deleted_and_created_again(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn a_bucket_that_is_created_again_is_read_again_from_debians_server() {
    deleted_and_created_again(NatsVersion::Debian).await;
}

#[tokio::test]
async fn a_deleted_bucket_is_missing_and_has_no_entries() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    jetstream.delete_stream(format!("KV_{BUCKET}")).await.expect("NATS answers");
    let is_missing = |view: &crate::watched::View| view.states.last() == Some(&BucketState::Missing);
    let view = watched.until("missing", is_missing).await;
    assert!(view.values.is_empty());
    assert_eq!(view.removals, [("a".to_owned(), Removal::Swept)]);
}

#[tokio::test]
async fn a_deleted_consumer_is_replaced_without_a_lost_or_repeated_change() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    let stream = jetstream.get_stream(format!("KV_{BUCKET}")).await.expect("NATS answers");
    let consumers: Vec<String> = stream.consumer_names().try_collect().await.expect("NATS answers");
    assert_eq!(consumers.len(), 1, "one watch, one consumer: {consumers:?}");
    stream.delete_consumer(&consumers[0]).await.expect("NATS answers");
    put(&store, "b", "1").await;
    let view = watched.until_keys(&["a", "b"]).await;
    assert_eq!(view.puts, 2, "a was not written again");
    assert_eq!(watched.report.resyncs(), 1);
}

#[tokio::test]
async fn a_purged_stream_has_no_entries_after_the_next_write() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    jetstream
        .get_stream(format!("KV_{BUCKET}"))
        .await
        .expect("NATS answers")
        .purge()
        .await
        .expect("NATS answers");
    put(&store, "b", "1").await;
    watched.until_keys(&["b"]).await;
}

//! Servers that are absent, killed, paused or behind a broken network.

use std::time::Duration;

use registry_client::bucket_watch::{BucketState, Removal};
use testkit::nats::{NatsServer, NatsVersion};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

use crate::watched::{View, Watched, create_bucket, jetstream_of, put};

fn is_unavailable(view: &View) -> bool {
    matches!(view.states.last(), Some(BucketState::Unavailable { .. }))
}

#[tokio::test]
async fn a_server_that_is_absent_at_the_start_is_used_when_it_comes() {
    let mut server = NatsServer::stopped(NatsVersion::Pinned);
    let mut watched = Watched::start(&server.url()).await;
    server.restart();
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "1").await;
    watched.until_keys(&["a"]).await;
}

/// While the server is away, entries stay. Afterwards, changes of the outage are reported, and deletions too.
async fn killed_and_started(version: NatsVersion) {
    let mut server = NatsServer::start(version);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    for key in ["deleted", "kept", "rewritten"] {
        put(&store, key, "1").await;
    }
    // The watch reaches the server through a proxy, so that the outage is longer for it than for the writer.
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let mut watched = Watched::start(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    watched.until_keys(&["deleted", "kept", "rewritten"]).await;
    proxy.set_mode(ProxyMode::Closed);
    let view = watched.until("unavailable", is_unavailable).await;
    assert_eq!(view.values.len(), 3, "the last known state stays");
    server.kill();
    server.restart();
    let store =
        jetstream_of(&server.url()).await.get_key_value("service_registry").await.expect("NATS answers");
    store.purge("deleted").await.expect("NATS answers");
    put(&store, "rewritten", "2").await;
    put(&store, "new", "1").await;
    proxy.set_mode(ProxyMode::Open);
    let view = watched.until_keys(&["kept", "new", "rewritten"]).await;
    assert_eq!(view.values["rewritten"], "2");
    assert_eq!(view.puts, 5, "what did not change is not reported again");
}

#[tokio::test]
async fn changes_of_an_outage_are_reported_by_the_pinned_server() {
    killed_and_started(NatsVersion::Pinned).await;
}

#[tokio::test]
async fn changes_of_an_outage_are_reported_by_debians_server() {
    killed_and_started(NatsVersion::Debian).await;
}

/// The marker of a deletion can be gone when the watch returns, so only a sweep finds it.
#[tokio::test]
async fn a_deletion_without_a_trace_is_found_by_the_sweep() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&server.url()).await;
    let store = create_bucket(&jetstream, Duration::ZERO).await;
    put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let mut watched = Watched::start(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    watched.until_keys(&["a", "b"]).await;
    proxy.set_mode(ProxyMode::Closed);
    watched.until("unavailable", is_unavailable).await;
    let stream = jetstream.get_stream("KV_service_registry").await.expect("NATS answers");
    stream.purge().filter("$KV.service_registry.a").await.expect("NATS answers");
    proxy.set_mode(ProxyMode::Open);
    let view = watched.until_keys(&["b"]).await;
    assert_eq!(view.removals, [("a".to_owned(), Removal::Swept)]);
}

#[tokio::test]
async fn entries_do_not_expire_while_the_server_is_away_but_at_its_return() {
    let mut server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::from_secs(2)).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    server.kill();
    watched.until("unavailable", is_unavailable).await;
    // Longer than the maximum age, in which the server is away.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(watched.view().values.len(), 1, "it is the last known state");
    server.restart();
    watched.until_keys(&[]).await;
}

/// The connection stays open, and nothing is answered.
#[tokio::test]
async fn a_server_that_hangs_is_unavailable_and_is_used_again_when_it_continues() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    server.pause();
    watched.until("unavailable", is_unavailable).await;
    server.resume();
    let store =
        jetstream_of(&server.url()).await.get_key_value("service_registry").await.expect("NATS answers");
    put(&store, "b", "1").await;
    watched.until_keys(&["a", "b"]).await;
}

#[tokio::test]
async fn a_network_that_forwards_nothing_is_an_outage() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let mut watched = Watched::start(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    watched.until_keys(&["a"]).await;
    proxy.set_mode(ProxyMode::Silent);
    watched.until("unavailable", is_unavailable).await;
    put(&store, "b", "1").await;
    proxy.set_mode(ProxyMode::Closed);
    proxy.set_mode(ProxyMode::Open);
    watched.until_keys(&["a", "b"]).await;
}

/// Each outage is shorter than the pause between two requests for the missing bucket.
#[tokio::test]
async fn an_outage_is_reported_at_once_while_the_bucket_is_missing() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let proxy = TcpProxy::start(server.port(), ProxyMode::Open).await;
    let mut watched = Watched::start(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    let mut link = watched.connection.link();
    for outages in 0..4 {
        let is_missing_again = |view: &View| {
            let unavailable =
                view.states.iter().filter(|state| matches!(state, BucketState::Unavailable { .. }));
            view.states.last() == Some(&BucketState::Missing) && unavailable.count() == outages
        };
        watched.until(&format!("missing after {outages} outages"), is_missing_again).await;
        proxy.set_mode(ProxyMode::Closed);
        link.wait_for(|link| !link.connected).await.expect("the connection exists");
        proxy.set_mode(ProxyMode::Open);
    }
}

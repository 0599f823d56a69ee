//! Three servers.

use std::time::{Duration, Instant};

use registry_client::bucket_watch::BucketState;
use testkit::nats::{NatsCluster, NatsVersion};

use crate::watched::{View, Watched, create_replicated, jetstream_of};

/// The number of writes. One server is away during some of each hundred.
const WRITES: usize = 300;
/// How long a write may be retried.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);

/// Kills each server in turn while a client writes. Every write that was confirmed is reported.
#[tokio::test]
async fn no_confirmed_write_is_lost_while_each_server_is_killed_in_turn() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&cluster.url()).await;
    let store = create_replicated(&jetstream, Duration::ZERO, 3).await;
    let mut watched = Watched::start(&cluster.url()).await;
    watched.until_keys(&[]).await;
    for number in 0..WRITES {
        match number % 100 {
            50 => cluster.servers[number / 100].kill(),
            90 => cluster.servers[number / 100].restart(),
            _ => {}
        }
        let deadline = Instant::now() + WRITE_TIMEOUT;
        while let Err(error) = store.put(key(number), number.to_string().into()).await {
            assert!(
                Instant::now() < deadline,
                "two of three servers do not confirm {}: {error}",
                key(number)
            );
        }
    }
    let has_all = |view: &View| (0..WRITES).all(|number| view.values.contains_key(&key(number)));
    let is_live = |view: &View| view.states.last() == Some(&BucketState::Live);
    watched.until("live with every confirmed write", |view| is_live(view) && has_all(view)).await;
}

fn key(number: usize) -> String {
    format!("key-{number:03}")
}

/// Without a quorum nothing is confirmed, although a server answers.
#[tokio::test]
async fn a_lost_quorum_is_an_outage() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&cluster.url()).await;
    let store = create_replicated(&jetstream, Duration::ZERO, 3).await;
    store.put("a", "1".into()).await.expect("NATS answers");
    let mut watched = Watched::start(&cluster.url()).await;
    watched.until_keys(&["a"]).await;
    cluster.servers[0].kill();
    cluster.servers[1].kill();
    let is_unavailable = |state: Option<&BucketState>| matches!(state, Some(BucketState::Unavailable { .. }));
    let view = watched.until("unavailable", |view| is_unavailable(view.states.last())).await;
    assert_eq!(view.values.len(), 1);
    cluster.servers[0].restart();
    cluster.servers[1].restart();
    watched.until_keys(&["a"]).await;
}

//! Three servers.

use std::time::Duration;

use registry_client::bucket_watch::BucketState;
use testkit::nats::{NatsCluster, NatsVersion};

use crate::watched::{Watched, create_replicated, jetstream_of};

const WRITES: usize = 300;

/// Kills each server in turn while a client writes. Every write that was confirmed is reported.
#[tokio::test]
async fn no_confirmed_write_is_lost_while_each_server_is_killed_in_turn() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&cluster.url()).await;
    let store = create_replicated(&jetstream, Duration::ZERO, 3).await;
    let mut watched = Watched::start(&cluster.url()).await;
    watched.until_keys(&[]).await;
    let mut confirmed = Vec::new();
    for number in 0..WRITES {
        if number % 100 == 50 {
            cluster.servers[number / 100].kill();
        }
        if number % 100 == 90 {
            cluster.servers[number / 100].restart();
        }
        let key = format!("key-{number:03}");
        if store.put(&key, number.to_string().into()).await.is_ok() {
            confirmed.push(key);
        }
    }
    assert!(confirmed.len() > WRITES / 2, "the cluster confirms writes while a server is away");
    watched
        .until("live with every confirmed write", |view| {
            view.states.last() == Some(&BucketState::Live)
                && confirmed.iter().all(|key| view.values.contains_key(key))
        })
        .await;
}

/// Without a quorum nothing is confirmed, although a server answers.
#[tokio::test]
async fn a_lost_quorum_is_an_outage() {
    let mut cluster = NatsCluster::start(NatsVersion::Pinned);
    let jetstream = jetstream_of(&cluster.url()).await;
    let store = create_replicated(&jetstream, Duration::ZERO, 3).await;
    store.put("a", "1".into()).await.unwrap();
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

//! A store of Debian's server under the pinned one.

use std::time::Duration;

use testkit::nats::{NatsServer, NatsVersion};

use crate::watched::{Watched, create_bucket, jetstream_of, put};

#[tokio::test]
async fn a_watch_survives_an_upgrade_of_the_server() {
    let mut server = NatsServer::start(NatsVersion::Debian);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    put(&store, "a", "1").await;
    let mut watched = Watched::start(&server.url()).await;
    watched.until_keys(&["a"]).await;
    server.restart_as(NatsVersion::Pinned);
    let store =
        jetstream_of(&server.url()).await.get_key_value("service_registry").await.expect("NATS answers");
    put(&store, "b", "1").await;
    watched.until_keys(&["a", "b"]).await;
}

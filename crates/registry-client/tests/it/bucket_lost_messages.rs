//! Single messages that are lost or have unexpected times. None of this is an outage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use registry_client::bucket_watch::BucketState;
use testkit::nats::{NatsServer, NatsVersion};
use testkit::nats_proxy::NatsProxy;

use crate::watched::{BUCKET, Watched, create_bucket, jetstream_of, put};

#[tokio::test]
async fn a_lost_delivery_is_repaired_while_the_watch_stays_live() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let must_lose = Arc::new(AtomicBool::new(false));
    let lost = Arc::clone(&must_lose);
    let subject = format!("$KV.{BUCKET}.lost");
    let proxy = NatsProxy::start(server.port(), move |frame| {
        !(frame.has_subject(&subject) && lost.swap(false, Ordering::Relaxed))
    })
    .await;
    let mut watched = Watched::start(&proxy.url()).await;
    watched.until_keys(&[]).await;
    for value in ["1", "2"] {
        must_lose.store(true, Ordering::Relaxed);
        put(&store, "lost", value).await;
        put(&store, "next", value).await;
        let has_value =
            |key: &str, view: &crate::watched::View| view.values.get(key).is_some_and(|is| is == value);
        watched.until("both values", |view| has_value("lost", view) && has_value("next", view)).await;
        assert!(!must_lose.load(Ordering::Relaxed), "a delivery was lost");
    }
    assert_eq!(watched.view().states, [BucketState::Live]);
}

#[tokio::test]
async fn a_lost_answer_about_the_stream_is_asked_for_again_while_the_watch_stays_live() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::ZERO).await;
    let answers_to_lose = Arc::new(AtomicU32::new(0));
    let to_lose = Arc::clone(&answers_to_lose);
    let (answered, mut answers) = tokio::sync::watch::channel(0);
    let proxy = NatsProxy::start(server.port(), move |frame| {
        if !frame.is_answer("stream_info") {
            return true;
        }
        let lose_one = to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        answered.send_modify(|count| *count += u32::from(lose_one.is_err()));
        lose_one.is_err()
    })
    .await;
    let mut watched = Watched::start(&proxy.url()).await;
    watched.until_keys(&[]).await;
    let before = *answers.borrow();
    answers_to_lose.store(1, Ordering::Relaxed);
    // The two users of the information can have sent a request each before.
    let answered_again = answers.wait_for(|count| *count >= before + 2);
    tokio::time::timeout(Duration::from_secs(30), answered_again)
        .await
        .expect("the stream's information is read again")
        .expect("the proxy is running");
    assert_eq!(answers_to_lose.load(Ordering::Relaxed), 0, "an answer was lost");
    put(&store, "a", "1").await;
    let view = watched.until_keys(&["a"]).await;
    assert_eq!(view.states, [BucketState::Live]);
}

/// A server whose clock is set back stores messages with earlier times. They are as new as before.
#[tokio::test]
async fn entries_do_not_expire_when_the_clock_of_the_server_is_set_back() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let store = create_bucket(&jetstream_of(&server.url()).await, Duration::from_secs(30)).await;
    let shift_seconds = Arc::new(AtomicI64::new(0));
    let shift = Arc::clone(&shift_seconds);
    let proxy = NatsProxy::start(server.port(), move |frame| {
        frame.shift_stored_time(shift.load(Ordering::Relaxed));
        true
    })
    .await;
    let mut watched = Watched::start(&proxy.url()).await;
    put(&store, "a", "1").await;
    watched.until_keys(&["a"]).await;
    shift_seconds.store(-3600, Ordering::Relaxed);
    for number in 0..20 {
        put(&store, "a", &number.to_string()).await;
        put(&store, "b", &number.to_string()).await;
        let is_met = |view: &crate::watched::View| view.puts == 3 + 2 * number;
        watched.until("every write", is_met).await;
    }
    let view = watched.until_keys(&["a", "b"]).await;
    assert_eq!((view.removals, view.states), (vec![], vec![BucketState::Live]));
}

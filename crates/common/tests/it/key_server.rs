//! Keys from a server: `JWKS_URL`.

use std::sync::Arc;
use std::time::Duration;

use common::auth::{Authenticator, Caller, Refusal};

use crate::support::key::{Key, key_set, with_audience_and_issuer};
use crate::support::key_server::KeyServer;
use crate::support::{authenticator, bearer, claims, pass};

const FRESH: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(10);
const UNAVAILABLE: Refusal = Refusal::Unavailable("the server of JWKS_URL");

/// A server that gives the key under its identifier, and one who knows the server.
async fn serving(key: &Key, id: &str) -> (KeyServer, Arc<Authenticator>) {
    let server = KeyServer::start(&key_set(&[key.jwk(id)])).await;
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    (server, Arc::new(authenticator))
}

async fn ask(authenticator: &Authenticator, key: &Key, id: &str) -> Result<Caller, Refusal> {
    bearer(authenticator, &key.token(id, &claims())).await
}

/// Asks until this comes of it: for what another task is about to do.
async fn until(authenticator: &Authenticator, key: &Key, id: &str, expected: Result<(), Refusal>) {
    let asking = async {
        while ask(authenticator, key, id).await.map(drop) != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("it comes");
}

#[tokio::test]
async fn keys_are_fetched_once_and_then_known() {
    for key in [Key::rs256(1), Key::es256(), Key::eddsa()] {
        let (server, authenticator) = serving(&key, "key").await;
        for _ in 0..3 {
            assert_eq!(ask(&authenticator, &key, "key").await.unwrap().name, "jwt:alice");
        }
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.give(&key_set(&[old.jwk("old"), new.jwk("new")]));
    pass(PAUSE).await;
    assert!(ask(&authenticator, &new, "new").await.is_ok());
    assert!(ask(&authenticator, &old, "old").await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn unknown_keys_make_one_request_in_ten_seconds_at_most() {
    let key = Key::es256();
    let (server, authenticator) = serving(&key, "key").await;
    for round in 1..=3 {
        pass(PAUSE / 2).await;
        for number in 0..20 {
            let refused = ask(&authenticator, &key, &format!("made-up-{number}")).await;
            assert_eq!(refused, Err(Refusal::WrongKey));
        }
        assert_eq!(server.requests(), round);
        pass(PAUSE / 2).await;
        assert_eq!(ask(&authenticator, &key, "made-up").await, Err(Refusal::WrongKey));
        assert_eq!(server.requests(), round + 1);
    }
}

#[tokio::test]
async fn requests_that_miss_the_same_key_share_one_fetch() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    pass(PAUSE).await;
    let token = new.token("new", &claims());
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (authenticator, token) = (Arc::clone(&authenticator), token.clone());
            tokio::spawn(async move { bearer(&authenticator, &token).await })
        })
        .collect();
    server.requested(2).await;
    server.give(&key_set(&[new.jwk("new")]));
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn keys_are_fetched_again_after_five_minutes_and_one_that_is_gone_is_refused() {
    let (old, new) = (Key::eddsa(), Key::eddsa());
    let (server, authenticator) = serving(&old, "old").await;
    server.give(&key_set(&[new.jwk("new")]));
    pass(FRESH / 2).await;
    assert!(ask(&authenticator, &old, "old").await.is_ok());
    assert_eq!(server.requests(), 1);
    pass(FRESH / 2).await;
    // The first one still finds the keys at hand, and has them fetched.
    assert!(ask(&authenticator, &old, "old").await.is_ok());
    until(&authenticator, &old, "old", Err(Refusal::WrongKey)).await;
    assert!(ask(&authenticator, &new, "new").await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_fetch_that_hangs_delays_nobody_whose_key_is_known() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    pass(FRESH).await;
    assert!(ask(&authenticator, &old, "old").await.is_ok());
    server.requested(2).await;
    let waiting = tokio::spawn({
        let (authenticator, token) = (Arc::clone(&authenticator), new.token("new", &claims()));
        async move { bearer(&authenticator, &token).await }
    });
    for _ in 0..10 {
        assert!(ask(&authenticator, &old, "old").await.is_ok());
    }
    assert!(!waiting.is_finished());
    server.give(&key_set(&[new.jwk("new")]));
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_break_off_the_fetch() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    pass(PAUSE).await;
    let waiting = tokio::spawn({
        let (authenticator, token) = (Arc::clone(&authenticator), new.token("new", &claims()));
        async move { bearer(&authenticator, &token).await }
    });
    server.requested(2).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    server.give(&key_set(&[new.jwk("new")]));
    until(&authenticator, &new, "new", Ok(())).await;
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn the_last_good_keys_stay_when_the_server_is_gone_or_talks_nonsense() {
    let key = Key::es256();
    let (mut server, authenticator) = serving(&key, "key").await;
    let bad = [
        ("500 Internal Server Error", ""),
        ("404 Not Found", ""),
        ("200 OK", "<html>"),
        ("200 OK", "{\"keys\":[]}"),
    ];
    for (number, (status, body)) in bad.into_iter().enumerate() {
        server.answer(status, body);
        pass(FRESH).await;
        assert!(ask(&authenticator, &key, "key").await.is_ok());
        server.requested(number + 2).await;
        // Whether another key exists can't be known now.
        assert_eq!(ask(&authenticator, &key, "other").await, Err(UNAVAILABLE), "{status} {body}");
        assert!(ask(&authenticator, &key, "key").await.is_ok(), "{status} {body}");
    }
    server.stop().await;
    pass(FRESH).await;
    assert_eq!(ask(&authenticator, &key, "other").await, Err(UNAVAILABLE));
    assert!(ask(&authenticator, &key, "key").await.is_ok());
}

#[tokio::test]
async fn a_service_starts_without_its_key_server_and_learns_the_keys_when_it_comes() {
    let key = Key::es256();
    let server = KeyServer::start("").await;
    server.answer("503 Service Unavailable", "");
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    assert!(authenticator.configured());
    assert_eq!(ask(&authenticator, &key, "key").await, Err(UNAVAILABLE));
    assert_eq!(UNAVAILABLE.reason(), "unavailable");
    server.give(&key_set(&[key.jwk("key")]));
    pass(PAUSE).await;
    assert!(ask(&authenticator, &key, "key").await.is_ok());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let key = Key::es256();
    let elsewhere = KeyServer::start(&key_set(&[key.jwk("key")])).await;
    let server = KeyServer::start("").await;
    server.answer(&format!("302 Found\r\nlocation: {}", elsewhere.url), "");
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    assert_eq!(ask(&authenticator, &key, "key").await, Err(UNAVAILABLE));
    assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
}

#[tokio::test]
async fn an_answer_longer_than_256_kib_is_no_key_set() {
    let key = Key::es256();
    let (server, authenticator) = serving(&key, "key").await;
    let padding = " ".repeat(256 * 1024);
    server.give(&format!("{}{padding}", key_set(&[key.jwk("new")])));
    pass(PAUSE).await;
    assert_eq!(ask(&authenticator, &key, "new").await, Err(UNAVAILABLE));
    assert!(ask(&authenticator, &key, "key").await.is_ok());
}

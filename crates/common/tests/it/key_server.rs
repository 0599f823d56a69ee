//! Keys from a server: `JWKS_URL`.

use std::sync::Arc;
use std::time::Duration;

use common::auth::{AuthError, Authenticator, Caller};

use crate::support::key::{Key, key_set, with_audience_and_issuer};
use crate::support::key_server::KeyServer;
use crate::support::log::LogCapture;
use crate::support::{advance, authenticator, bearer, claims, try_authenticator};

const MAX_AGE: Duration = Duration::from_mins(5);
const MIN_INTERVAL: Duration = Duration::from_secs(10);
const UNAVAILABLE: AuthError = AuthError::Unavailable("the server of JWKS_URL");

/// A server that serves the key under this identifier, and an authenticator that uses the server.
async fn serving(key: &Key, id: &str) -> (KeyServer, Arc<Authenticator>) {
    let server = KeyServer::start(&key_set(&[key.jwk(id)])).await;
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    (server, Arc::new(authenticator))
}

async fn authenticate(authenticator: &Authenticator, key: &Key, id: &str) -> Result<Caller, AuthError> {
    bearer(authenticator, &key.token(id, &claims())).await
}

/// Repeats the request until it has this outcome, which another task is about to cause.
async fn until(authenticator: &Authenticator, key: &Key, id: &str, expected: Result<(), AuthError>) {
    let asking = async {
        while authenticate(authenticator, key, id).await.map(drop) != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("the outcome occurs");
}

#[tokio::test]
async fn keys_are_fetched_once_and_then_reused() {
    for key in [Key::rs256(1), Key::es256(), Key::eddsa()] {
        let (server, authenticator) = serving(&key, "key").await;
        for _ in 0..3 {
            assert_eq!(authenticate(&authenticator, &key, "key").await.unwrap().name, "jwt:alice");
        }
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.serve(&key_set(&[old.jwk("old"), new.jwk("new")]));
    advance(MIN_INTERVAL).await;
    assert!(authenticate(&authenticator, &new, "new").await.is_ok());
    assert!(authenticate(&authenticator, &old, "old").await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_at_most_one_request_in_ten_seconds() {
    let key = Key::es256();
    let (server, authenticator) = serving(&key, "key").await;
    for round in 1..=3 {
        advance(MIN_INTERVAL / 2).await;
        for number in 0..20 {
            let outcome = authenticate(&authenticator, &key, &format!("made-up-{number}")).await;
            assert_eq!(outcome, Err(AuthError::WrongKey));
        }
        assert_eq!(server.requests(), round);
        advance(MIN_INTERVAL / 2).await;
        assert_eq!(authenticate(&authenticator, &key, "made-up").await, Err(AuthError::WrongKey));
        assert_eq!(server.requests(), round + 1);
    }
}

#[tokio::test]
async fn requests_with_the_same_unknown_key_share_one_fetch() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    advance(MIN_INTERVAL).await;
    let token = new.token("new", &claims());
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (authenticator, token) = (Arc::clone(&authenticator), token.clone());
            tokio::spawn(async move { bearer(&authenticator, &token).await })
        })
        .collect();
    server.requested(2).await;
    server.serve(&key_set(&[new.jwk("new")]));
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn keys_are_fetched_again_after_five_minutes_and_a_removed_key_is_rejected() {
    let (old, new) = (Key::eddsa(), Key::eddsa());
    let (server, authenticator) = serving(&old, "old").await;
    server.serve(&key_set(&[new.jwk("new")]));
    advance(MAX_AGE / 2).await;
    assert!(authenticate(&authenticator, &old, "old").await.is_ok());
    assert_eq!(server.requests(), 1);
    advance(MAX_AGE / 2).await;
    // The first request uses the old keys and starts the fetch.
    assert!(authenticate(&authenticator, &old, "old").await.is_ok());
    until(&authenticator, &old, "old", Err(AuthError::WrongKey)).await;
    assert!(authenticate(&authenticator, &new, "new").await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_fetch_that_hangs_does_not_delay_requests_with_a_known_key() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    advance(MAX_AGE).await;
    assert!(authenticate(&authenticator, &old, "old").await.is_ok());
    server.requested(2).await;
    let waiting = tokio::spawn({
        let (authenticator, token) = (Arc::clone(&authenticator), new.token("new", &claims()));
        async move { bearer(&authenticator, &token).await }
    });
    for _ in 0..10 {
        assert!(authenticate(&authenticator, &old, "old").await.is_ok());
    }
    assert!(!waiting.is_finished());
    server.serve(&key_set(&[new.jwk("new")]));
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_who_disconnects_does_not_cancel_the_fetch() {
    let (old, new) = (Key::es256(), Key::es256());
    let (server, authenticator) = serving(&old, "old").await;
    server.hang();
    advance(MIN_INTERVAL).await;
    let waiting = tokio::spawn({
        let (authenticator, token) = (Arc::clone(&authenticator), new.token("new", &claims()));
        async move { bearer(&authenticator, &token).await }
    });
    server.requested(2).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    server.serve(&key_set(&[new.jwk("new")]));
    until(&authenticator, &new, "new", Ok(())).await;
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn the_last_valid_keys_stay_when_the_server_fails_or_sends_an_invalid_set() {
    let key = Key::es256();
    let (mut server, authenticator) = serving(&key, "key").await;
    let bad = [("500 Internal Server Error", ""), ("404 Not Found", ""), ("200 OK", "<html>")];
    for (number, (status, body)) in bad.into_iter().enumerate() {
        server.answer(status, body);
        advance(MAX_AGE).await;
        assert!(authenticate(&authenticator, &key, "key").await.is_ok());
        server.requested(number + 2).await;
        // Another key may exist, which can't be found out now.
        assert_eq!(authenticate(&authenticator, &key, "other").await, Err(UNAVAILABLE), "{status} {body}");
        assert!(authenticate(&authenticator, &key, "key").await.is_ok(), "{status} {body}");
    }
    server.stop().await;
    advance(MAX_AGE).await;
    assert_eq!(authenticate(&authenticator, &key, "other").await, Err(UNAVAILABLE));
    assert!(authenticate(&authenticator, &key, "key").await.is_ok());
}

#[tokio::test]
async fn a_set_without_keys_revokes_all_keys_until_the_server_has_keys_again() {
    let key = Key::es256();
    let (log, _guard) = LogCapture::install();
    let (server, authenticator) = serving(&key, "key").await;
    assert_eq!(authenticator.revocations().collect::<Vec<_>>(), [("JWKS_URL", false)]);
    // A symmetric key can't be used, so this set has no keys either.
    for set in ["{\"keys\":[]}".to_owned(), key_set(&[Key::hs256("x".repeat(32)).jwk("key")])] {
        server.serve(&set);
        advance(MAX_AGE).await;
        // Without a request: the service calls this once a second.
        authenticator.revocations().for_each(drop);
        until(&authenticator, &key, "key", Err(AuthError::WrongKey)).await;
        assert_eq!(authenticator.revocations().collect::<Vec<_>>(), [("JWKS_URL", true)]);
    }
    assert_eq!(log.text().matches("the keys of JWKS_URL are revoked").count(), 1, "{}", log.text());
    server.serve(&key_set(&[key.jwk("key")]));
    advance(MIN_INTERVAL).await;
    assert!(authenticate(&authenticator, &key, "key").await.is_ok());
    assert_eq!(log.text().matches("contains keys again").count(), 1, "{}", log.text());
}

#[tokio::test]
async fn a_set_without_keys_is_an_error_at_startup() {
    let server = KeyServer::start("{\"keys\":[]}").await;
    let error = try_authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await.unwrap_err();
    assert!(error.to_string().starts_with("JWKS_URL: the key set contains no key"), "{error}");
}

#[tokio::test]
async fn a_service_starts_without_its_key_server_and_fetches_the_keys_later() {
    let key = Key::es256();
    let server = KeyServer::start("").await;
    server.answer("503 Service Unavailable", "");
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    assert!(authenticator.configured());
    assert_eq!(authenticate(&authenticator, &key, "key").await, Err(UNAVAILABLE));
    assert_eq!(UNAVAILABLE.reason(), "unavailable");
    server.serve(&key_set(&[key.jwk("key")]));
    advance(MIN_INTERVAL).await;
    assert!(authenticate(&authenticator, &key, "key").await.is_ok());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let key = Key::es256();
    let elsewhere = KeyServer::start(&key_set(&[key.jwk("key")])).await;
    let server = KeyServer::start("").await;
    server.answer(&format!("302 Found\r\nlocation: {}", elsewhere.url), "");
    let authenticator = authenticator(&with_audience_and_issuer("JWKS_URL", &server.url)).await;
    assert_eq!(authenticate(&authenticator, &key, "key").await, Err(UNAVAILABLE));
    assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
}

#[tokio::test]
async fn a_response_longer_than_256_kib_is_rejected() {
    let key = Key::es256();
    let (server, authenticator) = serving(&key, "key").await;
    let padding = " ".repeat(256 * 1024);
    server.serve(&format!("{}{padding}", key_set(&[key.jwk("new")])));
    advance(MIN_INTERVAL).await;
    assert_eq!(authenticate(&authenticator, &key, "new").await, Err(UNAVAILABLE));
    assert!(authenticate(&authenticator, &key, "key").await.is_ok());
}

//! Tokens of Kubernetes ServiceAccounts, with a fake of the API server. trigger-api's tests use a real one.

use std::sync::Arc;
use std::time::Duration;

use common::auth::{AuthError, AuthMethod, Authenticator, Caller, Role};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::key::{Key, encode};
use crate::support::reviewer::{FakeReviewer, service_account_token};
use crate::support::{AUDIENCE, advance, authenticator_with_reviewer, bearer, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn token() -> String {
    service_account_token("one", &json!({}))
}

/// An authenticator with this reviewer, [`AUDIENCE`] and these lists.
async fn with_lists(reviewer: &Arc<FakeReviewer>, lists: &[(&str, &str)]) -> Authenticator {
    let mut values = vec![("TOKEN_REVIEW_AUDIENCE", AUDIENCE)];
    values.extend(lists);
    authenticator_with_reviewer(&values, reviewer).await
}

#[tokio::test]
async fn a_service_account_of_the_cluster_is_an_operator() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    assert!(authenticator.configured());
    reviewer.accept(&token(), "trading", "dashboard");
    let expected = Caller {
        name: "serviceaccount:trading:dashboard".to_owned(),
        role: Role::Operator,
        method: AuthMethod::ServiceAccount,
        on_behalf_of: None,
    };
    assert_eq!(bearer(&authenticator, &token()).await, Ok(expected));
    assert_eq!(reviewer.reviews(), [[AUDIENCE]]);
}

#[tokio::test]
async fn a_token_that_the_cluster_does_not_accept_is_rejected() {
    let authenticator = with_lists(&FakeReviewer::new(), &[]).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(AuthError::Rejected));
}

#[tokio::test]
async fn lists_define_the_administrators_operators_and_readers() {
    let reviewer = FakeReviewer::new();
    let lists = [
        ("TOKEN_REVIEW_ADMINS", "ops/admin"),
        ("TOKEN_REVIEW_ALLOWED", "trading/dashboard, jobs/*"),
        ("TOKEN_REVIEW_READERS", "ops/*, ops/console, jobs/reader"),
    ];
    let authenticator = with_lists(&reviewer, &lists).await;
    let cases = [
        ("ops", "admin", Ok(Role::Admin)),
        ("trading", "dashboard", Ok(Role::Operator)),
        ("jobs", "any", Ok(Role::Operator)),
        ("ops", "console", Ok(Role::Reader)),
        ("jobs", "reader", Ok(Role::Operator)),
        ("trading", "other", Err(AuthError::NotAllowed)),
        ("trading", "admin", Err(AuthError::NotAllowed)),
        ("jobs-2", "any", Err(AuthError::NotAllowed)),
    ];
    for (namespace, name, expected) in cases {
        let token = service_account_token(&format!("{namespace}/{name}"), &json!({}));
        reviewer.accept(&token, namespace, name);
        let role = bearer(&authenticator, &token).await.map(|caller| caller.role);
        assert_eq!(role, expected, "{namespace}/{name}");
    }
}

#[tokio::test]
async fn users_of_the_cluster_that_are_not_service_accounts_are_not_allowed() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let users = [
        "alice",
        "system:admin",
        "system:serviceaccount:trading",
        "system:serviceaccount::x",
        "system:serviceaccount:a:b:c",
    ];
    for user in users {
        let token = service_account_token(user, &json!({}));
        reviewer.accept_for(&token, user, &[AUDIENCE]);
        assert_eq!(bearer(&authenticator, &token).await, Err(AuthError::NotAllowed), "{user}");
    }
}

#[tokio::test]
async fn a_review_without_the_requested_audience_is_rejected() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    for (number, audiences) in [&[][..], &["https://kubernetes.default.svc"]].into_iter().enumerate() {
        let token = service_account_token(&number.to_string(), &json!({}));
        reviewer.accept_for(&token, "system:serviceaccount:trading:dashboard", audiences);
        assert_eq!(bearer(&authenticator, &token).await, Err(AuthError::WrongAudience), "{audiences:?}");
    }
}

#[tokio::test]
async fn an_accepted_token_is_cached_for_a_minute() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    reviewer.accept(&token(), "trading", "dashboard");
    tokio::time::pause();
    assert!(bearer(&authenticator, &token()).await.is_ok());
    reviewer.revoke(&token());
    tokio::time::advance(Duration::from_millis(59_999)).await;
    assert!(bearer(&authenticator, &token()).await.is_ok());
    assert_eq!(reviewer.reviews().len(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(AuthError::Rejected));
    assert_eq!(reviewer.reviews().len(), 2);
}

#[tokio::test]
async fn an_accepted_token_is_cached_no_longer_than_it_is_valid() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let token = service_account_token("short", &json!({ "exp": from_now(30) }));
    reviewer.accept(&token, "trading", "dashboard");
    assert!(bearer(&authenticator, &token).await.is_ok());
    advance(Duration::from_secs(31)).await;
    assert!(bearer(&authenticator, &token).await.is_ok());
    assert_eq!(reviewer.reviews().len(), 2);
}

#[tokio::test]
async fn a_rejected_token_is_cached_for_five_seconds() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    tokio::time::pause();
    assert_eq!(bearer(&authenticator, &token()).await, Err(AuthError::Rejected));
    reviewer.accept(&token(), "trading", "dashboard");
    tokio::time::advance(Duration::from_millis(4_999)).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(AuthError::Rejected));
    assert_eq!(reviewer.reviews().len(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(bearer(&authenticator, &token()).await.is_ok());
}

#[tokio::test]
async fn an_unreachable_api_server_is_reported_and_not_cached() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    reviewer.accept(&token(), "trading", "dashboard");
    reviewer.fail(Some("connection refused"));
    let error = bearer(&authenticator, &token()).await.unwrap_err();
    assert_eq!(error, AuthError::Unavailable("the cluster's API server"));
    reviewer.fail(None);
    assert!(bearer(&authenticator, &token()).await.is_ok());
    assert_eq!(reviewer.reviews().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_review_that_hangs_times_out() {
    struct Hanging;
    #[async_trait::async_trait]
    impl common::auth::TokenReviewer for Hanging {
        async fn review(
            &self,
            _: &str,
            _: &[String],
        ) -> Result<Option<common::auth::Reviewed>, common::auth::ReviewError> {
            std::future::pending().await
        }
    }
    let authenticator =
        authenticator_with_reviewer(&[("TOKEN_REVIEW_AUDIENCE", AUDIENCE)], &Arc::new(Hanging)).await;
    assert_eq!(bearer(&authenticator, &token()).await.unwrap_err().reason(), "unavailable");
}

/// The outcome of a request with this bearer token from an address.
async fn from_address(
    authenticator: &Authenticator,
    token: &str,
    address: &str,
) -> Result<Caller, AuthError> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let outcome = authenticator.authenticate(&headers, address.parse().ok()).await;
    outcome.into_caller().map(|caller| caller.expect("bearer tokens are configured"))
}

#[tokio::test]
async fn a_flood_of_forged_tokens_costs_few_reviews_and_delays_no_other_client() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let known = service_account_token("known", &json!({}));
    reviewer.accept(&known, "trading", "dashboard");
    assert!(from_address(&authenticator, &known, "10.0.0.1").await.is_ok());
    reviewer.accept(&token(), "trading", "dashboard");
    let mut throttled = 0;
    for number in 0..4000 {
        let forged = service_account_token(&number.to_string(), &json!({}));
        match from_address(&authenticator, &forged, "10.0.0.66").await {
            Err(AuthError::Throttled) => throttled += 1,
            outcome => assert_eq!(outcome, Err(AuthError::Rejected)),
        }
    }
    assert_eq!(reviewer.reviews().len(), 4001 - throttled);
    assert!(reviewer.reviews().len() < 200, "{}", reviewer.reviews().len());
    // A token that is cached, also one of that address, and a new one of another address.
    assert!(from_address(&authenticator, &known, "10.0.0.66").await.is_ok());
    assert!(from_address(&authenticator, &token(), "10.0.0.1").await.is_ok());
}

#[tokio::test]
async fn a_token_that_can_not_be_valid_is_rejected_without_a_review() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let changed = |changes: Value| service_account_token("one", &changes);
    let token = token();
    let (message, _) = token.rsplit_once('.').unwrap();
    let (_, claims) = message.split_once('.').unwrap();
    let header = encode(json!({ "alg": "HS256" }).to_string());
    let signature = encode([7; 64]);
    let wrong = [
        (changed(json!({ "aud": ["https://kubernetes.default.svc"] })), "wrong_audience"),
        (changed(json!({ "aud": null })), "wrong_audience"),
        (changed(json!({ "exp": from_now(-60) })), "expired"),
        (changed(json!({ "exp": null })), "no_expiry"),
        (changed(json!({ "sub": "system:serviceaccount:ops:admin" })), "malformed"),
        (changed(json!({ "kubernetes.io": {} })), "malformed"),
        (changed(json!({ "kubernetes.io": { "namespace": "trading" } })), "malformed"),
        (format!("{message}."), "bad_signature"),
        (format!("{message}.{}", encode([7; 63])), "bad_signature"),
        (format!("{message}.!"), "bad_signature"),
        (format!("{header}.{claims}.{signature}"), "algorithm"),
    ];
    for (token, reason) in &wrong {
        assert_eq!(bearer(&authenticator, token).await.unwrap_err().reason(), *reason, "{token}");
    }
    assert!(reviewer.reviews().is_empty());
}

#[tokio::test]
async fn only_tokens_that_name_a_service_account_are_reviewed() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let other = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": from_now(300) }));
    reviewer.accept(&other, "trading", "dashboard");
    assert_eq!(bearer(&authenticator, &other).await, Err(AuthError::WrongIssuer));
    assert_eq!(bearer(&authenticator, "opaque").await.unwrap_err().reason(), "malformed");
    assert!(reviewer.reviews().is_empty());
}

#[tokio::test]
async fn jwts_and_service_account_tokens_can_be_used_together() {
    let reviewer = FakeReviewer::new();
    let values = [("TOKEN_REVIEW_AUDIENCE", AUDIENCE), ("JWT_SECRET", SECRET)];
    let authenticator = authenticator_with_reviewer(&values, &reviewer).await;
    reviewer.accept(&token(), "trading", "dashboard");
    assert_eq!(bearer(&authenticator, &token()).await.unwrap().method, AuthMethod::ServiceAccount);
    let jwt = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": from_now(300) }));
    assert_eq!(bearer(&authenticator, &jwt).await.unwrap().method, AuthMethod::Jwt);
    assert_eq!(reviewer.reviews().len(), 1);
    // The claim selects the check, and a signature with the JWT secret does not satisfy the TokenReview.
    let signed_by_us = Key::hs256(SECRET).token("", &json!({ "exp": from_now(300), "kubernetes.io": {} }));
    assert_eq!(bearer(&authenticator, &signed_by_us).await, Err(AuthError::Algorithm));
}

#[tokio::test]
async fn without_token_reviews_a_service_account_token_is_checked_as_a_jwt() {
    let reviewer = FakeReviewer::new();
    reviewer.accept(&token(), "trading", "dashboard");
    let authenticator = authenticator_with_reviewer(&[("JWT_SECRET", SECRET)], &reviewer).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(AuthError::Algorithm));
    assert!(reviewer.reviews().is_empty());
}

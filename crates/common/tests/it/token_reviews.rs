//! Tokens of Kubernetes ServiceAccounts. What the API server itself says is tested where a real one runs.

use std::sync::Arc;
use std::time::Duration;

use common::auth::{Authenticator, Caller, Method, Refusal, Role};
use serde_json::json;

use crate::support::key::Key;
use crate::support::reviewer::{FakeReviewer, service_account_token};
use crate::support::{AUDIENCE, bearer, from_now, pass, reviewing};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn token() -> String {
    service_account_token("one", &json!({}))
}

/// One with this reviewer, our audience and these lists.
async fn with_lists(reviewer: &Arc<FakeReviewer>, lists: &[(&str, &str)]) -> Authenticator {
    let mut values = vec![("TOKEN_REVIEW_AUDIENCE", AUDIENCE)];
    values.extend(lists);
    reviewing(&values, reviewer).await
}

#[tokio::test]
async fn a_service_account_of_the_cluster_is_an_internal_caller() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    assert!(authenticator.configured());
    reviewer.accept(&token(), "trading", "dashboard");
    let expected = Caller {
        name: "serviceaccount:trading:dashboard".to_owned(),
        role: Role::Internal,
        method: Method::ServiceAccount,
    };
    assert_eq!(bearer(&authenticator, &token()).await, Ok(expected));
    assert_eq!(reviewer.asked(), [[AUDIENCE]]);
}

#[tokio::test]
async fn a_token_that_the_cluster_does_not_know_is_refused() {
    let authenticator = with_lists(&FakeReviewer::new(), &[]).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(Refusal::Rejected));
}

#[tokio::test]
async fn lists_say_who_is_let_in_and_who_administers() {
    let reviewer = FakeReviewer::new();
    let lists = [("TOKEN_REVIEW_ADMINS", "ops/admin"), ("TOKEN_REVIEW_ALLOWED", "trading/dashboard, jobs/*")];
    let authenticator = with_lists(&reviewer, &lists).await;
    let cases = [
        ("ops", "admin", Ok(Role::Admin)),
        ("trading", "dashboard", Ok(Role::Internal)),
        ("jobs", "any", Ok(Role::Internal)),
        ("ops", "other", Err(Refusal::NotAllowed)),
        ("trading", "other", Err(Refusal::NotAllowed)),
        ("trading", "admin", Err(Refusal::NotAllowed)),
        ("jobs-2", "any", Err(Refusal::NotAllowed)),
    ];
    for (namespace, name, expected) in cases {
        let token = service_account_token(&format!("{namespace}/{name}"), &json!({}));
        reviewer.accept(&token, namespace, name);
        let role = bearer(&authenticator, &token).await.map(|caller| caller.role);
        assert_eq!(role, expected, "{namespace}/{name}");
    }
}

#[tokio::test]
async fn users_of_the_cluster_that_are_no_service_accounts_are_not_let_in() {
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
        assert_eq!(bearer(&authenticator, &token).await, Err(Refusal::NotAllowed), "{user}");
    }
}

#[tokio::test]
async fn a_review_that_does_not_name_our_audience_does_not_count() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    for (number, audiences) in [&[][..], &["https://kubernetes.default.svc"]].into_iter().enumerate() {
        let token = service_account_token(&number.to_string(), &json!({}));
        reviewer.accept_for(&token, "system:serviceaccount:trading:dashboard", audiences);
        assert_eq!(bearer(&authenticator, &token).await, Err(Refusal::WrongAudience), "{audiences:?}");
    }
}

#[tokio::test]
async fn a_good_review_counts_for_a_minute() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    reviewer.accept(&token(), "trading", "dashboard");
    tokio::time::pause();
    assert!(bearer(&authenticator, &token()).await.is_ok());
    reviewer.revoke(&token());
    tokio::time::advance(Duration::from_millis(59_999)).await;
    assert!(bearer(&authenticator, &token()).await.is_ok());
    assert_eq!(reviewer.asked().len(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(Refusal::Rejected));
    assert_eq!(reviewer.asked().len(), 2);
}

#[tokio::test]
async fn a_good_review_counts_no_longer_than_the_token() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let token = service_account_token("short", &json!({ "exp": from_now(30) }));
    reviewer.accept(&token, "trading", "dashboard");
    assert!(bearer(&authenticator, &token).await.is_ok());
    pass(Duration::from_secs(31)).await;
    assert!(bearer(&authenticator, &token).await.is_ok());
    assert_eq!(reviewer.asked().len(), 2);
}

#[tokio::test]
async fn a_bad_review_counts_for_five_seconds() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    tokio::time::pause();
    assert_eq!(bearer(&authenticator, &token()).await, Err(Refusal::Rejected));
    reviewer.accept(&token(), "trading", "dashboard");
    tokio::time::advance(Duration::from_millis(4_999)).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(Refusal::Rejected));
    assert_eq!(reviewer.asked().len(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(bearer(&authenticator, &token()).await.is_ok());
}

#[tokio::test]
async fn an_api_server_out_of_reach_is_told_and_asked_again_at_once() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    reviewer.accept(&token(), "trading", "dashboard");
    reviewer.fail(Some("connection refused"));
    let refusal = bearer(&authenticator, &token()).await.unwrap_err();
    assert_eq!(refusal, Refusal::Unavailable("the cluster's API server"));
    reviewer.fail(None);
    assert!(bearer(&authenticator, &token()).await.is_ok());
    assert_eq!(reviewer.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_review_that_hangs_is_given_up() {
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
    let authenticator = reviewing(&[("TOKEN_REVIEW_AUDIENCE", AUDIENCE)], &Arc::new(Hanging)).await;
    assert_eq!(bearer(&authenticator, &token()).await.unwrap_err().reason(), "unavailable");
}

#[tokio::test]
async fn the_memory_is_bounded_and_a_flood_of_wrong_tokens_leaves_the_good_one() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    reviewer.accept(&token(), "trading", "dashboard");
    tokio::time::pause();
    assert!(bearer(&authenticator, &token()).await.is_ok());
    let wrong: Vec<String> =
        (0..2000).map(|number| service_account_token(&number.to_string(), &json!({}))).collect();
    for token in &wrong {
        assert_eq!(bearer(&authenticator, token).await, Err(Refusal::Rejected));
    }
    let asked = reviewer.asked().len();
    assert_eq!(asked, 2001);
    assert!(bearer(&authenticator, &token()).await.is_ok());
    assert_eq!(reviewer.asked().len(), asked);
    // As many as fit are remembered, and no more.
    for token in &wrong {
        assert_eq!(bearer(&authenticator, token).await, Err(Refusal::Rejected));
    }
    assert!(reviewer.asked().len() - asked >= 2000 - 1024);
}

#[tokio::test]
async fn only_tokens_that_name_a_service_account_are_reviewed() {
    let reviewer = FakeReviewer::new();
    let authenticator = with_lists(&reviewer, &[]).await;
    let other = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": from_now(300) }));
    reviewer.accept(&other, "trading", "dashboard");
    assert_eq!(bearer(&authenticator, &other).await, Err(Refusal::WrongIssuer));
    assert_eq!(bearer(&authenticator, "opaque").await.unwrap_err().reason(), "malformed");
    assert!(reviewer.asked().is_empty());
}

#[tokio::test]
async fn jwts_and_service_accounts_live_side_by_side() {
    let reviewer = FakeReviewer::new();
    let values = [("TOKEN_REVIEW_AUDIENCE", AUDIENCE), ("JWT_SECRET", SECRET)];
    let authenticator = reviewing(&values, &reviewer).await;
    reviewer.accept(&token(), "trading", "dashboard");
    assert_eq!(bearer(&authenticator, &token()).await.unwrap().method, Method::ServiceAccount);
    let jwt = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": from_now(300) }));
    assert_eq!(bearer(&authenticator, &jwt).await.unwrap().method, Method::Jwt);
    assert_eq!(reviewer.asked().len(), 1);
    // The claim chooses the judge, and no judge takes the other's word.
    let signed_by_us = Key::hs256(SECRET).token("", &json!({ "exp": from_now(300), "kubernetes.io": {} }));
    assert_eq!(bearer(&authenticator, &signed_by_us).await, Err(Refusal::Rejected));
}

#[tokio::test]
async fn without_a_review_a_service_account_token_is_a_jwt_like_others() {
    let reviewer = FakeReviewer::new();
    reviewer.accept(&token(), "trading", "dashboard");
    let authenticator = reviewing(&[("JWT_SECRET", SECRET)], &reviewer).await;
    assert_eq!(bearer(&authenticator, &token()).await, Err(Refusal::Algorithm));
    assert!(reviewer.asked().is_empty());
}

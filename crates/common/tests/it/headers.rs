//! What a request may carry, and what several credentials in it are together.

use common::auth::{Method, Refusal, Role};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::support::key::Key;
use crate::support::{ask, authenticator, bearer, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ALL: [(&str, &str); 3] =
    [("INTERNAL_TOKEN", "token"), ("ADMIN_SECRET", "secret"), ("JWT_SECRET", SECRET)];

fn token(role: &str) -> String {
    let claims = json!({ "sub": "alice", "role": role, "exp": from_now(300) });
    format!("Bearer {}", Key::hs256(SECRET).token("", &claims))
}

#[tokio::test]
async fn a_request_without_credentials_is_nobodys() {
    let authenticator = authenticator(&ALL).await;
    assert!(authenticator.configured());
    assert_eq!(ask(&authenticator, &[("accept", "*/*")]).await, Ok(None));
}

#[tokio::test]
async fn with_nothing_configured_no_credential_is_looked_at() {
    let authenticator = authenticator(&[]).await;
    assert!(!authenticator.configured());
    let sent =
        [("x-internal-token", "token"), ("x-admin-secret", "secret"), ("authorization", "Bearer token")];
    assert_eq!(ask(&authenticator, &sent).await, Ok(None));
}

#[tokio::test]
async fn each_kind_of_credential_alone_counts_as_configured() {
    let whole = [("INTERNAL_TOKEN", "token"), ("ADMIN_SECRET", "secret"), ("JWT_SECRET", SECRET)];
    for one in whole {
        assert!(authenticator(&[one]).await.configured(), "{one:?}");
    }
}

#[tokio::test]
async fn a_credential_that_is_not_configured_neither_helps_nor_harms() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "token")]).await;
    assert_eq!(ask(&authenticator, &[("x-admin-secret", "any")]).await, Ok(None));
    assert_eq!(ask(&authenticator, &[("authorization", "Bearer any")]).await, Ok(None));
    let sent = [("x-internal-token", "token"), ("x-admin-secret", "any"), ("authorization", "Bearer any")];
    let caller = ask(&authenticator, &sent).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("internal-token", Role::Internal));
}

#[tokio::test]
async fn of_several_right_credentials_the_strongest_counts() {
    let authenticator = authenticator(&ALL).await;
    let sent = [("x-internal-token", "token"), ("x-admin-secret", "secret")];
    assert_eq!(ask(&authenticator, &sent).await.unwrap().unwrap().method, Method::AdminSecret);
    let (user, admin) = (token("user"), token("admin"));
    let sent = [("x-admin-secret", "secret"), ("authorization", &user)];
    assert_eq!(ask(&authenticator, &sent).await.unwrap().unwrap().method, Method::AdminSecret);
    let sent = [("x-internal-token", "token"), ("authorization", &admin)];
    assert_eq!(ask(&authenticator, &sent).await.unwrap().unwrap().role, Role::Admin);
    assert!(Role::Admin > Role::Internal);
}

#[tokio::test]
async fn of_equally_strong_credentials_the_one_that_names_somebody_counts() {
    let authenticator = authenticator(&ALL).await;
    for (header, value, role) in
        [("x-internal-token", "token", "user"), ("x-admin-secret", "secret", "admin")]
    {
        let sent = [(header, value), ("authorization", &token(role))];
        assert_eq!(ask(&authenticator, &sent).await.unwrap().unwrap().name, "jwt:alice");
    }
}

#[tokio::test]
async fn one_wrong_credential_refuses_the_request_whatever_else_is_right() {
    let authenticator = authenticator(&ALL).await;
    let (right, wrong) = (token("admin"), format!("{}x", token("admin")));
    let right = [("x-internal-token", "token"), ("x-admin-secret", "secret"), ("authorization", &right)];
    ask(&authenticator, &right).await.unwrap().unwrap();
    let wrongs = [
        (("x-internal-token", "wrong"), Refusal::WrongToken),
        (("x-admin-secret", "wrong"), Refusal::WrongToken),
        (("authorization", wrong.as_str()), Refusal::BadSignature),
    ];
    for (place, (wrong, refusal)) in wrongs.into_iter().enumerate() {
        let mut sent = right;
        sent[place] = wrong;
        assert_eq!(ask(&authenticator, &sent).await, Err(refusal));
    }
}

#[tokio::test]
async fn a_header_that_occurs_twice_is_malformed_even_with_one_value() {
    let authenticator = authenticator(&ALL).await;
    let bearer = token("user");
    for right in [("x-internal-token", "token"), ("x-admin-secret", "secret"), ("authorization", &bearer)] {
        ask(&authenticator, &[right]).await.unwrap().unwrap();
        assert_eq!(
            ask(&authenticator, &[right, right]).await.unwrap_err().reason(),
            "malformed",
            "{right:?}"
        );
    }
    let other_scheme =
        ask(&authenticator, &[("authorization", "Basic YTpi"), ("authorization", &bearer)]).await;
    assert_eq!(other_scheme.unwrap_err().reason(), "malformed");
}

#[tokio::test]
async fn a_header_that_is_empty_or_not_visible_ascii_is_malformed() {
    let authenticator = authenticator(&ALL).await;
    for name in ["x-internal-token", "x-admin-secret", "authorization"] {
        for value in [&b""[..], b"t\xc3\xb6ken", b"\x80", b"Bearer \xff"] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            let refusal = authenticator.authenticate(&headers).await.unwrap_err();
            assert_eq!(refusal.reason(), "malformed", "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn a_scheme_is_bearer_in_any_case_and_every_other_is_not_ours() {
    let authenticator = authenticator(&ALL).await;
    let token = Key::hs256(SECRET).token("", &json!({ "exp": from_now(300) }));
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let sent = format!("{scheme} {token}");
        assert!(ask(&authenticator, &[("authorization", &sent)]).await.unwrap().is_some(), "{scheme}");
    }
    for scheme in ["Basic", "Bearers", "Digest"] {
        let sent = format!("{scheme} {token}");
        assert_eq!(ask(&authenticator, &[("authorization", &sent)]).await, Ok(None), "{scheme}");
    }
    for empty in ["Bearer", "Bearer "] {
        let refusal = ask(&authenticator, &[("authorization", empty)]).await.unwrap_err();
        assert_eq!(refusal.reason(), "malformed", "{empty:?}");
    }
}

#[tokio::test]
async fn a_token_longer_than_8_kib_is_refused_though_it_is_right() {
    let authenticator = authenticator(&ALL).await;
    let padded = |length: usize| {
        Key::hs256(SECRET).token("", &json!({ "exp": from_now(300), "padding": "x".repeat(length) }))
    };
    let (fits, too_long) = (padded(5_900), padded(6_100));
    assert!(fits.len() <= 8192 && too_long.len() > 8192, "{} {}", fits.len(), too_long.len());
    assert!(bearer(&authenticator, &fits).await.is_ok());
    let refusal = bearer(&authenticator, &too_long).await.unwrap_err();
    assert_eq!(refusal, Refusal::Malformed("the token is longer than 8 KiB"));
}

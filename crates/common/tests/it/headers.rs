//! The headers of a request, and several credentials in one request.

use common::auth::{AuthError, AuthMethod, Role};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::support::key::{Key, with_audience_and_issuer};
use crate::support::{authenticate, authenticator, bearer, claims, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ALL: [(&str, &str); 3] =
    [("INTERNAL_TOKEN", "token"), ("ADMIN_SECRET", "secret"), ("JWT_SECRET", SECRET)];

fn token(role: &str) -> String {
    let claims = json!({ "sub": "alice", "role": role, "exp": from_now(300) });
    format!("Bearer {}", Key::hs256(SECRET).token("", &claims))
}

#[tokio::test]
async fn a_request_without_credentials_has_no_caller() {
    let authenticator = authenticator(&ALL).await;
    assert!(authenticator.configured());
    assert_eq!(authenticate(&authenticator, &[("accept", "*/*")]).await, Ok(None));
}

#[tokio::test]
async fn without_configuration_every_credential_is_ignored() {
    let authenticator = authenticator(&[]).await;
    assert!(!authenticator.configured());
    let sent =
        [("x-internal-token", "token"), ("x-admin-secret", "secret"), ("authorization", "Bearer token")];
    assert_eq!(authenticate(&authenticator, &sent).await, Ok(None));
}

#[tokio::test]
async fn each_kind_of_credential_alone_counts_as_configured() {
    let kinds = [
        ("READ_TOKEN", "read"),
        ("INTERNAL_TOKEN", "token"),
        ("ADMIN_SECRET", "secret"),
        ("JWT_SECRET", SECRET),
    ];
    for one in kinds {
        assert!(authenticator(&[one]).await.configured(), "{one:?}");
    }
}

#[tokio::test]
async fn a_credential_of_a_kind_that_is_not_configured_is_ignored() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "token")]).await;
    assert_eq!(authenticate(&authenticator, &[("x-admin-secret", "any")]).await, Ok(None));
    assert_eq!(authenticate(&authenticator, &[("authorization", "Bearer any")]).await, Ok(None));
    let sent = [("x-internal-token", "token"), ("x-admin-secret", "any"), ("authorization", "Bearer any")];
    let caller = authenticate(&authenticator, &sent).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("internal-token", Role::Operator));
}

#[tokio::test]
async fn of_a_reader_and_another_role_the_other_one_counts() {
    let authenticator = authenticator(&[&ALL[..], &[("READ_TOKEN", "read")]].concat()).await;
    for (header, value, role) in [
        ("x-internal-token", "token", Role::Operator),
        ("x-admin-secret", "secret", Role::Admin),
        ("x-internal-token", "wrong", Role::Reader),
        ("x-internal-token", "", Role::Reader),
    ] {
        let sent = [(header, value), ("x-read-token", "read")];
        let caller = authenticate(&authenticator, &sent).await.unwrap().unwrap();
        assert_eq!(caller.role, role, "{header}: {value}");
    }
}

#[tokio::test]
async fn of_several_valid_credentials_the_strongest_role_counts() {
    let authenticator = authenticator(&ALL).await;
    let sent = [("x-internal-token", "token"), ("x-admin-secret", "secret")];
    assert_eq!(authenticate(&authenticator, &sent).await.unwrap().unwrap().method, AuthMethod::AdminSecret);
    let (user, admin) = (token("user"), token("admin"));
    let sent = [("x-admin-secret", "secret"), ("authorization", &user)];
    assert_eq!(authenticate(&authenticator, &sent).await.unwrap().unwrap().method, AuthMethod::AdminSecret);
    let sent = [("x-internal-token", "token"), ("authorization", &admin)];
    assert_eq!(authenticate(&authenticator, &sent).await.unwrap().unwrap().role, Role::Admin);
    assert!(Role::Admin > Role::Operator && Role::Operator > Role::Reader);
}

#[tokio::test]
async fn of_equal_roles_the_bearer_token_counts() {
    let authenticator = authenticator(&ALL).await;
    for (header, value, role) in
        [("x-internal-token", "token", "user"), ("x-admin-secret", "secret", "admin")]
    {
        let sent = [(header, value), ("authorization", &token(role))];
        assert_eq!(authenticate(&authenticator, &sent).await.unwrap().unwrap().name, "jwt:alice");
    }
}

/// Each kind of credential is right, wrong, empty or absent, in every combination.
#[tokio::test]
async fn the_valid_credential_with_the_most_rights_applies_whatever_the_others_are() {
    let authenticator = authenticator(&ALL).await;
    let (user, admin, wrong) = (token("user"), token("admin"), format!("{}x", token("admin")));
    let internal =
        [(Some("token"), Some(Role::Operator)), (Some("wrong"), None), (Some(""), None), (None, None)];
    let secret = [(Some("secret"), Some(Role::Admin)), (Some("wrong"), None), (Some(""), None), (None, None)];
    let bearer = [
        (Some(user.as_str()), Some(Role::Operator)),
        (Some(&admin), Some(Role::Admin)),
        (Some(&wrong), None),
        (Some("Bearer no-token"), None),
        (Some("Bearer "), None),
        (Some(""), None),
        (None, None),
    ];
    for (one, secret, bearer) in internal
        .iter()
        .flat_map(|one| secret.iter().map(move |secret| (one, secret)))
        .flat_map(|(one, secret)| bearer.iter().map(move |bearer| (one, secret, bearer)))
    {
        let all = [("x-internal-token", one), ("x-admin-secret", secret), ("authorization", bearer)];
        let sent: Vec<_> = all.iter().filter_map(|(name, (value, _))| Some((*name, (*value)?))).collect();
        let strongest = all.iter().filter_map(|(_, (_, role))| *role).max();
        let is_credential = |value: &str| !["", "Bearer "].contains(&value);
        let outcome = authenticate(&authenticator, &sent).await;
        match strongest {
            Some(role) => assert_eq!(outcome.unwrap().unwrap().role, role, "{sent:?}"),
            None if sent.iter().any(|(_, value)| is_credential(value)) => {
                assert!(outcome.is_err(), "{sent:?}");
            }
            None => assert_eq!(outcome, Ok(None), "{sent:?}"),
        }
    }
}

#[tokio::test]
async fn a_wrong_credential_beside_a_valid_one_is_reported() {
    let authenticator = authenticator(&ALL).await;
    let mut headers = HeaderMap::new();
    headers.insert("x-internal-token", HeaderValue::from_static("token"));
    headers.insert("x-admin-secret", HeaderValue::from_static("guessed"));
    let outcome = authenticator.authenticate(&headers, None).await;
    assert_eq!(outcome.caller.unwrap().name, "internal-token");
    assert_eq!(outcome.rejected, [AuthError::WrongToken]);
}

#[tokio::test]
async fn of_several_rejected_credentials_the_one_that_can_not_be_checked_is_reported() {
    let keys = with_audience_and_issuer("JWKS_URL", "http://127.0.0.1:1/");
    let authenticator = authenticator(&[&keys[..], &ALL[..2]].concat()).await;
    let unchecked = format!("Bearer {}", Key::es256().token("key", &claims()));
    let sent = [("x-admin-secret", "wrong"), ("authorization", &unchecked)];
    assert_eq!(authenticate(&authenticator, &sent).await.unwrap_err().reason(), "unavailable");
    let sent = [("x-internal-token", "token"), ("authorization", &unchecked)];
    assert_eq!(authenticate(&authenticator, &sent).await.unwrap().unwrap().name, "internal-token");
}

#[tokio::test]
async fn a_header_that_occurs_twice_is_malformed_even_with_one_value() {
    let authenticator = authenticator(&ALL).await;
    let bearer = token("user");
    for right in [("x-internal-token", "token"), ("x-admin-secret", "secret"), ("authorization", &bearer)] {
        authenticate(&authenticator, &[right]).await.unwrap().unwrap();
        assert_eq!(
            authenticate(&authenticator, &[right, right]).await.unwrap_err().reason(),
            "malformed",
            "{right:?}"
        );
    }
    let other_scheme =
        authenticate(&authenticator, &[("authorization", "Basic YTpi"), ("authorization", &bearer)]).await;
    assert_eq!(other_scheme.unwrap_err().reason(), "malformed");
}

#[tokio::test]
async fn a_header_that_is_not_visible_ascii_is_malformed() {
    let authenticator = authenticator(&ALL).await;
    for name in ["x-internal-token", "x-admin-secret", "authorization"] {
        for value in [&b"t\xc3\xb6ken"[..], b"\x80", b"Bearer \xff"] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            let error = authenticator.authenticate(&headers, None).await.into_caller().unwrap_err();
            assert_eq!(error.reason(), "malformed", "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn the_scheme_bearer_is_case_insensitive_and_other_schemes_are_ignored() {
    let authenticator = authenticator(&ALL).await;
    let token = Key::hs256(SECRET).token("", &json!({ "exp": from_now(300) }));
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let sent = format!("{scheme} {token}");
        assert!(
            authenticate(&authenticator, &[("authorization", &sent)]).await.unwrap().is_some(),
            "{scheme}"
        );
    }
    for scheme in ["Basic", "Bearers", "Digest"] {
        let sent = format!("{scheme} {token}");
        assert_eq!(authenticate(&authenticator, &[("authorization", &sent)]).await, Ok(None), "{scheme}");
    }
    for empty in ["Bearer", "Bearer "] {
        assert_eq!(authenticate(&authenticator, &[("authorization", empty)]).await, Ok(None), "{empty:?}");
    }
}

#[tokio::test]
async fn a_valid_token_longer_than_8_kib_is_rejected() {
    let authenticator = authenticator(&ALL).await;
    let padded = |length: usize| {
        Key::hs256(SECRET).token("", &json!({ "exp": from_now(300), "padding": "x".repeat(length) }))
    };
    let (fits, too_long) = (padded(5_900), padded(6_100));
    assert!(fits.len() <= 8192 && too_long.len() > 8192, "{} {}", fits.len(), too_long.len());
    assert!(bearer(&authenticator, &fits).await.is_ok());
    let error = bearer(&authenticator, &too_long).await.unwrap_err();
    assert_eq!(error, AuthError::Malformed("the token is longer than 8 KiB"));
}

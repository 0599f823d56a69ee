//! The rules for the claims of a JWT, and the caller that they identify.

use common::auth::{AuthError, AuthMethod, Authenticator, Caller, Role};
use serde_json::{Value, json};

use crate::support::key::Key;
use crate::support::{AUDIENCE, ISSUER, authenticator, bearer, claims, claims_with, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn strict() -> Authenticator {
    let rules = [("JWT_SECRET", SECRET), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
    authenticator(&rules).await
}

async fn authenticate(authenticator: &Authenticator, claims: &Value) -> Result<Caller, AuthError> {
    bearer(authenticator, &Key::hs256(SECRET).token("", claims)).await
}

/// The outcome for valid claims with these changes.
async fn changed(changes: Value) -> Result<Caller, AuthError> {
    authenticate(&strict().await, &claims_with(&changes)).await
}

#[tokio::test]
async fn valid_claims_identify_an_operator_by_the_subject() {
    let caller = authenticate(&strict().await, &claims()).await.unwrap();
    let expected = Caller {
        name: "jwt:alice".to_owned(),
        role: Role::Operator,
        method: AuthMethod::Jwt,
        on_behalf_of: None,
    };
    assert_eq!(caller, expected);
}

#[tokio::test]
async fn a_token_without_an_expiry_is_rejected() {
    assert_eq!(changed(json!({ "exp": null })).await, Err(AuthError::NoExpiry));
}

#[tokio::test]
async fn an_expired_token_is_rejected_after_the_leeway() {
    assert_eq!(changed(json!({ "exp": from_now(-40) })).await, Err(AuthError::Expired));
    assert_eq!(
        changed(json!({ "exp": from_now(-40), "iat": from_now(-400) })).await,
        Err(AuthError::Expired)
    );
    assert_eq!(changed(json!({ "exp": 0 })).await, Err(AuthError::Expired));
    assert_eq!(changed(json!({ "exp": -1 })).await, Err(AuthError::Expired));
    assert!(changed(json!({ "exp": from_now(-15) })).await.is_ok());
}

#[tokio::test]
async fn a_token_of_the_future_is_rejected_beyond_the_leeway() {
    for name in ["nbf", "iat"] {
        assert_eq!(changed(json!({ name: from_now(45) })).await, Err(AuthError::NotYetValid), "{name}");
        assert!(changed(json!({ name: from_now(20) })).await.is_ok(), "{name}");
        assert!(changed(json!({ name: null })).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn times_may_have_fractions_and_must_be_numbers() {
    assert!(changed(json!({ "exp": 4_102_444_800.5 })).await.is_ok());
    for name in ["exp", "nbf", "iat"] {
        for value in [json!("4102444800"), json!(true), json!([1]), json!({})] {
            let error = changed(json!({ name: value })).await.unwrap_err();
            assert_eq!(error.reason(), "malformed", "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_rejected() {
    for wrong in [json!("others"), json!(["others"]), json!([]), json!(null), json!(1), json!("Tradeops")] {
        assert_eq!(changed(json!({ "aud": wrong })).await, Err(AuthError::WrongAudience), "{wrong}");
    }
    assert!(changed(json!({ "aud": ["others", AUDIENCE] })).await.is_ok());
}

#[tokio::test]
async fn a_token_with_an_audience_is_rejected_where_none_is_configured() {
    let without_audience = authenticator(&[("JWT_SECRET", SECRET)]).await;
    assert_eq!(authenticate(&without_audience, &claims()).await, Err(AuthError::WrongAudience));
    assert!(authenticate(&without_audience, &claims_with(&json!({ "aud": null }))).await.is_ok());
}

#[tokio::test]
async fn a_token_of_another_issuer_is_rejected() {
    for wrong in [json!("https://issuer.test/"), json!(null), json!([ISSUER]), json!(1)] {
        assert_eq!(changed(json!({ "iss": wrong })).await, Err(AuthError::WrongIssuer), "{wrong}");
    }
}

#[tokio::test]
async fn the_admin_claim_is_a_whole_text_or_an_item_of_an_array() {
    let cases = [
        (json!("admin"), Role::Admin),
        (json!("not admin"), Role::Operator),
        (json!("read admin write"), Role::Operator),
        (json!(["user", "admin"]), Role::Admin),
        (json!("administrator"), Role::Operator),
        (json!("Admin"), Role::Operator),
        (json!("read,admin"), Role::Operator),
        (json!(["administrator", "read admin"]), Role::Operator),
        (json!({ "admin": true }), Role::Operator),
        (json!(true), Role::Operator),
        (json!(null), Role::Operator),
    ];
    for (claim, role) in cases {
        assert_eq!(changed(json!({ "role": claim })).await.unwrap().role, role, "{claim}");
    }
}

#[tokio::test]
async fn the_admin_claim_can_be_configured() {
    let cases = [
        ("scope=tradeops:admin", json!({ "scope": "openid tradeops:admin" }), Role::Admin),
        ("scope=tradeops:admin", json!({ "role": "admin" }), Role::Operator),
        ("realm_access.roles=admin", json!({ "realm_access": { "roles": ["admin"] } }), Role::Admin),
        ("realm_access.roles=admin", json!({ "realm_access": "admin", "roles": ["admin"] }), Role::Operator),
        ("https://a.test/roles=admin", json!({ "https://a.test/roles": ["admin"] }), Role::Admin),
        ("role=a=b", json!({ "role": "a=b" }), Role::Admin),
        ("sub=bob\nsub=alice", json!({}), Role::Admin),
        ("sub=bob\nsub=alice", json!({ "sub": "bob" }), Role::Admin),
        ("sub=bob\nsub=alice", json!({ "sub": "carol", "role": "admin" }), Role::Operator),
    ];
    for (setting, changes, role) in cases {
        let rules = [
            ("JWT_SECRET", SECRET),
            ("JWT_AUDIENCE", AUDIENCE),
            ("JWT_ISSUER", ISSUER),
            ("JWT_ADMIN_CLAIM", setting),
        ];
        let caller = authenticate(&authenticator(&rules).await, &claims_with(&changes)).await.unwrap();
        assert_eq!(caller.role, role, "{setting}: {changes}");
    }
}

#[tokio::test]
async fn a_subject_names_a_caller_in_visible_characters_and_different_subjects_differ() {
    let cases = [
        (json!("auth0|62f3 a@b.test"), "jwt:auth0|62f3 a@b.test"),
        (json!("J\u{fc}rgen \u{738b}"), "jwt:J\u{fc}rgen \u{738b}"),
        (json!("bob"), "jwt:bob"),
        (json!("bob\u{20ac}"), "jwt:bob%E2%82%AC"),
        (json!("alice\r\nlevel=ERROR\u{0}\u{1b}[2J"), "jwt:alice%0D%0Alevel=ERROR%00%1B[2J"),
        (json!("a\u{202e}b\u{200b}c"), "jwt:a%E2%80%AEb%E2%80%8Bc"),
        (json!(""), "jwt:"),
        (json!(null), "jwt"),
    ];
    for (subject, name) in cases {
        assert_eq!(changed(json!({ "sub": subject })).await.unwrap().name, name);
    }
    let long = |end: &str| changed(json!({ "sub": format!("{}{end}", "x".repeat(500)) }));
    let (one, other) = (long("a").await.unwrap().name, long("b").await.unwrap().name);
    assert!(one != other && one.len() < 140, "{one} {other}");
    assert_eq!(changed(json!({ "sub": 7 })).await.unwrap_err().reason(), "malformed");
}

#[tokio::test]
async fn a_token_has_the_greatest_role_whose_claims_match() {
    let rules = |operators, readers| {
        let shared = [("JWT_SECRET", SECRET), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
        [&shared[..], &[("JWT_OPERATOR_CLAIM", operators), ("JWT_READER_CLAIM", readers)]].concat()
    };
    let named = authenticator(&rules("role=trader", "role=viewer\ngroup=desk")).await;
    let everyone_reads = authenticator(&rules("role=trader", "*")).await;
    for (changes, role, role_if_everyone_reads) in [
        (json!({ "role": "admin" }), Ok(Role::Admin), Role::Admin),
        (json!({ "role": ["viewer", "trader"] }), Ok(Role::Operator), Role::Operator),
        (json!({ "role": "viewer" }), Ok(Role::Reader), Role::Reader),
        (json!({ "role": "other", "group": "desk" }), Ok(Role::Reader), Role::Reader),
        (json!({ "role": "not trader" }), Err(AuthError::NotAllowed), Role::Reader),
        (json!({}), Err(AuthError::NotAllowed), Role::Reader),
    ] {
        let claims = claims_with(&changes);
        let of = async |authenticator| authenticate(authenticator, &claims).await.map(|caller| caller.role);
        assert_eq!(of(&named).await, role, "{changes}");
        assert_eq!(of(&everyone_reads).await, Ok(role_if_everyone_reads), "{changes}");
    }
}

//! Settings that can't be used are told at the start, in words that name the variable.

use std::fs;

use common::auth::VARIABLES;
use common::config::Kind;

use crate::support::key::{Key, key_set};
use crate::support::{AUDIENCE, ISSUER, try_authenticator};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The words for settings that can't be used.
async fn problem(values: &[(&str, &str)]) -> String {
    try_authenticator(values).await.expect_err("these can't be used").to_string()
}

#[tokio::test]
async fn jwt_secrets_have_at_least_32_bytes_each() {
    assert!(try_authenticator(&[("JWT_SECRET", SECRET)]).await.is_ok());
    let told = problem(&[("JWT_SECRET", &SECRET[1..])]).await;
    assert!(told.starts_with("JWT_SECRET: a secret is shorter than 32 bytes"), "{told}");
    let one_of_two = format!("{SECRET}\nshort");
    assert!(problem(&[("JWT_SECRET", &one_of_two)]).await.contains("shorter than 32 bytes"));
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_told() {
    for name in ["INTERNAL_TOKEN", "ADMIN_SECRET"] {
        let told = problem(&[(name, "pässword")]).await;
        assert!(told.starts_with(name) && told.contains("visible ASCII"), "{told}");
    }
}

#[tokio::test]
async fn a_file_must_be_there_and_hold_something_at_the_start() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    for name in ["INTERNAL_TOKEN_FILE", "ADMIN_SECRET_FILE", "JWT_SECRET_FILE"] {
        let told = problem(&[(name, "/absent")]).await;
        assert!(told.starts_with(&format!("{name}: /absent: ")), "{told}");
        assert!(problem(&[(name, empty)]).await.contains("is empty"), "{name}");
    }
    let both = problem(&[("INTERNAL_TOKEN", "token"), ("INTERNAL_TOKEN_FILE", empty)]).await;
    assert!(both.contains("set one of the two"), "{both}");
}

#[tokio::test]
async fn a_key_file_must_hold_a_key_that_can_be_used() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let values = [("JWKS_FILE", path), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
    fs::write(path, key_set(&[Key::eddsa().jwk("key")])).unwrap();
    assert!(try_authenticator(&values).await.is_ok());
    let symmetric = key_set(&[Key::hs256(SECRET).jwk("key")]);
    for (content, told) in
        [("no json", "not a JWK set"), ("{}", "not a JWK set"), (symmetric.as_str(), "holds no key")]
    {
        fs::write(path, content).unwrap();
        assert!(problem(&values).await.contains(told), "{content}");
    }
}

#[tokio::test]
async fn a_key_set_needs_the_audience_and_issuer_it_is_for() {
    for (name, place) in [("JWKS_FILE", "/absent"), ("JWKS_URL", "http://127.0.0.1:1/")] {
        let told = problem(&[(name, place), ("JWT_ISSUER", ISSUER)]).await;
        assert_eq!(told, format!("JWT_AUDIENCE: is needed with {name}; set it"));
        let told = problem(&[(name, place), ("JWT_AUDIENCE", AUDIENCE)]).await;
        assert_eq!(told, format!("JWT_ISSUER: is needed with {name}; set it"));
    }
}

#[tokio::test]
async fn keys_come_from_one_place_with_an_http_url() {
    let rules = [("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
    let with = |values: &[(&'static str, &'static str)]| [values, &rules].concat();
    assert!(
        problem(&with(&[("JWKS_FILE", "/f"), ("JWKS_URL", "http://h/")]))
            .await
            .contains("set one of the two")
    );
    for url in ["file:///etc/passwd", "ftp://user:s3cret@h/", "s3cret"] {
        let told = problem(&with(&[("JWKS_URL", url)])).await;
        assert!(told.starts_with("JWKS_URL: is not a") && !told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn rules_that_would_protect_nothing_are_told() {
    for (name, value) in [
        ("JWT_AUDIENCE", AUDIENCE),
        ("JWT_ISSUER", ISSUER),
        ("JWT_ADMIN_CLAIM", "role=admin"),
        ("TOKEN_REVIEW_ADMINS", "ops/admin"),
        ("TOKEN_REVIEW_ALLOWED", "ops/admin"),
    ] {
        let told = problem(&[(name, value)]).await;
        assert!(told.starts_with(&format!("{name}: has no effect without")), "{told}");
    }
}

#[tokio::test]
async fn an_admin_claim_is_a_claim_and_a_value() {
    for wrong in ["role", "=admin", "role=", "="] {
        let told = problem(&[("JWT_SECRET", SECRET), ("JWT_ADMIN_CLAIM", wrong)]).await;
        assert!(told.starts_with("JWT_ADMIN_CLAIM: ") && told.contains("CLAIM=VALUE"), "{told}");
    }
}

#[tokio::test]
async fn a_token_review_needs_a_cluster() {
    let told = problem(&[("TOKEN_REVIEW_AUDIENCE", AUDIENCE)]).await;
    assert!(told.starts_with("TOKEN_REVIEW_AUDIENCE: needs a Kubernetes cluster"), "{told}");
}

#[tokio::test]
async fn lists_of_service_accounts_hold_nothing_else() {
    for wrong in [
        "ops",
        "ops/",
        "/admin",
        "ops/admin/x",
        "ops/ad min",
        "Ops/admin",
        "*/admin",
        "*/*",
        ",",
        "ops/admin,",
    ] {
        for name in ["TOKEN_REVIEW_ADMINS", "TOKEN_REVIEW_ALLOWED"] {
            let told = problem(&[(name, wrong)]).await;
            assert!(told.starts_with(name) && told.contains("NAMESPACE/NAME"), "{told}");
        }
    }
    assert!(problem(&[("TOKEN_REVIEW_ADMINS", "ops/*")]).await.contains("NAMESPACE/NAME"));
    assert!(problem(&[("TOKEN_REVIEW_ALLOWED", "ops/*")]).await.contains("has no effect without"));
}

#[test]
fn what_is_secret_may_come_from_a_file_and_what_is_not_may_be_shown() {
    let secrets: Vec<&str> = VARIABLES
        .iter()
        .filter(|variable| variable.kind == Kind::Secret)
        .map(|variable| variable.name)
        .collect();
    assert_eq!(secrets, ["INTERNAL_TOKEN", "ADMIN_SECRET", "JWT_SECRET"]);
}

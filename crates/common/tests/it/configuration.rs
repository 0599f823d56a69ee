//! Invalid settings are reported at startup, with the name of the variable.

use std::fs;

use common::auth::VARIABLES;
use common::config::{Settings, Variable, VariableKind};

use crate::support::key::{Key, key_set};
use crate::support::{AUDIENCE, ISSUER, try_authenticator};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The error of settings that can't be used.
async fn problem(values: &[(&str, &str)]) -> String {
    try_authenticator(values).await.expect_err("the settings are invalid").to_string()
}

#[tokio::test]
async fn jwt_secrets_have_at_least_32_bytes_each() {
    assert!(try_authenticator(&[("JWT_SECRET", SECRET)]).await.is_ok());
    let text = problem(&[("JWT_SECRET", &SECRET[1..])]).await;
    assert!(text.starts_with("JWT_SECRET: a secret is shorter than 32 bytes"), "{text}");
    let one_of_two = format!("{SECRET}\nshort");
    assert!(problem(&[("JWT_SECRET", &one_of_two)]).await.contains("shorter than 32 bytes"));
}

#[tokio::test]
async fn a_secret_that_a_header_can_not_carry_is_rejected() {
    for name in ["READ_TOKEN", "INTERNAL_TOKEN", "ADMIN_SECRET"] {
        let text = problem(&[(name, "pässword")]).await;
        assert!(text.starts_with(name) && text.contains("visible ASCII"), "{text}");
    }
}

#[tokio::test]
async fn no_value_is_in_two_secrets() {
    let values = [("ADMIN_SECRET", "first\nshared"), ("INTERNAL_TOKEN", "shared\nother")];
    let text = problem(&values).await;
    assert!(text.starts_with("INTERNAL_TOKEN: has a value of ADMIN_SECRET too"), "{text}");
    assert!(!text.contains("shared"), "{text}");
    let values = [("ADMIN_SECRET", "first"), ("INTERNAL_TOKEN", "shared\nother")];
    assert!(try_authenticator(&values).await.is_ok());
}

#[tokio::test]
async fn a_file_must_exist_and_must_not_be_empty_at_startup() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    for name in ["INTERNAL_TOKEN_FILE", "ADMIN_SECRET_FILE", "JWT_SECRET_FILE"] {
        let text = problem(&[(name, "/absent")]).await;
        assert!(text.starts_with(&format!("{name}: /absent: ")), "{text}");
        assert!(problem(&[(name, empty)]).await.contains("is empty"), "{name}");
    }
    let both = problem(&[("INTERNAL_TOKEN", "token"), ("INTERNAL_TOKEN_FILE", empty)]).await;
    assert!(both.contains("set one of the two"), "{both}");
}

#[tokio::test]
async fn a_key_file_must_contain_a_usable_key() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let values = [("JWKS_FILE", path), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
    fs::write(path, key_set(&[Key::eddsa().jwk("key")])).unwrap();
    assert!(try_authenticator(&values).await.is_ok());
    let symmetric = key_set(&[Key::hs256(SECRET).jwk("key")]);
    for (content, expected) in
        [("no json", "not a JWK set"), ("{}", "not a JWK set"), (symmetric.as_str(), "contains no key")]
    {
        fs::write(path, content).unwrap();
        assert!(problem(&values).await.contains(expected), "{content}");
    }
}

#[tokio::test]
async fn a_key_set_needs_an_audience_and_an_issuer() {
    for (name, place) in [("JWKS_FILE", "/absent"), ("JWKS_URL", "http://127.0.0.1:1/")] {
        let text = problem(&[(name, place), ("JWT_ISSUER", ISSUER)]).await;
        assert_eq!(text, format!("JWT_AUDIENCE: is needed with {name}; set it"));
        let text = problem(&[(name, place), ("JWT_AUDIENCE", AUDIENCE)]).await;
        assert_eq!(text, format!("JWT_ISSUER: is needed with {name}; set it"));
    }
}

#[tokio::test]
async fn keys_have_one_source_and_its_url_is_http_or_https() {
    let rules = [("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)];
    let with = |values: &[(&'static str, &'static str)]| [values, &rules].concat();
    assert!(
        problem(&with(&[("JWKS_FILE", "/f"), ("JWKS_URL", "http://h/")]))
            .await
            .contains("set one of the two")
    );
    for url in ["file:///etc/passwd", "ftp://user:s3cret@h/", "s3cret"] {
        let text = problem(&with(&[("JWKS_URL", url)])).await;
        assert!(text.starts_with("JWKS_URL: is not a") && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn rules_without_an_effect_are_rejected() {
    for (name, value) in [
        ("JWT_AUDIENCE", AUDIENCE),
        ("JWT_ISSUER", ISSUER),
        ("JWT_ADMIN_CLAIM", "role=admin"),
        ("TOKEN_REVIEW_ADMINS", "ops/admin"),
        ("JWT_OPERATOR_CLAIM", "role=trader"),
        ("TOKEN_REVIEW_ALLOWED", "ops/admin"),
        ("TOKEN_REVIEW_READERS", "ops/*"),
    ] {
        let text = problem(&[(name, value)]).await;
        assert!(text.starts_with(&format!("{name}: has no effect without")), "{text}");
    }
}

#[tokio::test]
async fn readers_have_no_effect_while_everyone_is_an_operator() {
    let text = problem(&[("JWT_SECRET", SECRET), ("JWT_READER_CLAIM", "role=viewer")]).await;
    assert!(text.starts_with("JWT_READER_CLAIM: ") && text.contains("set JWT_OPERATOR_CLAIM too"), "{text}");
    let lists = [("TOKEN_REVIEW_AUDIENCE", AUDIENCE), ("TOKEN_REVIEW_READERS", "ops/*")];
    let text = problem(&lists).await;
    assert!(
        text.starts_with("TOKEN_REVIEW_READERS: ") && text.contains("set TOKEN_REVIEW_ALLOWED too"),
        "{text}"
    );
}

#[tokio::test]
async fn a_trusted_caller_has_the_name_of_a_caller_with_a_configured_credential() {
    for (names, expected) in [
        ("dashboard", "\"dashboard\" is not the name of a caller"),
        ("internal-token\njwt:alice", "there can be no caller jwt:alice"),
        ("internal-token,admin-secret", "is not the name of a caller"),
        ("anonymous", "there can be no caller anonymous"),
    ] {
        let text = problem(&[("INTERNAL_TOKEN", SECRET), ("TRUSTED_CALLERS", names)]).await;
        assert!(text.starts_with("TRUSTED_CALLERS: ") && text.contains(expected), "{text}");
    }
    let text = problem(&[("TRUSTED_CALLERS", "internal-token")]).await;
    assert!(text.contains("there can be no caller internal-token"), "{text}");
}

#[tokio::test]
async fn an_admin_claim_is_a_claim_and_a_value() {
    for wrong in ["role", "=admin", "role=", "="] {
        let text = problem(&[("JWT_SECRET", SECRET), ("JWT_ADMIN_CLAIM", wrong)]).await;
        assert!(text.starts_with("JWT_ADMIN_CLAIM: ") && text.contains("CLAIM=VALUE"), "{text}");
    }
}

#[tokio::test]
async fn a_token_review_needs_a_cluster() {
    let text = problem(&[("TOKEN_REVIEW_AUDIENCE", AUDIENCE)]).await;
    assert!(text.starts_with("TOKEN_REVIEW_AUDIENCE: needs a Kubernetes cluster"), "{text}");
}

#[tokio::test]
async fn lists_of_service_accounts_contain_only_valid_names() {
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
        for name in ["TOKEN_REVIEW_ADMINS", "TOKEN_REVIEW_ALLOWED", "TOKEN_REVIEW_READERS"] {
            let text = problem(&[(name, wrong)]).await;
            assert!(text.starts_with(name) && text.contains("NAMESPACE/NAME"), "{text}");
        }
    }
    assert!(problem(&[("TOKEN_REVIEW_ADMINS", "ops/*")]).await.contains("NAMESPACE/NAME"));
    assert!(problem(&[("TOKEN_REVIEW_ALLOWED", "ops/*")]).await.contains("has no effect without"));
}

#[test]
fn only_the_secrets_are_declared_as_secrets() {
    let secrets: Vec<&str> = VARIABLES
        .iter()
        .filter(|variable| variable.kind == VariableKind::Secret)
        .map(|variable| variable.name)
        .collect();
    assert_eq!(secrets, ["READ_TOKEN", "INTERNAL_TOKEN", "ADMIN_SECRET", "JWT_SECRET"]);
}

#[test]
fn a_structure_of_the_file_is_not_converted_to_another_type() {
    const LIMITS: [Variable; 1] = [Variable::structure("LIMITS", "numbers")];
    let read = |yaml: &str| {
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        fs::write(file.path(), yaml).unwrap();
        Settings::load(Some(file.path()), &LIMITS).unwrap().structure::<Vec<u32>>("LIMITS")
    };
    assert_eq!(read("limits: [1, 2]").unwrap(), Some(vec![1, 2]));
    for wrong in ["1.5", "true", "'1'", "-1"] {
        let text = read(&format!("limits: [1, {wrong}]")).expect_err("it has another type").to_string();
        assert!(text.contains("limits") && text.contains("[1]"), "{text}");
    }
}

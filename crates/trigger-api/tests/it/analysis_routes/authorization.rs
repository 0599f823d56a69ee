//! Authorization: only administrators may start analyses, with every kind of credential.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ADMIN_SECRET, TRIGGER, source, start, start_without_secret, trigger_analysis, wait_for_end_of};
use crate::authentication::tokens::hs256;
use crate::support::{TriggerApi, answer, problem};

const INTERNAL_TOKEN: &str = "the-internal-token-of-dashboards";
const JWT_SECRET: &str = "a-secret-of-more-than-thirty-two-bytes-for-tokens";
const JWT: [(&str, &str); 4] = [
    ("JWT_SECRET", JWT_SECRET),
    ("JWT_AUDIENCE", "trigger-api"),
    ("JWT_ISSUER", "https://issuer.example"),
    ("INTERNAL_TOKEN", INTERNAL_TOKEN),
];

/// Claims of an administrator, overridden or extended by others.
fn claims(others: &Value) -> Value {
    let now = Timestamp::now().as_second();
    let mut claims = json!({
        "sub": "alice", "role": "admin", "aud": "trigger-api", "iss": "https://issuer.example",
        "iat": now, "exp": now + 600,
    });
    let claims_map = claims.as_object_mut().expect("an object");
    for (name, value) in others.as_object().expect("an object").clone() {
        claims_map.insert(name, value);
    }
    claims
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The routes of the analysis, and the general routes that do the same.
fn routes(api: &TriggerApi, id: &str) -> [RequestBuilder; 4] {
    [
        api.post(TRIGGER),
        api.get(&format!("/api/admin/portfolio/analysis-status/{id}")),
        api.post("/v1/targets/portfolio-analysis/runs"),
        api.delete(&format!("/v1/runs/{id}")),
    ]
}

async fn rejections(api: &TriggerApi, reason: &str) -> u64 {
    let metrics = api.get("/metrics").send().await.expect("it answers").text().await.expect("a whole answer");
    let label = format!("trigger_api_credentials_refused_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&label));
    line.map_or(0, |count| count.parse().expect("a count"))
}

#[tokio::test]
async fn wrong_credentials_of_every_kind_are_rejected_and_counted_and_start_nothing() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let mut api = start(&folder, &source, &JWT);
    let now = Timestamp::now().as_second();
    let unsigned =
        format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(&claims(&json!({}))));
    let token = |others: Value| hs256(JWT_SECRET, &claims(&others));
    let wrong = [
        ("expired", token(json!({ "exp": now - 3600 }))),
        ("not_yet_valid", token(json!({ "nbf": now + 3600 }))),
        ("not_yet_valid", token(json!({ "iat": now + 3600 }))),
        ("algorithm", unsigned),
        ("wrong_audience", token(json!({ "aud": "someone-else" }))),
        ("wrong_issuer", token(json!({ "iss": "https://other.example" }))),
        ("bad_signature", hs256("another-secret-of-more-than-thirty-two-bytes", &claims(&json!({})))),
        ("malformed", "no-token".to_owned()),
    ];
    for (reason, token) in &wrong {
        let before = rejections(&api, reason).await;
        for route in routes(&api, "none") {
            problem(route.bearer_auth(token), 401, "wrong-credential").await;
        }
        assert_eq!(rejections(&api, reason).await, before + 4, "{reason}");
    }
    for route in routes(&api, "none") {
        problem(route.header("x-admin-secret", "not-the-secret"), 401, "wrong-credential").await;
    }
    for route in routes(&api, "none") {
        problem(route, 401, "missing-credential").await;
    }
    assert_eq!((rejections(&api, "wrong_token").await, rejections(&api, "missing").await), (4, 4));
    let runs = answer(api.get("/v1/runs").header("x-admin-secret", ADMIN_SECRET)).await.1;
    assert_eq!(runs["runs"], json!([]));
    let log = api.last_words().join("\n");
    for (_, token) in wrong {
        assert!(!log.contains(&token) || token == "no-token", "a token is in the log");
    }
    assert!(!log.contains("not-the-secret") && !log.contains(ADMIN_SECRET));
}

#[tokio::test]
async fn a_caller_who_is_no_administrator_may_follow_runs_but_not_start_them() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &JWT);
    let id = trigger_analysis(&api).await;
    let user = hs256(JWT_SECRET, &claims(&json!({ "role": "trader" })));
    for route in routes(&api, &id) {
        problem(route.bearer_auth(&user), 403, "not-allowed").await;
    }
    for route in routes(&api, &id) {
        problem(route.header("x-internal-token", INTERNAL_TOKEN), 403, "not-allowed").await;
    }
    assert_eq!(rejections(&api, "not_admin").await, 8);
    for path in [format!("/v1/runs/{id}"), format!("/v1/runs/{id}/events")] {
        let followed = api.get(&path).header("x-internal-token", INTERNAL_TOKEN).send().await.unwrap();
        assert_eq!(followed.status(), StatusCode::OK, "{path}");
    }
    let admin = hs256(JWT_SECRET, &claims(&json!({})));
    let (status, started) = answer(api.post(TRIGGER).bearer_auth(&admin)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let run = format!("/v1/runs/{}", started["run_id"].as_str().unwrap());
    assert_eq!(answer(api.get(&run).bearer_auth(&user)).await.1["requested_by"], "jwt:alice");
}

/// The names and amounts in a result. Short ones, and small numbers, occur in other texts too.
fn confidential(result: &Value, found: &mut BTreeSet<String>) {
    match result {
        Value::Array(items) => items.iter().for_each(|item| confidential(item, found)),
        Value::Object(members) => {
            let of_the_run = |name: &str| name == "kind";
            let members = members.iter().filter(|(name, _)| !of_the_run(name));
            members.for_each(|(_, member)| confidential(member, found));
        }
        Value::String(text) if text.len() > 12 => drop(found.insert(text.clone())),
        Value::Number(number) if number.to_string().len() > 8 => drop(found.insert(number.to_string())),
        _ => {}
    }
}

#[tokio::test]
async fn no_route_shows_a_part_of_a_result_to_a_caller_who_is_no_administrator() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &JWT);
    let id = trigger_analysis(&api).await;
    let mut secrets = BTreeSet::new();
    confidential(&wait_for_end_of(&api, &id).await["result"], &mut secrets);
    assert!(secrets.len() > 50, "{secrets:?}");
    let result = format!("/v1/runs/{id}/result");
    let status = format!("/api/admin/portfolio/analysis-status/{id}");
    let user = hs256(JWT_SECRET, &claims(&json!({ "role": "not admin" })));
    for accept in ["application/json", "text/html"] {
        for path in [&result, &status] {
            let get = || api.get(path).header("accept", accept);
            problem(get(), 401, "missing-credential").await;
            problem(get().bearer_auth(&user), 403, "not-allowed").await;
            problem(get().header("x-internal-token", INTERNAL_TOKEN), 403, "not-allowed").await;
        }
    }
    // What every caller may read of a run: its state, progress and log.
    for path in [
        format!("/v1/runs/{id}"),
        format!("/v1/runs/{id}/logs"),
        format!("/v1/runs/{id}/events"),
        "/v1/runs".to_owned(),
        "/v1/targets".to_owned(),
        "/v1/targets/portfolio-analysis".to_owned(),
        "/metrics".to_owned(),
    ] {
        let (status, body) = answer(api.get(&path).header("x-internal-token", INTERNAL_TOKEN)).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let shown = secrets.iter().find(|secret| body.to_string().contains(secret.as_str()));
        assert_eq!(shown, None, "{path}");
    }
}

#[tokio::test]
async fn without_any_credential_configured_an_analysis_still_needs_one() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start_without_secret(&folder, &source, &[]);
    assert_eq!(answer(api.get("/v1/targets")).await.0, StatusCode::OK, "reading targets needs no credential");
    for route in routes(&api, "none").into_iter().take(3) {
        let body = problem(route, 401, "missing-credential").await;
        assert!(body["detail"].as_str().unwrap().contains("ADMIN_SECRET"), "{body}");
    }
    let ignored = api.post(TRIGGER).header("x-admin-secret", "anything");
    problem(ignored, 401, "missing-credential").await;
}

#[tokio::test]
async fn a_token_is_accepted_only_if_a_key_of_the_jwk_set_signed_it() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let key = || {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
    };
    let (ours, other) = (key(), key());
    let public = URL_SAFE_NO_PAD.encode(ours.public_key().as_ref());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k-1", "x": public }] });
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, set.to_string()).unwrap();
    let variables = [
        ("JWKS_FILE", file.to_str().unwrap()),
        ("JWT_AUDIENCE", "trigger-api"),
        ("JWT_ISSUER", "https://issuer.example"),
    ];
    let api = start_without_secret(&folder, &source, &variables);
    let token = |key: &Ed25519KeyPair| {
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k-1" });
        let signed = format!("{}.{}", encode(&header), encode(&claims(&json!({}))));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    };
    let (status, body) = answer(api.post(TRIGGER).bearer_auth(token(&ours))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    problem(api.post(TRIGGER).bearer_auth(token(&other)), 401, "wrong-credential").await;
    // An algorithm confusion attack (RFC 8725, section 2.1): the public key is used as an HMAC secret.
    let confused = hs256(&public, &claims(&json!({})));
    problem(api.post(TRIGGER).bearer_auth(confused), 401, "wrong-credential").await;
}

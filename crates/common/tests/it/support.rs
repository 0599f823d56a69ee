//! Helpers of the tests.

pub(crate) mod key;
pub(crate) mod key_server;
pub(crate) mod log;
pub(crate) mod reviewer;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::auth::{AuthError, Authenticator, Caller, TokenReviewer, VARIABLES};
use common::config::{ConfigError, Settings};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

pub(crate) const AUDIENCE: &str = "tradeops";
pub(crate) const ISSUER: &str = "https://issuer.test";

/// Settings from a file with these values.
pub(crate) fn settings(values: &[(&str, &str)]) -> Settings {
    let values: Map<String, Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), Value::Object(values).to_string()).unwrap();
    Settings::load(Some(file.path()), &VARIABLES).unwrap()
}

pub(crate) async fn try_authenticator(values: &[(&str, &str)]) -> Result<Authenticator, ConfigError> {
    Authenticator::from_settings(&settings(values), None).await
}

pub(crate) async fn authenticator(values: &[(&str, &str)]) -> Authenticator {
    try_authenticator(values).await.unwrap()
}

pub(crate) async fn authenticator_with_reviewer(
    values: &[(&str, &str)],
    reviewer: &Arc<impl TokenReviewer + 'static>,
) -> Authenticator {
    let reviewer = Arc::clone(reviewer);
    Authenticator::from_settings(&settings(values), Some(reviewer)).await.unwrap()
}

/// The outcome of a request with these headers.
pub(crate) async fn authenticate(
    authenticator: &Authenticator,
    headers: &[(&'static str, &str)],
) -> Result<Option<Caller>, AuthError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    authenticator.authenticate(&map, None).await.into_caller()
}

/// The outcome of a request with this bearer token.
pub(crate) async fn bearer(authenticator: &Authenticator, token: &str) -> Result<Caller, AuthError> {
    let caller = authenticate(authenticator, &[("authorization", &format!("Bearer {token}"))]).await?;
    Ok(caller.expect("bearer tokens are configured"))
}

/// The Unix time `seconds` from now.
pub(crate) fn from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// Valid claims of alice.
pub(crate) fn claims() -> Value {
    json!({ "sub": "alice", "aud": AUDIENCE, "iss": ISSUER, "iat": from_now(0), "exp": from_now(300) })
}

/// The valid claims with changes. A change to null removes the claim.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        all.insert(name.clone(), value.clone());
    }
    all.retain(|_, value| !value.is_null());
    claims
}

/// Advances tokio's clock. The clock continues to run, because sockets need it.
pub(crate) async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

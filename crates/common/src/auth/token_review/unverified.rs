//! What can be checked of a token before the API server reviews it. A token that fails here costs the API server nothing.

use std::time::Duration;

use serde_json::Value;

use crate::auth::error::AuthError;
use crate::auth::jwt::{CompactToken, LEEWAY};

/// The minimum length of a signature in bytes, that of ES256 and an Ed25519 key.
const MIN_SIGNATURE_BYTES: usize = 64;

/// Checks the form of a token of a ServiceAccount, its audience, and its expiry as of `now` (since 1970).
pub(super) fn check(token: &CompactToken<'_>, audience: &str, now: Duration) -> Result<(), AuthError> {
    // API servers sign with asymmetric keys only.
    if !["RS", "PS", "ES", "Ed"].iter().any(|family| token.algorithm_name().starts_with(family)) {
        return Err(AuthError::Algorithm);
    }
    if token.signature_bytes().is_none_or(|length| length < MIN_SIGNATURE_BYTES) {
        return Err(AuthError::BadSignature);
    }
    let claims = token.claims();
    let account = claims.get("kubernetes.io").and_then(username);
    if account.is_none() || account.as_deref() != claims.get("sub").and_then(Value::as_str) {
        return Err(AuthError::Malformed("the token's subject is not its ServiceAccount"));
    }
    let is_own = |text: &Value| text.as_str() == Some(audience);
    let is_for_us = claims.get("aud").is_some_and(|claim| match claim {
        Value::Array(several) => several.iter().any(is_own),
        one => is_own(one),
    });
    if !is_for_us {
        return Err(AuthError::WrongAudience);
    }
    let expiry = token.unverified_expiry().ok_or(AuthError::NoExpiry)?;
    if expiry + LEEWAY <= now.as_secs_f64() { Err(AuthError::Expired) } else { Ok(()) }
}

/// The user that the claim `kubernetes.io` describes.
fn username(claim: &Value) -> Option<String> {
    let (namespace, name) = (claim["namespace"].as_str()?, claim["serviceaccount"]["name"].as_str()?);
    Some(format!("system:serviceaccount:{namespace}:{name}"))
}

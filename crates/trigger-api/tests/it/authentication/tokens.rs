//! JWTs, signed independently of the code that verifies them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

/// A token with those claims, signed with HS256.
pub(crate) fn hs256(secret: &str, claims: &Value) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

/// Claims that expire in an hour.
pub(crate) fn in_an_hour(subject: &str) -> Value {
    json!({ "sub": subject, "exp": now() + 3600 })
}

/// Claims that expired an hour ago.
pub(super) fn expired(subject: &str) -> Value {
    json!({ "sub": subject, "exp": now() - 3600 })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

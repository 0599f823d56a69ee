//! The compact form of a token: header, claims and signature in base64url, separated by dots (RFC 7515, section 7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::error::AuthError;

/// The claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// A parsed token. No part of it is trusted until its signature is verified.
pub(in crate::auth) struct CompactToken<'t> {
    header: TokenHeader,
    claims: Claims,
    /// The signed part: header and claims as they were sent.
    message: &'t str,
    signature: &'t str,
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    /// Extensions that the receiver must understand. None is supported.
    crit: Option<Value>,
}

impl<'t> CompactToken<'t> {
    pub(in crate::auth) fn parse(token: &'t str) -> Result<Self, AuthError> {
        let not_a_jwt = AuthError::Malformed("the token is not a signed JWT");
        let (message, signature) = token.rsplit_once('.').ok_or(not_a_jwt)?;
        let (header, claims) = message.split_once('.').ok_or(not_a_jwt)?;
        let header: TokenHeader = decode(header).ok_or(not_a_jwt)?;
        if header.crit.is_some() {
            return Err(AuthError::Malformed("the token needs an extension (crit) that is not supported"));
        }
        let claims = decode(claims).ok_or(not_a_jwt)?;
        Ok(Self { header, claims, message, signature })
    }

    /// The algorithm that the header names; None for `none` and every other that is not accepted.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self.header.alg.as_str() {
            "HS256" => Some(Algorithm::HS256),
            "RS256" => Some(Algorithm::RS256),
            "ES256" => Some(Algorithm::ES256),
            "EdDSA" => Some(Algorithm::EdDSA),
            _ => None,
        }
    }

    /// The algorithm as the header has it.
    pub(in crate::auth) fn algorithm_name(&self) -> &str {
        &self.header.alg
    }

    /// The length of the signature; None when it is not base64url.
    pub(in crate::auth) fn signature_bytes(&self) -> Option<usize> {
        URL_SAFE_NO_PAD.decode(self.signature).ok().map(|signature| signature.len())
    }

    /// The identifier of the signing key, where the header names it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(in crate::auth) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the unverified claims are those of a Kubernetes ServiceAccount's token.
    pub(in crate::auth) fn names_service_account(&self) -> bool {
        self.claims.get("kubernetes.io").is_some_and(Value::is_object)
    }

    /// The unverified expiry of the token, in seconds since 1970.
    pub(in crate::auth) fn unverified_expiry(&self) -> Option<f64> {
        self.claims.get("exp").and_then(Value::as_f64)
    }

    /// Checks that the signature is of one of the keys, which must all be keys of `algorithm`.
    pub(super) fn signed_by_any<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k DecodingKey>,
        algorithm: Algorithm,
    ) -> Result<(), AuthError> {
        // An error means that the signature is not base64url, or that the key's numbers are not a key.
        let has_signed = |key| {
            crypto::verify(self.signature, self.message.as_bytes(), key, algorithm).is_ok_and(|right| right)
        };
        if keys.into_iter().any(has_signed) { Ok(()) } else { Err(AuthError::BadSignature) }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

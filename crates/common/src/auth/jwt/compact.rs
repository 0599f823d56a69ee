//! A token's compact form: header, claims and signature in base64url, with dots between (RFC 7515, section 7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::Refusal;

/// The claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// A token taken apart. Nothing of it is verified until its signature is.
pub(in crate::auth) struct Compact<'t> {
    header: Header,
    claims: Claims,
    /// What is signed: header and claims as they were sent.
    message: &'t str,
    signature: &'t str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

impl<'t> Compact<'t> {
    pub(in crate::auth) fn parse(token: &'t str) -> Result<Self, Refusal> {
        let not_a_jwt = Refusal::Malformed("the token is not a signed JWT");
        let (message, signature) = token.rsplit_once('.').ok_or(not_a_jwt)?;
        let (header, claims) = message.split_once('.').ok_or(not_a_jwt)?;
        let header: Header = decode(header).ok_or(not_a_jwt)?;
        if header.crit.is_some() {
            return Err(Refusal::Malformed("the token needs an extension (crit) that is not known here"));
        }
        let claims = decode(claims).ok_or(not_a_jwt)?;
        Ok(Self { header, claims, message, signature })
    }

    /// The algorithm that the header names; None for `none` and every other that is not accepted anywhere here.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self.header.alg.as_str() {
            "HS256" => Some(Algorithm::HS256),
            "RS256" => Some(Algorithm::RS256),
            "ES256" => Some(Algorithm::ES256),
            "EdDSA" => Some(Algorithm::EdDSA),
            _ => None,
        }
    }

    /// The identifier of the key that made the signature, where the header names it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the claims are those of a Kubernetes ServiceAccount's token, going by what they say of themselves.
    pub(in crate::auth) fn names_service_account(&self) -> bool {
        self.claims.get("kubernetes.io").is_some_and(Value::is_object)
    }

    /// When the token expires, in seconds since 1970, going by what it says of itself.
    pub(in crate::auth) fn unverified_expiry(&self) -> Option<f64> {
        self.claims.get("exp").and_then(Value::as_f64)
    }

    /// That one of the keys, all of them keys of `algorithm`, made the signature.
    pub(super) fn signed_by_any<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k DecodingKey>,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        // An error is a signature that is no base64url, or numbers that are no key: it fits no more than a wrong one.
        let made_it = |key| {
            crypto::verify(self.signature, self.message.as_bytes(), key, algorithm).is_ok_and(|right| right)
        };
        if keys.into_iter().any(made_it) { Ok(()) } else { Err(Refusal::BadSignature) }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

//! Public keys as a JWK set (RFC 7517).

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::Compact;
use crate::auth::Refusal;

/// Lengths of an RSA modulus that are accepted, in bits: at least 2048 (RFC 7518, section 3.3), and at most what the
/// verifier computes with.
const RSA_MODULUS: RangeInclusive<usize> = 2048..=4096;
/// The length of a coordinate of P-256 (RFC 7518, section 6.2.1.2) and of an Ed25519 key (RFC 8037, section 2), in
/// bytes.
const COORDINATE: usize = 32;

/// Keys that can check signatures.
pub(super) struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    /// The one algorithm that the key is for.
    algorithm: Algorithm,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a JWK set. Keys that can't be used here are passed over, as RFC 7517, section 5, wants it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_str(text).map_err(|_| "is not a JWK set")?;
        let keys: Vec<PublicKey> = document.keys.into_iter().filter_map(PublicKey::read).collect();
        if keys.is_empty() {
            return Err("holds no key that can check RS256, ES256 or EdDSA signatures");
        }
        Ok(Self { keys })
    }

    /// That the key which the token names, or any when it names none, made the signature.
    pub(super) fn check_signature(&self, token: &Compact<'_>, algorithm: Algorithm) -> Result<(), Refusal> {
        // Identifiers are optional on either side; two that are there must agree.
        let agrees = |key: &&PublicKey| match (token.key_id(), &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let named: Vec<&PublicKey> = self.keys.iter().filter(agrees).collect();
        if named.is_empty() {
            return Err(Refusal::WrongKey);
        }
        let mut fitting = named.into_iter().filter(|key| key.algorithm == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(Refusal::Algorithm);
        }
        token.signed_by_any(fitting.map(|key| &key.key), algorithm)
    }
}

impl PublicKey {
    fn read(document: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(document).ok()?;
        let (algorithm, its_name) = algorithm(&jwk.algorithm)?;
        let common = &jwk.common;
        let for_signatures = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
        let can_verify =
            common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let same_algorithm = common.key_algorithm.is_none_or(|named| named == its_name);
        if !(for_signatures && can_verify && same_algorithm) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

/// The algorithm that a key's type stands for; None for types that are not accepted. A symmetric key (`oct`) is
/// none of them: whoever may read the set could sign with it.
fn algorithm(parameters: &AlgorithmParameters) -> Option<(Algorithm, KeyAlgorithm)> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let coordinate = |text: &str| bytes(text).len() == COORDINATE;
    match parameters {
        AlgorithmParameters::RSA(key) => {
            let fits = RSA_MODULUS.contains(&bit_length(&bytes(&key.n)));
            fits.then_some((Algorithm::RS256, KeyAlgorithm::RS256))
        }
        AlgorithmParameters::EllipticCurve(key) => {
            let fits = key.curve == EllipticCurve::P256 && coordinate(&key.x) && coordinate(&key.y);
            fits.then_some((Algorithm::ES256, KeyAlgorithm::ES256))
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            let fits = key.curve == EllipticCurve::Ed25519 && coordinate(&key.x);
            fits.then_some((Algorithm::EdDSA, KeyAlgorithm::EdDSA))
        }
        AlgorithmParameters::OctetKey(_) => None,
    }
}

/// How many bits a number has, its highest byte first, leading zeros not counted.
fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].first().map_or(0, |first| (number.len() - zeros) * 8 - first.leading_zeros() as usize)
}

//! Public keys as a JWK set (RFC 7517).

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::compact::CompactToken;
use crate::auth::error::AuthError;

/// The accepted lengths of an RSA modulus in bits: at least 2048 (RFC 7518, section 3.3), and at most the limit of the
/// verifier.
const RSA_MODULUS_BITS: RangeInclusive<usize> = 2048..=4096;
/// The length of a coordinate of P-256 (RFC 7518, section 6.2.1.2) and of an Ed25519 key (RFC 8037, section 2), in
/// bytes.
const COORDINATE_BYTES: usize = 32;

pub(super) const NO_KEYS: &str = "contains no key for RS256, ES256 or EdDSA signatures";

/// Keys that verify signatures.
pub(super) struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    /// The only algorithm that the key is used with.
    algorithm: Algorithm,
    key: DecodingKey,
}

impl KeySet {
    /// Parses a JWK set that must contain a key.
    pub(super) fn parse_with_keys(text: &str) -> Result<Self, &'static str> {
        let set = Self::parse(text)?;
        if set.is_empty() { Err(NO_KEYS) } else { Ok(set) }
    }

    /// Parses a JWK set. Keys that can't be used are skipped (RFC 7517, section 5), so the set may be empty.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<Value>,
        }
        let set: JwkSet = serde_json::from_str(text).map_err(|_| "is not a JWK set")?;
        Ok(Self { keys: set.keys.into_iter().filter_map(PublicKey::parse).collect() })
    }

    /// Whether the set verifies no signature at all.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks that the signature is of the key that the token names, or of any key when it names none.
    pub(super) fn check_signature(
        &self,
        token: &CompactToken<'_>,
        algorithm: Algorithm,
    ) -> Result<(), AuthError> {
        // The identifier is optional in the token and in the key. Where both have one, the two must be equal.
        let is_named = |key: &&PublicKey| match (token.key_id(), &key.id) {
            (Some(named), Some(id)) => named == id,
            _ => true,
        };
        let named: Vec<&PublicKey> = self.keys.iter().filter(is_named).collect();
        if named.is_empty() {
            return Err(AuthError::WrongKey);
        }
        let mut fitting = named.into_iter().filter(|key| key.algorithm == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(AuthError::Algorithm);
        }
        token.signed_by_any(fitting.map(|key| &key.key), algorithm)
    }
}

impl PublicKey {
    fn parse(document: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(document).ok()?;
        let (algorithm, algorithm_name) = algorithm(&jwk.algorithm)?;
        let common = &jwk.common;
        let for_signatures =
            common.public_key_use.as_ref().is_none_or(|key_use| *key_use == PublicKeyUse::Signature);
        let can_verify =
            common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let same_algorithm = common.key_algorithm.is_none_or(|named| named == algorithm_name);
        if !(for_signatures && can_verify && same_algorithm) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

/// The algorithm of a key's type; None for types that are not accepted. A symmetric key (`oct`) is not accepted: every
/// reader of the set could sign with it.
fn algorithm(parameters: &AlgorithmParameters) -> Option<(Algorithm, KeyAlgorithm)> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let coordinate = |text: &str| bytes(text).len() == COORDINATE_BYTES;
    match parameters {
        AlgorithmParameters::RSA(key) => {
            let fits = RSA_MODULUS_BITS.contains(&bit_length(&bytes(&key.n)));
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

/// The number of bits of a big-endian number, without leading zeros.
fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].first().map_or(0, |first| (number.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::bit_length;

    #[test]
    fn leading_zeros_do_not_count_as_bits() {
        for (number, bits) in [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80], 8), (&[0, 1, 0], 9)] {
            assert_eq!(bit_length(number), bits, "{number:?}");
        }
    }
}

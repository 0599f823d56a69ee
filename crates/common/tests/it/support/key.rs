//! Keys and signed tokens. They are made with ring, which shares no code with the verification.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, rand};
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER};

/// Made for these tests only, because ring can't generate RSA keys:
/// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out rsa-1.der`,
/// which OpenSSL 3.0 writes in PKCS #1.
const RSA_KEYS: [&[u8]; 2] =
    [include_bytes!("../fixtures/rsa-1.der"), include_bytes!("../fixtures/rsa-2.der")];

pub(crate) enum Key {
    Hs256(Vec<u8>),
    Rs256(Box<RsaKeyPair>),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Key {
    pub(crate) fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::Hs256(secret.as_ref().to_owned())
    }

    /// One of two fixed keys; `number` is 1 or 2.
    pub(crate) fn rs256(number: usize) -> Self {
        Self::Rs256(Box::new(RsaKeyPair::from_der(RSA_KEYS[number - 1]).unwrap()))
    }

    /// A new key.
    pub(crate) fn es256() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    /// A new key.
    pub(crate) fn eddsa() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The public key as a JWK (RFC 7517).
    pub(crate) fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Hs256(secret) => json!({ "kty": "oct", "alg": "HS256", "kid": id, "k": encode(secret) }),
            Self::Rs256(key) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "kid": id, "n": encode(public.n), "e": encode(public.e) })
            }
            Self::Es256(key) => {
                // An uncompressed point is the byte 4 and the two coordinates.
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": encode(x), "y": encode(y) })
            }
            Self::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": encode(key.public_key().as_ref()) })
            }
        }
    }

    /// A token with these claims that names the key `id`.
    pub(crate) fn token(&self, id: &str, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "typ": "JWT", "kid": id }), claims)
    }

    /// A token with any header.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_owned()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random as &dyn rand::SecureRandom, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_owned(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_owned(),
        }
    }
}

/// The signed part of a token: header and claims.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A JWK set of these keys.
pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The settings for a JWK set in a file or on a server.
pub(crate) fn with_audience_and_issuer<'s>(variable: &'s str, place: &'s str) -> [(&'s str, &'s str); 3] {
    [(variable, place), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)]
}

//! Which key verifies which signature.

use std::fs;

use common::auth::{AuthError, Authenticator};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::key::{Key, encode, key_set, unsigned, with_audience_and_issuer};
use crate::support::{AUDIENCE, ISSUER, authenticator, bearer, claims, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

fn all() -> [Key; 3] {
    [Key::rs256(1), Key::es256(), Key::eddsa()]
}

/// An authenticator with these keys from a file, which must exist while they are used, and with the secret if there is one.
async fn with_keys(keys: &[Value], secret: Option<&str>) -> (Authenticator, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), key_set(keys)).unwrap();
    let mut values = with_audience_and_issuer("JWKS_FILE", file.path().to_str().unwrap()).to_vec();
    values.extend(secret.map(|secret| ("JWT_SECRET", secret)));
    (authenticator(&values).await, file)
}

async fn with_secret(secret: &str) -> Authenticator {
    authenticator(&[("JWT_SECRET", secret), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)]).await
}

#[tokio::test]
async fn signatures_of_each_accepted_algorithm_are_verified() {
    let keys = all();
    let jwks: Vec<Value> = keys.iter().map(|key| key.jwk(key.algorithm())).collect();
    let (authenticator, _file) = with_keys(&jwks, Some(SECRET)).await;
    for key in keys.iter().chain([&Key::hs256(SECRET)]) {
        let caller = bearer(&authenticator, &key.token(key.algorithm(), &claims())).await;
        assert_eq!(caller.unwrap().name, "jwt:alice", "{}", key.algorithm());
    }
}

#[tokio::test]
async fn a_signature_of_another_key_is_rejected() {
    let others = [Key::rs256(2), Key::es256(), Key::eddsa()];
    for (key, other) in all().iter().zip(&others) {
        let (authenticator, _file) = with_keys(&[key.jwk("key")], None).await;
        assert!(bearer(&authenticator, &key.token("key", &claims())).await.is_ok());
        let outcome = bearer(&authenticator, &other.token("key", &claims())).await;
        assert_eq!(outcome, Err(AuthError::BadSignature), "{}", key.algorithm());
    }
    let outcome = bearer(&with_secret(SECRET).await, &Key::hs256(NEXT_SECRET).token("", &claims())).await;
    assert_eq!(outcome, Err(AuthError::BadSignature));
}

#[tokio::test]
async fn a_key_that_is_not_in_the_set_is_unknown() {
    let key = Key::es256();
    let (authenticator, _file) = with_keys(&[key.jwk("key")], None).await;
    assert_eq!(bearer(&authenticator, &key.token("other", &claims())).await, Err(AuthError::WrongKey));
}

#[tokio::test]
async fn identifiers_of_keys_are_optional_on_either_side() {
    let (key, other) = (Key::es256(), Key::es256());
    let nameless = |key: &Key| {
        let mut jwk = key.jwk("");
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let without_id = key.token_with(&json!({ "alg": "ES256" }), &claims());
    let (both, _file) = with_keys(&[other.jwk("other"), key.jwk("key")], None).await;
    assert!(bearer(&both, &without_id).await.is_ok());
    let (both, _file) = with_keys(&[nameless(&other), nameless(&key)], None).await;
    assert!(bearer(&both, &key.token("any", &claims())).await.is_ok());
}

#[tokio::test]
async fn the_algorithm_none_is_rejected_in_every_spelling() {
    let keys = all().map(|key| key.jwk("key"));
    let (authenticator, _file) = with_keys(&keys, Some(SECRET)).await;
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", "AA"] {
            let message = unsigned(&json!({ "alg": name, "kid": "key" }), &claims());
            let outcome = bearer(&authenticator, &format!("{message}.{signature}")).await;
            assert_eq!(outcome, Err(AuthError::Algorithm), "{name:?}");
        }
    }
}

#[tokio::test]
async fn other_algorithms_are_rejected_before_a_key_is_selected() {
    let (authenticator, _file) = with_keys(&[Key::rs256(1).jwk("key")], Some(SECRET)).await;
    for name in ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "hs256", "rs256"] {
        for key in [Key::hs256(SECRET), Key::rs256(1)] {
            let token = key.token_with(&json!({ "alg": name, "kid": "key" }), &claims());
            assert_eq!(bearer(&authenticator, &token).await, Err(AuthError::Algorithm), "{name}");
        }
    }
}

/// RFC 8725, section 2.1: everyone who has the public key could sign with it.
#[tokio::test]
async fn a_public_key_is_not_accepted_as_an_hs256_secret() {
    for key in all() {
        let jwk = key.jwk("key");
        let material: Vec<Vec<u8>> = ["n", "e", "x", "y"]
            .iter()
            .filter_map(|name| jwk[name].as_str())
            .flat_map(|text| {
                let bytes = base64_url(text);
                [text.as_bytes().to_owned(), bytes]
            })
            .chain([jwk.to_string().into_bytes(), key_set(std::slice::from_ref(&jwk)).into_bytes()])
            .collect();
        let (keys_only, _file) = with_keys(std::slice::from_ref(&jwk), None).await;
        let (both, _other_file) = with_keys(&[jwk], Some(SECRET)).await;
        for secret in material {
            let token = Key::hs256(secret).token("key", &claims());
            assert_eq!(bearer(&keys_only, &token).await, Err(AuthError::Algorithm));
            assert_eq!(bearer(&both, &token).await, Err(AuthError::BadSignature));
        }
    }
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn the_algorithm_must_fit_the_type_of_the_named_key() {
    for key in all() {
        let (authenticator, _file) = with_keys(&[key.jwk("key")], None).await;
        for other in all().iter().filter(|other| other.algorithm() != key.algorithm()) {
            let token = other.token("key", &claims());
            assert_eq!(bearer(&authenticator, &token).await, Err(AuthError::Algorithm));
        }
    }
}

#[tokio::test]
async fn a_symmetric_key_in_a_set_is_skipped() {
    let (secret, key) = (Key::hs256(SECRET), Key::es256());
    let (authenticator, _file) = with_keys(&[secret.jwk("secret"), key.jwk("key")], None).await;
    assert!(bearer(&authenticator, &key.token("key", &claims())).await.is_ok());
    assert_eq!(bearer(&authenticator, &secret.token("secret", &claims())).await, Err(AuthError::Algorithm));
}

#[tokio::test]
async fn keys_for_other_purposes_and_invalid_keys_are_skipped() {
    let good = Key::eddsa();
    let changed = |key: &Key, changes: Value| {
        let mut jwk = key.jwk("key");
        jwk.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        jwk
    };
    let short_modulus = [vec![0; 256], vec![0xff; 128]].concat();
    let unusable = [
        changed(&Key::rs256(1), json!({ "use": "enc" })),
        changed(&Key::rs256(1), json!({ "key_ops": ["encrypt"] })),
        changed(&Key::rs256(1), json!({ "alg": "RS512" })),
        changed(&Key::rs256(1), json!({ "alg": "RSA-OAEP" })),
        changed(&Key::rs256(1), json!({ "n": encode(vec![0xff; 128]) })),
        changed(&Key::rs256(1), json!({ "n": encode(short_modulus) })),
        changed(&Key::rs256(1), json!({ "n": "not base64!" })),
        changed(&Key::es256(), json!({ "crv": "P-384" })),
        changed(&Key::es256(), json!({ "crv": "secp256k1" })),
        changed(&Key::es256(), json!({ "x": encode([1; 31]) })),
        changed(&Key::eddsa(), json!({ "crv": "Ed448" })),
        changed(&Key::eddsa(), json!({ "x": encode([1; 31]) })),
        json!({ "kty": "of the future", "kid": "key" }),
        json!(null),
    ];
    for jwk in unusable {
        let (authenticator, _file) = with_keys(&[jwk.clone(), good.jwk("good")], None).await;
        assert!(bearer(&authenticator, &good.token("good", &claims())).await.is_ok(), "{jwk}");
        for key in all() {
            let outcome = bearer(&authenticator, &key.token("key", &claims())).await;
            assert_eq!(outcome, Err(AuthError::WrongKey), "{jwk}");
        }
    }
    let usable = [
        changed(&good, json!({ "use": "sig" })),
        changed(&good, json!({ "alg": "EdDSA" })),
        changed(&good, json!({ "key_ops": ["verify"] })),
    ];
    for jwk in usable {
        let (authenticator, _file) = with_keys(std::slice::from_ref(&jwk), None).await;
        assert!(bearer(&authenticator, &good.token("key", &claims())).await.is_ok(), "{jwk}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_a_point_of_the_curve_verifies_no_signature() {
    let key = Key::es256();
    let mut jwk = key.jwk("key");
    jwk["y"] = json!(encode([1; 32]));
    let (authenticator, _file) = with_keys(&[jwk], None).await;
    assert_eq!(bearer(&authenticator, &key.token("key", &claims())).await, Err(AuthError::BadSignature));
}

#[tokio::test]
async fn a_key_in_the_header_of_the_token_is_not_used() {
    let (ours, theirs) = (Key::es256(), Key::es256());
    let (authenticator, _file) = with_keys(&[ours.jwk("key")], None).await;
    let header =
        json!({ "alg": "ES256", "kid": "key", "jwk": theirs.jwk("key"), "jku": "https://evil.test/keys" });
    assert!(bearer(&authenticator, &ours.token_with(&header, &claims())).await.is_ok());
    let outcome = bearer(&authenticator, &theirs.token_with(&header, &claims())).await;
    assert_eq!(outcome, Err(AuthError::BadSignature));
}

/// RFC 7515, section 4: unknown members are ignored. AWS load balancers add an `exp` that is a number.
#[tokio::test]
async fn members_of_the_header_that_are_not_understood_are_ignored() {
    let authenticator = with_secret(SECRET).await;
    for member in [json!(1_800_000_000), json!({ "a": [1] }), json!(null), json!("text")] {
        let header = json!({ "alg": "HS256", "exp": member, "x5c": member });
        let token = Key::hs256(SECRET).token_with(&header, &claims());
        assert!(bearer(&authenticator, &token).await.is_ok(), "{member}");
    }
}

#[tokio::test]
async fn empty_and_zero_signatures_are_rejected() {
    for key in all() {
        let (authenticator, _file) = with_keys(&[key.jwk("key")], None).await;
        let token = key.token("key", &claims());
        let message = token.rsplit_once('.').unwrap().0;
        for signature in [String::new(), encode([0; 64]), encode([0; 256]), "!".to_owned()] {
            let outcome = bearer(&authenticator, &format!("{message}.{signature}")).await;
            assert_eq!(outcome, Err(AuthError::BadSignature), "{}", key.algorithm());
        }
    }
}

#[tokio::test]
async fn the_signature_is_checked_before_the_claims() {
    let expired = json!({ "exp": from_now(-1000) });
    let outcome = bearer(&with_secret(SECRET).await, &Key::hs256(NEXT_SECRET).token("", &expired)).await;
    assert_eq!(outcome, Err(AuthError::BadSignature));
}

#[tokio::test]
async fn a_text_that_is_not_a_signed_jwt_is_malformed() {
    let authenticator = with_secret(SECRET).await;
    let token = Key::hs256(SECRET).token("", &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let mut malformed = vec![
        "opaque".to_owned(),
        "..".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{token}.a.b"),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}", encode("[]"), parts[1], parts[2]),
        format!("{}.{}.{}", encode("{\"typ\":\"JWT\"}"), parts[1], parts[2]),
    ];
    let header = json!({ "alg": "HS256" });
    malformed.extend(
        [json!([]), json!("alice"), json!(null)]
            .map(|claims| Key::hs256(SECRET).token_with(&header, &claims)),
    );
    // An extension that the receiver must understand (RFC 7515, section 4.1.11).
    let extended = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    malformed.push(Key::hs256(SECRET).token_with(&extended, &claims()));
    for token in malformed {
        assert_eq!(bearer(&authenticator, &token).await.unwrap_err().reason(), "malformed", "{token}");
    }
}

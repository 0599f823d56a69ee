//! Which key may check which signature.

use std::fs;

use common::auth::{Authenticator, Refusal};
use serde_json::{Value, json};

use crate::support::key::{Key, encode, key_set, unsigned, with_audience_and_issuer};
use crate::support::{AUDIENCE, ISSUER, authenticator, bearer, claims, from_now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

fn all() -> [Key; 3] {
    [Key::rs256(1), Key::es256(), Key::eddsa()]
}

/// One that knows these keys from a file, and the secret if there's one.
async fn knowing(keys: &[Value], secret: Option<&str>) -> Authenticator {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), key_set(keys)).unwrap();
    let mut values = with_audience_and_issuer("JWKS_FILE", file.path().to_str().unwrap()).to_vec();
    values.extend(secret.map(|secret| ("JWT_SECRET", secret)));
    authenticator(&values).await
}

async fn with_secret(secret: &str) -> Authenticator {
    authenticator(&[("JWT_SECRET", secret), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)]).await
}

#[tokio::test]
async fn each_accepted_algorithm_checks_its_own_signatures() {
    let keys = all();
    let jwks: Vec<Value> = keys.iter().map(|key| key.jwk(key.algorithm())).collect();
    let authenticator = knowing(&jwks, Some(SECRET)).await;
    for key in keys.iter().chain([&Key::hs256(SECRET)]) {
        let caller = bearer(&authenticator, &key.token(key.algorithm(), &claims())).await;
        assert_eq!(caller.unwrap().name, "jwt:alice", "{}", key.algorithm());
    }
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused() {
    let others = [Key::rs256(2), Key::es256(), Key::eddsa()];
    for (key, other) in all().iter().zip(&others) {
        let authenticator = knowing(&[key.jwk("key")], None).await;
        assert!(bearer(&authenticator, &key.token("key", &claims())).await.is_ok());
        let refused = bearer(&authenticator, &other.token("key", &claims())).await;
        assert_eq!(refused, Err(Refusal::BadSignature), "{}", key.algorithm());
    }
    let refused = bearer(&with_secret(SECRET).await, &Key::hs256(NEXT_SECRET).token("", &claims())).await;
    assert_eq!(refused, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn a_key_that_is_not_in_the_set_is_unknown() {
    let key = Key::es256();
    let authenticator = knowing(&[key.jwk("key")], None).await;
    assert_eq!(bearer(&authenticator, &key.token("other", &claims())).await, Err(Refusal::WrongKey));
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
    let both = knowing(&[other.jwk("other"), key.jwk("key")], None).await;
    assert!(bearer(&both, &without_id).await.is_ok());
    let both = knowing(&[nameless(&other), nameless(&key)], None).await;
    assert!(bearer(&both, &key.token("any", &claims())).await.is_ok());
}

#[tokio::test]
async fn no_algorithm_is_none() {
    let keys = all().map(|key| key.jwk("key"));
    let authenticator = knowing(&keys, Some(SECRET)).await;
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", "AA"] {
            let message = unsigned(&json!({ "alg": name, "kid": "key" }), &claims());
            let refused = bearer(&authenticator, &format!("{message}.{signature}")).await;
            assert_eq!(refused, Err(Refusal::Algorithm), "{name:?}");
        }
    }
}

#[tokio::test]
async fn algorithms_that_are_not_accepted_are_refused_before_any_key() {
    let authenticator = knowing(&[Key::rs256(1).jwk("key")], Some(SECRET)).await;
    for name in ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "hs256", "rs256"] {
        for key in [Key::hs256(SECRET), Key::rs256(1)] {
            let token = key.token_with(&json!({ "alg": name, "kid": "key" }), &claims());
            assert_eq!(bearer(&authenticator, &token).await, Err(Refusal::Algorithm), "{name}");
        }
    }
}

/// RFC 8725, section 2.1: whoever knows the public key would sign with it.
#[tokio::test]
async fn a_public_key_is_no_secret_of_hs256() {
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
        let (keys_only, both) =
            (knowing(std::slice::from_ref(&jwk), None).await, knowing(&[jwk], Some(SECRET)).await);
        for secret in material {
            let token = Key::hs256(secret).token("key", &claims());
            assert_eq!(bearer(&keys_only, &token).await, Err(Refusal::Algorithm));
            assert_eq!(bearer(&both, &token).await, Err(Refusal::BadSignature));
        }
    }
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn an_algorithm_must_fit_the_type_of_the_key_that_is_named() {
    for key in all() {
        let authenticator = knowing(&[key.jwk("key")], None).await;
        for other in all().iter().filter(|other| other.algorithm() != key.algorithm()) {
            let token = other.token("key", &claims());
            assert_eq!(bearer(&authenticator, &token).await, Err(Refusal::Algorithm));
        }
    }
}

#[tokio::test]
async fn a_symmetric_key_in_a_set_is_passed_over() {
    let (secret, key) = (Key::hs256(SECRET), Key::es256());
    let authenticator = knowing(&[secret.jwk("secret"), key.jwk("key")], None).await;
    assert!(bearer(&authenticator, &key.token("key", &claims())).await.is_ok());
    assert_eq!(bearer(&authenticator, &secret.token("secret", &claims())).await, Err(Refusal::Algorithm));
}

#[tokio::test]
async fn keys_for_other_ends_or_that_are_no_keys_are_passed_over() {
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
        let authenticator = knowing(&[jwk.clone(), good.jwk("good")], None).await;
        assert!(bearer(&authenticator, &good.token("good", &claims())).await.is_ok(), "{jwk}");
        for key in all() {
            let refused = bearer(&authenticator, &key.token("key", &claims())).await;
            assert_eq!(refused, Err(Refusal::WrongKey), "{jwk}");
        }
    }
    let usable = [
        changed(&good, json!({ "use": "sig" })),
        changed(&good, json!({ "alg": "EdDSA" })),
        changed(&good, json!({ "key_ops": ["verify"] })),
    ];
    for jwk in usable {
        let authenticator = knowing(std::slice::from_ref(&jwk), None).await;
        assert!(bearer(&authenticator, &good.token("key", &claims())).await.is_ok(), "{jwk}");
    }
}

#[tokio::test]
async fn numbers_that_are_no_point_of_the_curve_accept_nothing() {
    let key = Key::es256();
    let mut jwk = key.jwk("key");
    jwk["y"] = json!(encode([1; 32]));
    let authenticator = knowing(&[jwk], None).await;
    assert_eq!(bearer(&authenticator, &key.token("key", &claims())).await, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    let (ours, theirs) = (Key::es256(), Key::es256());
    let authenticator = knowing(&[ours.jwk("key")], None).await;
    let header =
        json!({ "alg": "ES256", "kid": "key", "jwk": theirs.jwk("key"), "jku": "https://evil.test/keys" });
    assert!(bearer(&authenticator, &ours.token_with(&header, &claims())).await.is_ok());
    let refused = bearer(&authenticator, &theirs.token_with(&header, &claims())).await;
    assert_eq!(refused, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn empty_and_zero_signatures_are_wrong() {
    for key in all() {
        let authenticator = knowing(&[key.jwk("key")], None).await;
        let token = key.token("key", &claims());
        let message = token.rsplit_once('.').unwrap().0;
        for signature in [String::new(), encode([0; 64]), encode([0; 256]), "!".to_owned()] {
            let refused = bearer(&authenticator, &format!("{message}.{signature}")).await;
            assert_eq!(refused, Err(Refusal::BadSignature), "{}", key.algorithm());
        }
    }
}

#[tokio::test]
async fn claims_are_refused_for_their_signature_first() {
    let expired = json!({ "exp": from_now(-1000) });
    let refused = bearer(&with_secret(SECRET).await, &Key::hs256(NEXT_SECRET).token("", &expired)).await;
    assert_eq!(refused, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn what_is_no_signed_jwt_is_malformed() {
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
    // An extension that has to be understood (RFC 7515, section 4.1.11).
    let extended = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    malformed.push(Key::hs256(SECRET).token_with(&extended, &claims()));
    for token in malformed {
        assert_eq!(bearer(&authenticator, &token).await.unwrap_err().reason(), "malformed", "{token}");
    }
}

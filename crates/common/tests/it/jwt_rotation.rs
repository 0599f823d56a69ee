//! Rotation of JWT keys while the service runs.

use std::fs;
use std::time::Duration;

use common::auth::AuthError;

use crate::support::key::{Key, key_set, with_audience_and_issuer};
use crate::support::{AUDIENCE, ISSUER, advance, authenticator, bearer, claims};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

#[tokio::test]
async fn two_secrets_are_valid_at_the_same_time_and_rotate_with_their_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), SECRET).unwrap();
    let path = file.path().to_str().unwrap();
    let authenticator =
        authenticator(&[("JWT_SECRET_FILE", path), ("JWT_AUDIENCE", AUDIENCE), ("JWT_ISSUER", ISSUER)]).await;
    let (old, new) = (Key::hs256(SECRET), Key::hs256(NEXT_SECRET));
    let both = format!("{SECRET}\n{NEXT_SECRET}\n");
    let steps = [
        (SECRET, [true, false]),
        (&both, [true, true]),
        ("too short", [false, false]),
        (NEXT_SECRET, [false, true]),
    ];
    for (content, accepted) in steps {
        fs::write(file.path(), content).unwrap();
        advance(Duration::from_secs(1)).await;
        for (key, accepted) in [&old, &new].into_iter().zip(accepted) {
            let expected = if accepted { Ok(()) } else { Err(AuthError::BadSignature) };
            assert_eq!(
                bearer(&authenticator, &key.token("", &claims())).await.map(drop),
                expected,
                "{content}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_file_that_changes_is_reloaded_and_a_set_without_keys_revokes_all() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (old, new) = (Key::es256(), Key::eddsa());
    fs::write(file.path(), key_set(&[old.jwk("old")])).unwrap();
    let authenticator =
        authenticator(&with_audience_and_issuer("JWKS_FILE", file.path().to_str().unwrap())).await;
    assert!(bearer(&authenticator, &old.token("old", &claims())).await.is_ok());
    fs::write(file.path(), "{\"keys\":[]}").unwrap();
    advance(Duration::from_secs(1)).await;
    assert_eq!(bearer(&authenticator, &old.token("old", &claims())).await, Err(AuthError::WrongKey));
    assert_eq!(authenticator.revocations().collect::<Vec<_>>(), [("JWKS_FILE", true)]);
    fs::write(file.path(), key_set(&[new.jwk("new")])).unwrap();
    advance(Duration::from_secs(1)).await;
    assert!(bearer(&authenticator, &new.token("new", &claims())).await.is_ok());
    assert_eq!(bearer(&authenticator, &old.token("old", &claims())).await, Err(AuthError::WrongKey));
}

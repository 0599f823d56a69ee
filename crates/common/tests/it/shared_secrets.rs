//! `X-Internal-Token` and `X-Admin-Secret`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use common::auth::{AuthError, AuthMethod, Authenticator, Role};

use crate::support::{advance, authenticate, authenticator};

const SECOND: Duration = Duration::from_secs(1);

async fn with_token_file(path: &Path) -> Authenticator {
    authenticator(&[("INTERNAL_TOKEN_FILE", path.to_str().unwrap())]).await
}

/// Whether the token is accepted. Any error but that of a wrong token is a failure.
async fn accepts(authenticator: &Authenticator, token: &str) -> bool {
    match authenticate(authenticator, &[("x-internal-token", token)]).await {
        Ok(caller) => caller.is_some(),
        Err(error) => {
            assert_eq!(error, AuthError::WrongToken);
            false
        }
    }
}

#[tokio::test]
async fn the_read_token_identifies_a_reader() {
    let authenticator = authenticator(&[("READ_TOKEN", "right\nother")]).await;
    for right in ["right", "other"] {
        let caller = authenticate(&authenticator, &[("x-read-token", right)]).await.unwrap().unwrap();
        assert_eq!((caller.name.as_str(), caller.role), ("read-token", Role::Reader));
    }
    let wrong = authenticate(&authenticator, &[("x-read-token", "wrong")]).await;
    assert_eq!(wrong, Err(AuthError::WrongToken));
    assert_eq!(authenticate(&authenticator, &[("x-internal-token", "right")]).await, Ok(None));
}

#[tokio::test]
async fn the_internal_token_identifies_an_operator() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "right")]).await;
    let caller = authenticate(&authenticator, &[("x-internal-token", "right")]).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("internal-token", Role::Operator));
    assert_eq!(caller.method, AuthMethod::InternalToken);
}

#[tokio::test]
async fn the_admin_secret_identifies_an_administrator() {
    let authenticator = authenticator(&[("ADMIN_SECRET", "right")]).await;
    let caller = authenticate(&authenticator, &[("x-admin-secret", "right")]).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("admin-secret", Role::Admin));
    assert_eq!(caller.method, AuthMethod::AdminSecret);
}

#[tokio::test]
async fn a_secret_is_accepted_as_a_whole_and_in_its_own_header_only() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "token+/=="), ("ADMIN_SECRET", "secret")]).await;
    assert!(accepts(&authenticator, "token+/==").await);
    for wrong in ["secret", "token+/=", "token+/===", "TOKEN+/==", "t", "token+/==,secret"] {
        assert!(!accepts(&authenticator, wrong).await, "{wrong}");
    }
    let swapped = authenticate(&authenticator, &[("x-admin-secret", "token+/==")]).await;
    assert_eq!(swapped, Err(AuthError::WrongToken));
}

#[tokio::test]
async fn each_line_is_a_secret_and_nothing_else_separates_them() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "old one\n\n  new,one= \r\n")]).await;
    for right in ["old one", "new,one="] {
        assert!(accepts(&authenticator, right).await, "{right}");
    }
    for wrong in ["old", "one", "new", "old one new,one="] {
        assert!(!accepts(&authenticator, wrong).await, "{wrong}");
    }
}

#[tokio::test]
async fn a_replaced_file_applies_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "first\n").unwrap();
    let authenticator = with_token_file(&path).await;
    assert!(accepts(&authenticator, "first").await);
    // The file has the same length and may have the same modification time.
    fs::write(&path, "other\n").unwrap();
    advance(SECOND).await;
    assert!(accepts(&authenticator, "other").await);
    assert!(!accepts(&authenticator, "first").await);
}

#[tokio::test]
async fn a_file_is_checked_at_most_once_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "first").unwrap();
    // The clock is paused, so that the second does not elapse by itself.
    tokio::time::pause();
    let authenticator = with_token_file(&path).await;
    fs::write(&path, "second").unwrap();
    tokio::time::advance(Duration::from_millis(999)).await;
    assert!(accepts(&authenticator, "first").await);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(accepts(&authenticator, "second").await);
}

#[tokio::test]
async fn a_rotation_accepts_both_secrets_until_the_old_one_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "old").unwrap();
    let authenticator = with_token_file(&path).await;
    for (content, old, new) in [("old", true, false), ("old\nnew", true, true), ("new", false, true)] {
        fs::write(&path, content).unwrap();
        advance(SECOND).await;
        assert_eq!(accepts(&authenticator, "old").await, old, "{content}");
        assert_eq!(accepts(&authenticator, "new").await, new, "{content}");
    }
}

/// A mounted Secret is a link to `..data`, itself a link to a folder, which an update swaps for another.
#[tokio::test]
async fn a_swapped_link_is_followed_as_kubernetes_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for (version, content) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(place(version)).unwrap();
        fs::write(place(version).join("token"), content).unwrap();
    }
    symlink("..1", place("..data")).unwrap();
    symlink("..data/token", place("token")).unwrap();
    let authenticator = with_token_file(&place("token")).await;
    assert!(accepts(&authenticator, "first").await);

    symlink("..2", place("..data_tmp")).unwrap();
    fs::rename(place("..data_tmp"), place("..data")).unwrap();
    advance(SECOND).await;
    assert!(accepts(&authenticator, "second").await);
    assert!(!accepts(&authenticator, "first").await);
}

#[tokio::test]
async fn a_secret_is_revoked_when_its_file_is_emptied_removed_or_invalid_and_accepted_again_when_it_is_back()
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "good").unwrap();
    let authenticator = with_token_file(&path).await;
    let is_revoked = || authenticator.revocations().collect::<Vec<_>>() == [("INTERNAL_TOKEN_FILE", true)];
    let back = async || {
        fs::write(&path, "good").unwrap();
        advance(SECOND).await;
        assert!(accepts(&authenticator, "good").await && !is_revoked());
    };

    for invalid in ["".as_bytes(), b" \n", b"\xff\xfe", "p\u{e4}ssword".as_bytes()] {
        fs::write(&path, invalid).unwrap();
        advance(SECOND).await;
        assert!(!accepts(&authenticator, "good").await && is_revoked(), "{invalid:?}");
        let empty = authenticate(&authenticator, &[("x-internal-token", "")]).await;
        assert_eq!(empty, Ok(None), "an empty secret is not the one of an empty file");
        back().await;
    }
    fs::remove_file(&path).unwrap();
    advance(SECOND).await;
    assert!(!accepts(&authenticator, "good").await && is_revoked());
    assert!(authenticator.configured(), "access is not open instead");
    back().await;
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    advance(SECOND).await;
    assert!(!accepts(&authenticator, "good").await && is_revoked());
}

#[tokio::test]
async fn the_other_credentials_stay_valid_when_one_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "token").unwrap();
    let values = [("INTERNAL_TOKEN_FILE", path.to_str().unwrap()), ("ADMIN_SECRET", "secret")];
    let authenticator = authenticator(&values).await;
    fs::remove_file(&path).unwrap();
    advance(SECOND).await;
    assert!(!accepts(&authenticator, "token").await);
    assert!(authenticate(&authenticator, &[("x-admin-secret", "secret")]).await.unwrap().is_some());
}

//! `X-Internal-Token` and `X-Admin-Secret`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use common::auth::{Authenticator, Method, Refusal, Role};

use crate::support::{ask, authenticator, pass};

const SECOND: Duration = Duration::from_secs(1);

async fn of_file(path: &Path) -> Authenticator {
    authenticator(&[("INTERNAL_TOKEN_FILE", path.to_str().unwrap())]).await
}

/// Whether the token lets its bearer in; any refusal but that of a wrong token is a failure.
async fn lets_in(authenticator: &Authenticator, token: &str) -> bool {
    match ask(authenticator, &[("x-internal-token", token)]).await {
        Ok(caller) => caller.is_some(),
        Err(refusal) => {
            assert_eq!(refusal, Refusal::WrongToken);
            false
        }
    }
}

#[tokio::test]
async fn the_internal_token_makes_an_internal_caller() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "right")]).await;
    let caller = ask(&authenticator, &[("x-internal-token", "right")]).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("internal-token", Role::Internal));
    assert_eq!(caller.method, Method::InternalToken);
}

#[tokio::test]
async fn the_admin_secret_makes_an_administrator() {
    let authenticator = authenticator(&[("ADMIN_SECRET", "right")]).await;
    let caller = ask(&authenticator, &[("x-admin-secret", "right")]).await.unwrap().unwrap();
    assert_eq!((caller.name.as_str(), caller.role), ("admin-secret", Role::Admin));
    assert_eq!(caller.method, Method::AdminSecret);
}

#[tokio::test]
async fn a_secret_is_right_in_whole_and_in_its_own_header_alone() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "token+/=="), ("ADMIN_SECRET", "secret")]).await;
    assert!(lets_in(&authenticator, "token+/==").await);
    for wrong in ["secret", "token+/=", "token+/===", "TOKEN+/==", "t", "token+/==,secret"] {
        assert!(!lets_in(&authenticator, wrong).await, "{wrong}");
    }
    let swapped = ask(&authenticator, &[("x-admin-secret", "token+/==")]).await;
    assert_eq!(swapped, Err(Refusal::WrongToken));
}

#[tokio::test]
async fn each_line_is_a_secret_and_nothing_else_separates_them() {
    let authenticator = authenticator(&[("INTERNAL_TOKEN", "old one\n\n  new,one= \r\n")]).await;
    for right in ["old one", "new,one="] {
        assert!(lets_in(&authenticator, right).await, "{right}");
    }
    for wrong in ["old", "one", "new", "old one new,one="] {
        assert!(!lets_in(&authenticator, wrong).await, "{wrong}");
    }
}

#[tokio::test]
async fn a_replaced_file_counts_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "first\n").unwrap();
    let authenticator = of_file(&path).await;
    assert!(lets_in(&authenticator, "first").await);
    // Of the same length, and in the same tick of the clock.
    fs::write(&path, "other\n").unwrap();
    pass(SECOND).await;
    assert!(lets_in(&authenticator, "other").await);
    assert!(!lets_in(&authenticator, "first").await);
}

#[tokio::test]
async fn a_file_is_looked_at_once_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "first").unwrap();
    // The clock stands, so that the second can't be over by itself.
    tokio::time::pause();
    let authenticator = of_file(&path).await;
    fs::write(&path, "second").unwrap();
    tokio::time::advance(Duration::from_millis(999)).await;
    assert!(lets_in(&authenticator, "first").await);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(lets_in(&authenticator, "second").await);
}

#[tokio::test]
async fn a_rotation_accepts_both_until_the_old_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "old").unwrap();
    let authenticator = of_file(&path).await;
    for (content, old, new) in [("old", true, false), ("old\nnew", true, true), ("new", false, true)] {
        fs::write(&path, content).unwrap();
        pass(SECOND).await;
        assert_eq!(lets_in(&authenticator, "old").await, old, "{content}");
        assert_eq!(lets_in(&authenticator, "new").await, new, "{content}");
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
    let authenticator = of_file(&place("token")).await;
    assert!(lets_in(&authenticator, "first").await);

    symlink("..2", place("..data_tmp")).unwrap();
    fs::rename(place("..data_tmp"), place("..data")).unwrap();
    pass(SECOND).await;
    assert!(lets_in(&authenticator, "second").await);
    assert!(!lets_in(&authenticator, "first").await);
}

#[tokio::test]
async fn a_file_that_is_gone_or_empty_or_unusable_leaves_what_was_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "good").unwrap();
    let authenticator = of_file(&path).await;

    fs::remove_file(&path).unwrap();
    pass(SECOND).await;
    assert!(lets_in(&authenticator, "good").await);
    for unusable in ["".as_bytes(), b" \n", b"\xff\xfe", "pässword".as_bytes()] {
        fs::write(&path, unusable).unwrap();
        pass(SECOND).await;
        assert!(lets_in(&authenticator, "good").await, "{unusable:?}");
    }
    fs::write(&path, "better").unwrap();
    pass(SECOND).await;
    assert!(lets_in(&authenticator, "better").await);
    assert!(!lets_in(&authenticator, "good").await);
}

//! No log line, error or `Debug` text contains a secret or a token.

use std::fmt::Write as _;
use std::time::Duration;

use common::auth::AuthError;
use serde_json::json;

use crate::support::key::Key;
use crate::support::log::LogCapture;
use crate::support::reviewer::{FakeReviewer, service_account_token};
use crate::support::{
    AUDIENCE, advance, authenticate, authenticator_with_reviewer, from_now, try_authenticator,
};

const SECRET: &str = "very-secret-jwt-secret-of-32-bytes-or-more";
const TOKEN: &str = "very-secret-internal-token";
const ADMIN: &str = "very-secret-admin-secret";

#[tokio::test]
async fn no_formatted_value_and_no_log_line_contains_a_secret_or_a_token() {
    let (log, _guard) = LogCapture::install();
    let mut shown = String::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    let reviewer = FakeReviewer::new();
    let values = [
        ("INTERNAL_TOKEN_FILE", file.path().to_str().unwrap()),
        ("ADMIN_SECRET", ADMIN),
        ("JWT_SECRET", SECRET),
        ("TOKEN_REVIEW_AUDIENCE", AUDIENCE),
    ];
    let authenticator = authenticator_with_reviewer(&values, &reviewer).await;
    write!(shown, "{authenticator:?} {authenticator:#?}").unwrap();

    let jwt = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": from_now(300) }));
    let expired = Key::hs256(SECRET).token("", &json!({ "sub": "alice", "exp": 1 }));
    let account = service_account_token("one", &json!({}));
    let requests = [
        ("x-internal-token", TOKEN.to_owned()),
        ("x-internal-token", format!("{TOKEN}-wrong")),
        ("x-admin-secret", ADMIN.to_owned()),
        ("x-admin-secret", TOKEN.to_owned()),
        ("authorization", format!("Bearer {jwt}")),
        ("authorization", format!("Bearer {expired}")),
        ("authorization", format!("Bearer {jwt}x")),
        ("authorization", format!("Bearer {account}")),
        ("authorization", format!("Bearer {TOKEN}")),
    ];
    reviewer.fail(Some("connection refused"));
    let (mut accepted, mut rejected) = (0, 0);
    for (name, value) in &requests {
        let outcome = authenticate(&authenticator, &[(name, value)]).await;
        *if outcome.is_ok() { &mut accepted } else { &mut rejected } += 1;
        write!(shown, "{outcome:?}").unwrap();
        if let Err(error) = outcome {
            write!(shown, "{error} {error:?} {}", error.reason()).unwrap();
        }
    }
    assert_eq!((accepted, rejected), (3, 6));
    std::fs::write(file.path(), format!("\u{e4}{TOKEN}")).unwrap();
    advance(Duration::from_secs(1)).await;
    assert_eq!(
        authenticate(&authenticator, &[("x-internal-token", TOKEN)]).await,
        Err(AuthError::WrongToken)
    );

    for values in [
        vec![("JWT_SECRET", &SECRET[..20])],
        vec![("INTERNAL_TOKEN", "very-secret-p\u{e4}ssword")],
        vec![("ADMIN_SECRET", ADMIN), ("ADMIN_SECRET_FILE", "/absent")],
    ] {
        let error = try_authenticator(&values).await.unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }

    let logged = log.text();
    assert!(logged.contains("can't be reviewed") && logged.contains("the credential is revoked"), "{logged}");
    for text in [&shown, &logged] {
        for hidden in ["very-secret", &jwt, &expired, &account, jwt.rsplit_once('.').unwrap().1] {
            assert!(!text.contains(hidden), "{hidden} is in: {text}");
        }
    }
}

#[tokio::test]
async fn a_revocation_is_logged_once_and_so_is_its_end() {
    let (log, _guard) = LogCapture::install();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    let path = file.path().to_str().unwrap();
    let authenticator = try_authenticator(&[("INTERNAL_TOKEN_FILE", path)]).await.unwrap();
    let (warning, recovery) = ("the credential is revoked", "the file was reloaded");
    for (content, warnings, recoveries) in [("", 1, 0), ("", 1, 0), (TOKEN, 1, 1), (TOKEN, 1, 1), ("", 2, 1)]
    {
        std::fs::write(file.path(), content).unwrap();
        advance(Duration::from_secs(1)).await;
        let outcome = authenticate(&authenticator, &[("x-internal-token", TOKEN)]).await;
        assert_eq!(outcome.is_ok(), content == TOKEN);
        let logged = log.text();
        assert_eq!(logged.matches(warning).count(), warnings, "{logged}");
        assert_eq!(logged.matches(recovery).count(), recoveries, "{logged}");
    }
    assert!(log.text().contains("INTERNAL_TOKEN_FILE"));
}

#[tokio::test]
async fn a_short_secret_causes_a_warning_that_names_the_setting() {
    let (log, _guard) = LogCapture::install();
    assert!(try_authenticator(&[("INTERNAL_TOKEN", TOKEN), ("ADMIN_SECRET", ADMIN)]).await.is_ok());
    assert_eq!(log.text(), "");
    let (short, enough) = ("x".repeat(15), "x".repeat(16));
    let values = [("INTERNAL_TOKEN", TOKEN), ("ADMIN_SECRET", &format!("{enough}\n{short}"))];
    assert!(try_authenticator(&values).await.is_ok());
    let text = log.text();
    assert_eq!(text.matches("shorter than 16 bytes").count(), 1, "{text}");
    assert!(text.contains("ADMIN_SECRET") && !text.contains(&short), "{text}");
}

#[test]
fn reasons_are_distinct_labels() {
    let all = [
        AuthError::Malformed(""),
        AuthError::WrongToken,
        AuthError::Algorithm,
        AuthError::WrongKey,
        AuthError::BadSignature,
        AuthError::NoExpiry,
        AuthError::Expired,
        AuthError::NotYetValid,
        AuthError::WrongAudience,
        AuthError::WrongIssuer,
        AuthError::Rejected,
        AuthError::NotAllowed,
        AuthError::Throttled,
        AuthError::Unavailable(""),
    ];
    let reasons: std::collections::BTreeSet<&str> = all.into_iter().map(AuthError::reason).collect();
    assert_eq!(reasons.len(), all.len());
    assert!(
        reasons.iter().all(|reason| reason.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()))
    );
}

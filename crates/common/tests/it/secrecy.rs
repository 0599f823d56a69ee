//! No secret and no token is ever shown.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::auth::Refusal;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::key::Key;
use crate::support::reviewer::{FakeReviewer, service_account_token};
use crate::support::{AUDIENCE, ask, from_now, pass, reviewing, try_authenticator};

const SECRET: &str = "very-secret-jwt-secret-of-32-bytes-or-more";
const TOKEN: &str = "very-secret-internal-token";
const ADMIN: &str = "very-secret-admin-secret";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn nothing_that_can_be_formatted_or_is_logged_shows_a_secret_or_a_token() {
    let (log, _guard) = listen();
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
    let authenticator = reviewing(&values, &reviewer).await;
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
    let (mut right, mut wrong) = (0, 0);
    for (name, value) in &requests {
        let outcome = ask(&authenticator, &[(name, value)]).await;
        *if outcome.is_ok() { &mut right } else { &mut wrong } += 1;
        write!(shown, "{outcome:?}").unwrap();
        if let Err(refusal) = outcome {
            write!(shown, "{refusal} {refusal:?} {}", refusal.reason()).unwrap();
        }
    }
    assert_eq!((right, wrong), (3, 6));
    std::fs::write(file.path(), format!("\u{e4}{TOKEN}")).unwrap();
    pass(Duration::from_secs(1)).await;
    assert!(ask(&authenticator, &[("x-internal-token", TOKEN)]).await.is_ok());

    for values in [
        vec![("JWT_SECRET", &SECRET[..20])],
        vec![("INTERNAL_TOKEN", "very-secret-p\u{e4}ssword")],
        vec![("ADMIN_SECRET", ADMIN), ("ADMIN_SECRET_FILE", "/absent")],
    ] {
        let error = try_authenticator(&values).await.unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }

    let logged = log.text();
    assert!(
        logged.contains("can't be reviewed") && logged.contains("what it held before stays valid"),
        "{logged}"
    );
    for text in [&shown, &logged] {
        for hidden in ["very-secret", &jwt, &expired, &account, jwt.rsplit_once('.').unwrap().1] {
            assert!(!text.contains(hidden), "{hidden} is in: {text}");
        }
    }
}

#[tokio::test]
async fn a_file_that_stays_bad_is_told_once_and_so_is_its_recovery() {
    let (log, _guard) = listen();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    let path = file.path().to_str().unwrap();
    let authenticator = try_authenticator(&[("INTERNAL_TOKEN_FILE", path)]).await.unwrap();
    let (warning, news) = ("what it held before stays valid", "the file was read again");
    for (content, warnings, recoveries) in [("", 1, 0), ("", 1, 0), (TOKEN, 1, 1), (TOKEN, 1, 1), ("", 2, 1)]
    {
        std::fs::write(file.path(), content).unwrap();
        pass(Duration::from_secs(1)).await;
        assert!(ask(&authenticator, &[("x-internal-token", TOKEN)]).await.is_ok());
        let logged = log.text();
        assert_eq!(logged.matches(warning).count(), warnings, "{logged}");
        assert_eq!(logged.matches(news).count(), recoveries, "{logged}");
    }
    assert!(log.text().contains("INTERNAL_TOKEN_FILE"));
}

#[test]
fn reasons_are_words_for_labels_and_differ() {
    let all = [
        Refusal::Malformed(""),
        Refusal::WrongToken,
        Refusal::Algorithm,
        Refusal::WrongKey,
        Refusal::BadSignature,
        Refusal::NoExpiry,
        Refusal::Expired,
        Refusal::NotYetValid,
        Refusal::WrongAudience,
        Refusal::WrongIssuer,
        Refusal::Rejected,
        Refusal::NotAllowed,
        Refusal::Unavailable(""),
    ];
    let reasons: std::collections::BTreeSet<&str> = all.into_iter().map(Refusal::reason).collect();
    assert_eq!(reasons.len(), all.len());
    assert!(
        reasons.iter().all(|reason| reason.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()))
    );
}

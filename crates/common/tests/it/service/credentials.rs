//! Credentials that change while the service runs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::key::{Key, key_set, with_audience_and_issuer};
use crate::support::key_server::KeyServer;
use crate::support::log::LogCapture;
use crate::support::{advance, claims};

use super::{TIMEOUT, TestService};

const ADMIN: (&str, &str) = ("ADMIN_SECRET", "the-admin-secret-93ab");

impl TestService {
    /// Waits until a metric's line has this value.
    async fn wait_for_metric(&self, line: &str, value: u64) {
        let wait = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while self.metric(line).await != Some(value) {
                ticks.tick().await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.expect("the metric has the value");
    }
}

#[tokio::test]
async fn a_removed_secret_is_revoked_without_a_request_and_reported_once_in_the_log_and_in_a_metric() {
    let (log, _guard) = LogCapture::install();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "the-internal-token-7d1f").unwrap();
    let service = TestService::start(&[("INTERNAL_TOKEN_FILE", file.path().to_str().unwrap()), ADMIN]).await;
    let line = "greeter_credential_revoked{setting=\"INTERNAL_TOKEN_FILE\"}";
    assert_eq!(service.metric(line).await, Some(0));
    assert_eq!(service.metric("greeter_access_open").await, Some(0));

    fs::remove_file(file.path()).unwrap();
    let reported = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !log.text().contains("the credential is revoked") {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(TIMEOUT, reported).await.expect("the log has the revocation");
    assert_eq!(service.metric(line).await, Some(1));
    let hello = |(header, value): (&str, &str)| service.get("/hello").header(header, value);
    service.problem(hello(("x-internal-token", "the-internal-token-7d1f")), 401, "wrong-credential").await;
    service.problem(service.get("/hello"), 401, "missing-credential").await;
    assert_eq!(hello(("x-admin-secret", ADMIN.1)).send().await.unwrap().status(), 200);
    assert_eq!(log.text().matches("the credential is revoked").count(), 1);

    fs::write(file.path(), "the-internal-token-7d1f").unwrap();
    service.wait_for_metric(line, 0).await;
    assert_eq!(hello(("x-internal-token", "the-internal-token-7d1f")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn tokens_with_unknown_keys_delay_no_other_caller_while_the_key_server_hangs() {
    const FORGED: usize = 520;
    let key = Key::es256();
    let server = KeyServer::start(&key_set(&[key.jwk("key")])).await;
    let token = ("INTERNAL_TOKEN", "the-internal-token-7d1f");
    let keys = with_audience_and_issuer("JWKS_URL", &server.url);
    let service =
        Arc::new(TestService::start(&[&keys[..], &[token, ("MAX_REQUESTS", "600")]].concat()).await);
    server.hang();
    advance(Duration::from_secs(10)).await;
    let mut forged = JoinSet::new();
    for number in 0..FORGED {
        let request = service.get("/hello").bearer_auth(key.token(&format!("made-up-{number}"), &claims()));
        forged.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    // The others wait for the one request to the key server.
    for _ in 0..FORGED - 16 {
        assert_eq!(forged.join_next().await.unwrap().unwrap(), 429);
    }
    server.requested(2).await;
    for _ in 0..20 {
        let hello = service.get("/hello").header("x-internal-token", token.1);
        assert_eq!(hello.send().await.unwrap().status(), 200);
        let known = service.get("/hello").bearer_auth(key.token("key", &claims()));
        assert_eq!(known.send().await.unwrap().status(), 200);
    }
    assert_eq!((forged.len(), server.requests()), (16, 2), "the key server has not answered");
    server.serve(&key_set(&[key.jwk("key")]));
    while let Some(status) = forged.join_next().await {
        assert_eq!(status.unwrap(), 401);
    }
}

#[tokio::test]
async fn open_access_is_a_metric() {
    let service = TestService::start(&[]).await;
    assert_eq!(service.metric("greeter_access_open").await, Some(1));
}

//! Authentication, authorization and limits.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::{SECRETS, TestService};

#[tokio::test]
async fn a_protected_route_needs_a_valid_credential_and_refusals_are_counted() {
    let service = TestService::start(&SECRETS).await;
    service.problem(service.get("/hello"), 401, "missing-credential").await;
    let wrong = || service.get("/hello").header("x-internal-token", "wrong");
    service.problem(wrong(), 401, "wrong-credential").await;
    let challenge = wrong().send().await.unwrap().headers()["www-authenticate"].clone();
    assert_eq!(challenge, "Bearer realm=\"greeter\"");
    let valid = service.get("/hello").header("x-internal-token", SECRETS[0].1);
    assert_eq!(valid.send().await.unwrap().text().await.unwrap(), "internal-token");
    for (reason, count) in [("missing", 1), ("wrong_token", 2)] {
        let line = format!("greeter_credentials_refused_total{{reason=\"{reason}\"}}");
        assert_eq!(service.metric(&line).await, Some(count), "{reason}");
    }
}

#[tokio::test]
async fn open_routes_and_probes_need_no_credential() {
    let service = TestService::start(&SECRETS).await;
    for path in ["/open", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn without_a_configured_credential_callers_are_anonymous_and_never_administrators() {
    let service = TestService::start(&[]).await;
    assert_eq!(service.get("/hello").send().await.unwrap().text().await.unwrap(), "anonymous");
    service.problem(service.get("/admin"), 401, "missing-credential").await;
}

#[tokio::test]
async fn the_routes_of_administrators_need_that_role() {
    let service = TestService::start(&SECRETS).await;
    let with = |header: &str, value: &str| service.get("/admin").header(header, value);
    service.problem(with("x-internal-token", SECRETS[0].1), 403, "not-allowed").await;
    let line = "greeter_credentials_refused_total{reason=\"not_admin\"}";
    assert_eq!(service.metric(line).await, Some(1));
    assert_eq!(with("x-admin-secret", SECRETS[1].1).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_caller_above_the_rate_limit_has_to_wait_and_others_do_not() {
    let service = TestService::start(&[&SECRETS[..], &[("RATE_LIMIT", "2")]].concat()).await;
    let hello = || service.get("/hello").header("x-internal-token", SECRETS[0].1);
    let mut rejected = None;
    for _ in 0..20 {
        let response = hello().send().await.unwrap();
        if response.status() == 429 {
            rejected = Some(response.headers()["retry-after"].clone());
            break;
        }
    }
    assert_eq!(rejected.expect("the limit is reached"), "1");
    let other = service.get("/hello").header("x-admin-secret", SECRETS[1].1);
    assert_eq!(other.send().await.unwrap().status(), 200);
    let wrong = service.get("/hello").header("x-admin-secret", "wrong");
    service.problem(wrong, 401, "wrong-credential").await;
}

#[tokio::test]
async fn requests_above_the_limit_of_concurrent_ones_are_rejected_and_probes_are_not() {
    let service = TestService::start(&[&SECRETS[..], &[("MAX_REQUESTS", "1")]].concat()).await;
    let slow = service.get("/slow").header("x-internal-token", SECRETS[0].1);
    let slow = tokio::spawn(slow.send());
    service.wait_for_status("/open", 503).await;
    // The limit applies before authentication, and to paths without a route.
    for path in ["/open", "/hello", "/none"] {
        service.problem(service.get(path), 503, "overloaded").await;
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).send().await.unwrap().status(), 200, "{path}");
    }
    slow.abort();
    service.wait_for_status("/open", 200).await;
}

#[tokio::test]
async fn a_wrong_credential_beside_a_valid_one_is_counted_and_does_not_reject_the_request() {
    let service = TestService::start(&SECRETS).await;
    let hello = service.get("/hello").header("x-internal-token", SECRETS[0].1);
    let response = hello.header("x-admin-secret", "guessed").bearer_auth("ignored").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let line = "greeter_credentials_refused_total{reason=\"wrong_token\"}";
    assert_eq!(service.metric(line).await, Some(1));
    let admin = service.get("/admin").header("x-admin-secret", SECRETS[1].1);
    assert_eq!(admin.header("x-internal-token", "wrong").send().await.unwrap().status(), 200);
    // An empty header is not a credential.
    service.problem(service.get("/hello").header("x-admin-secret", ""), 401, "missing-credential").await;
    let empty = service.get("/admin").header("x-admin-secret", "").header("x-internal-token", SECRETS[0].1);
    service.problem(empty, 403, "not-allowed").await;
}

#[tokio::test]
async fn a_caller_has_at_most_half_of_the_concurrent_requests() {
    let service = TestService::start(&[&SECRETS[..], &[("MAX_REQUESTS", "4")]].concat()).await;
    let slow = |path| service.get(path).header("x-internal-token", SECRETS[0].1);
    let held = [tokio::spawn(slow("/slow").send()), tokio::spawn(slow("/slow").send())];
    let until_rejected = async {
        while slow("/hello").send().await.unwrap().status() != StatusCode::TOO_MANY_REQUESTS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::TIMEOUT, until_rejected).await.expect("the share is used");
    service.problem(slow("/hello"), 429, "too-many-requests").await;
    let other = service.get("/hello").header("x-admin-secret", SECRETS[1].1);
    assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn wrong_credentials_are_answered_slowly_without_delaying_valid_ones() {
    let service = TestService::start(&[&SECRETS[..], &[("MAX_REQUESTS", "2")]].concat()).await;
    let guess = || service.get("/hello").header("x-internal-token", "wrong");
    let started = Instant::now();
    // The first 20 are answered at once, and the next one with a delay, during which it holds no slot.
    for _ in 0..20 {
        assert_eq!(guess().send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let guesses: Vec<_> = (0..8).map(|_| tokio::spawn(guess().send())).collect();
    let valid = service.get("/hello").header("x-internal-token", SECRETS[0].1);
    assert_eq!(valid.send().await.unwrap().status(), StatusCode::OK);
    for guess in guesses {
        assert_eq!(guess.await.unwrap().unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert!(started.elapsed() >= Duration::from_secs(1), "the guesses were not delayed");
}

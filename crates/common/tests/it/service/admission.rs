//! Authentication, authorization and limits.

use super::TestService;

const SECRETS: [(&str, &str); 2] =
    [("INTERNAL_TOKEN", "the-internal-token-7d1f"), ("ADMIN_SECRET", "the-admin-secret-93ab")];

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

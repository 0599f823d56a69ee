//! `X-On-Behalf-Of`.

use reqwest::RequestBuilder;

use super::{SECRETS, TestService};

const TRUSTED: (&str, &str) = ("TRUSTED_CALLERS", "internal-token");

fn person(service: &TestService, name: &str) -> RequestBuilder {
    service.get("/person").header("x-internal-token", SECRETS[0].1).header("x-on-behalf-of", name)
}

#[tokio::test]
async fn a_trusted_caller_acts_on_behalf_of_the_person_that_it_names() {
    let service = TestService::start(&[&SECRETS[..], &[TRUSTED]].concat()).await;
    let alice = person(&service, "alice@example.com").send().await.unwrap();
    assert_eq!(alice.text().await.unwrap(), "alice@example.com");
    let own = service.get("/person").header("x-internal-token", SECRETS[0].1);
    assert_eq!(own.send().await.unwrap().text().await.unwrap(), "internal-token");
}

#[tokio::test]
async fn other_callers_are_refused_whatever_they_name() {
    let service = TestService::start(&[&SECRETS[..], &[TRUSTED]].concat()).await;
    for name in ["alice", "", "jwt:alice"] {
        let request = service.get("/person").header("x-admin-secret", SECRETS[1].1);
        let problem = service.problem(request.header("x-on-behalf-of", name), 403, "not-allowed").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("admin-secret") && detail.contains("TRUSTED_CALLERS"), "{detail}");
    }
    let line = "greeter_credentials_refused_total{reason=\"not_trusted\"}";
    assert_eq!(service.metric(line).await, Some(3));
    // Without a valid credential, the name is not read.
    let unknown = service.get("/person").header("x-on-behalf-of", "alice");
    service.problem(unknown, 401, "missing-credential").await;
}

#[tokio::test]
async fn without_a_credential_only_a_trusted_anonymous_caller_may_name_a_person() {
    let open = TestService::start(&[]).await;
    open.problem(open.get("/person").header("x-on-behalf-of", "alice"), 403, "not-allowed").await;
    let trusting = TestService::start(&[("TRUSTED_CALLERS", "anonymous")]).await;
    let alice = trusting.get("/person").header("x-on-behalf-of", "alice").send().await.unwrap();
    assert_eq!(alice.text().await.unwrap(), "alice");
}

#[tokio::test]
async fn a_name_that_can_not_be_used_is_an_error() {
    let service = TestService::start(&[&SECRETS[..], &[TRUSTED]].concat()).await;
    for (name, expected) in [
        ("", "is empty"),
        ("internal-token", "is the name of a caller"),
        (&"x".repeat(129), "is longer than 128"),
    ] {
        let problem = service.problem(person(&service, name), 400, "bad-request").await;
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
    let twice = person(&service, "alice").header("x-on-behalf-of", "bob");
    service.problem(twice, 400, "bad-request").await;
}

#[tokio::test]
async fn the_rate_limit_is_that_of_the_person() {
    let service = TestService::start(&[&SECRETS[..], &[TRUSTED, ("RATE_LIMIT", "2")]].concat()).await;
    let until_rejected = async { while person(&service, "alice").send().await.unwrap().status() != 429 {} };
    tokio::time::timeout(super::TIMEOUT, until_rejected).await.expect("the limit is reached");
    assert_eq!(person(&service, "bob").send().await.unwrap().status(), 200);
    let own = service.get("/person").header("x-internal-token", SECRETS[0].1);
    assert_eq!(own.send().await.unwrap().status(), 200);
}

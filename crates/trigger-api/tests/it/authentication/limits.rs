//! The rate limit of each caller.

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::tokens::{hs256, in_an_hour};
use super::{ADMIN_SECRET, INTERNAL_TOKEN, JWT_SECRET, SECRETS};
use crate::support::{TriggerApi, cronjob, namespace, problem};

#[tokio::test]
async fn a_caller_over_its_rate_limit_gets_429_and_other_callers_are_served() {
    let namespace = namespace("rate").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[&SECRETS[..3], &[("RATE_LIMIT", "5")]].concat()).await;
    let alice = hs256(JWT_SECRET, &in_an_hour("alice"));
    let requests = (0..40).map(|_| api.get("/v1/runs").bearer_auth(&alice).send());
    let answers: Vec<_> = join_all(requests).await.into_iter().map(Result::unwrap).collect();
    let served = answers.iter().filter(|answer| answer.status() == StatusCode::OK).count();
    assert!(served >= 5, "{served} of 40");
    let limited: Vec<_> = answers.iter().filter(|answer| answer.status() != StatusCode::OK).collect();
    assert!(!limited.is_empty());
    for answer in limited {
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{wait} s");
    }
    let bob = hs256(JWT_SECRET, &in_an_hour("bob"));
    let others = [
        api.get("/v1/runs").bearer_auth(&bob),
        api.get("/v1/runs").header("x-internal-token", INTERNAL_TOKEN),
        api.get("/v1/runs").header("x-admin-secret", ADMIN_SECRET),
    ];
    for other in others {
        assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);
    }
    // Probes are not limited, and a wrong credential gets 401 instead of 429.
    for _ in 0..20 {
        assert_eq!(api.get("/healthz").send().await.unwrap().status(), StatusCode::OK);
    }
    problem(api.get("/v1/runs").bearer_auth("no-token"), 401, "wrong-credential").await;
}

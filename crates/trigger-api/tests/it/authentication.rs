//! Credentials of callers: shared secrets, JWTs, and ServiceAccount tokens that the API server reviews.

mod limits;
mod on_behalf_of;
mod rotation;
mod service_accounts;
pub(crate) mod tokens;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use testkit::cluster::Namespace;

use self::tokens::{hs256, in_an_hour};
use crate::support::{TriggerApi, answer, cronjob, namespace, objects, problem};

const INTERNAL_TOKEN: &str = "the-internal-token-7d1f";
const ADMIN_SECRET: &str = "the-admin-secret-93ab";
const JWT_SECRET: &str = "a-secret-of-more-than-thirty-two-bytes-51c7";
const SECRETS: [(&str, &str); 4] = [
    ("INTERNAL_TOKEN", INTERNAL_TOKEN),
    ("ADMIN_SECRET", ADMIN_SECRET),
    ("JWT_SECRET", JWT_SECRET),
    ("LOG_LEVEL", "trace"),
];

#[tokio::test]
async fn a_request_without_a_valid_credential_is_rejected_and_counted() {
    let namespace = namespace("refusals").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &SECRETS).await;
    let guarded = ["/v1/targets", "/v1/runs", "/v1/events", "/v1/targets/kraken-trading-job/preview"];
    let missing = guarded.map(|path| api.get(path)).into_iter().chain([api.post("/trigger-sync")]);
    for request in missing {
        assert_asks_for_credential(request, "missing-credential").await;
    }
    let other_key = hs256("another-secret-of-more-than-32-bytes-000000", &in_an_hour("alice"));
    let wrong = [
        api.post("/trigger-sync").header("x-internal-token", "wrong-internal-token"),
        api.post("/trigger-sync").header("x-admin-secret", INTERNAL_TOKEN),
        api.post("/trigger-sync").bearer_auth(&other_key),
        api.post("/trigger-sync").bearer_auth("no-token"),
        api.post("/trigger-sync").bearer_auth(hs256(JWT_SECRET, &tokens::expired("alice"))),
        api.post("/trigger-sync")
            .header("x-internal-token", "wrong-internal-token")
            .header("x-admin-secret", "wrong-one"),
    ];
    for request in wrong {
        assert_asks_for_credential(request, "wrong-credential").await;
    }
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        let response = api.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path} requires no credential");
    }
    let metrics = api.get("/metrics").send().await.unwrap().text().await.unwrap();
    for (reason, count) in
        [("missing", 5), ("wrong_token", 3), ("bad_signature", 1), ("malformed", 1), ("expired", 1)]
    {
        let line = format!("trigger_api_credentials_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    let jobs = objects::get(&namespace, "jobs").await;
    assert_eq!(jobs["items"], serde_json::json!([]), "no run was started");
    let log = api.last_words().join("\n");
    assert!(log.contains("wrong-credential"), "rejections are logged: {log}");
    for secret in [INTERNAL_TOKEN, ADMIN_SECRET, JWT_SECRET, "wrong-internal-token", "wrong-one", &other_key]
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

async fn assert_asks_for_credential(request: RequestBuilder, kind: &str) {
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"trigger-api\"");
    let text = response.text().await.expect("a complete response");
    assert!(text.contains(&format!("https://tradeops.dev/problems/{kind}\"")), "{text}");
}

#[tokio::test]
async fn the_run_and_the_job_have_the_name_of_the_caller_for_every_kind_of_credential() {
    let namespace = namespace("callers").await;
    namespace.apply(&cronjob("", ""));
    let mut api = TriggerApi::start(&namespace, &SECRETS).await;
    let token = hs256(JWT_SECRET, &in_an_hour("alice"));
    let start = || api.post("/trigger-sync");
    let callers = [
        (start().header("x-internal-token", INTERNAL_TOKEN), "internal-token"),
        (start().header("x-admin-secret", ADMIN_SECRET), "admin-secret"),
        (start().bearer_auth(&token), "jwt:alice"),
        (start().header("x-internal-token", INTERNAL_TOKEN).bearer_auth(&token), "jwt:alice"),
    ];
    for (request, caller) in callers {
        assert_caller(&namespace, &api, request, caller).await;
    }
    problem(api.get("/v1/runs"), 401, "missing-credential").await;
    let log = api.last_words().join("\n");
    for secret in [INTERNAL_TOKEN, ADMIN_SECRET, JWT_SECRET, &token] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Starts a run with the request, and checks the caller's name in the run and in the Job.
async fn assert_caller(namespace: &Namespace, api: &TriggerApi, request: RequestBuilder, caller: &str) {
    let (status, started) = answer(request).await;
    assert_eq!(status, StatusCode::OK, "{caller}: {started}");
    let path = format!("/v1/runs/{}", started["run_id"].as_str().expect("a string"));
    let (_, run) = answer(api.get(&path).header("x-internal-token", INTERNAL_TOKEN)).await;
    assert_eq!(run["requested_by"], caller);
    let job: Value =
        objects::get(namespace, &format!("jobs/{}", started["job_name"].as_str().expect("a string"))).await;
    assert_eq!(job["metadata"]["annotations"]["tradeops.dev/requested-by"], caller);
}

//! ServiceAccount tokens, which the API server reviews.

use reqwest::StatusCode;
use serde_json::json;
use testkit::cluster::Namespace;

use super::{INTERNAL_TOKEN, assert_asks_for_credential, assert_caller};
use crate::support::{TriggerApi, answer, cluster_wide, cronjob, namespace, problem};

const AUDIENCE: &str = "trigger-api";

#[tokio::test]
async fn a_serviceaccount_token_is_accepted_only_with_the_configured_audience() {
    let namespace = namespace("reviews").await;
    namespace.apply(&cronjob("", ""));
    namespace.kubectl(&["create", "serviceaccount", "dashboard"]);
    grant_reviews(&namespace).await;
    let variables =
        [("TOKEN_REVIEW_AUDIENCE", AUDIENCE), ("INTERNAL_TOKEN", INTERNAL_TOKEN), ("LOG_LEVEL", "trace")];
    let mut api = TriggerApi::start(&namespace, &variables).await;
    let token = namespace.token("dashboard", &[AUDIENCE]).await;
    let caller = format!("serviceaccount:{}:dashboard", namespace.name);
    assert_caller(&namespace, &api, api.post("/trigger-sync").bearer_auth(&token), &caller).await;
    // A token with several audiences, one of which is the configured one.
    let several = namespace.token("dashboard", &["other", AUDIENCE]).await;
    assert_caller(&namespace, &api, api.post("/trigger-sync").bearer_auth(&several), &caller).await;

    let default_audience = namespace.token("dashboard", &[]).await;
    let other_audience = namespace.token("dashboard", &["other"]).await;
    let forged =
        format!("{}{}", &token[..token.len() - 4], if token.ends_with("AAAA") { "BBBB" } else { "AAAA" });
    for wrong in [&default_audience, &other_audience, &forged] {
        assert_asks_for_credential(api.post("/trigger-sync").bearer_auth(wrong), "wrong-credential").await;
    }
    // A token is invalid once its ServiceAccount is deleted. This one was not used before, so no review of it is cached.
    namespace.kubectl(&["create", "serviceaccount", "leaver"]);
    let orphan = namespace.token("leaver", &[AUDIENCE]).await;
    namespace.kubectl(&["delete", "serviceaccount", "leaver"]);
    assert_asks_for_credential(api.post("/trigger-sync").bearer_auth(&orphan), "wrong-credential").await;

    let log = api.last_words().join("\n");
    for token in [&token, &several, &default_audience, &other_audience, &forged, &orphan] {
        assert!(!log.contains(token.as_str()), "a token is in the log");
        let signature = token.rsplit('.').next().unwrap();
        assert!(!log.contains(signature), "a signature is in the log");
    }
}

#[tokio::test]
async fn with_an_allow_list_only_the_listed_serviceaccounts_are_accepted() {
    let namespace = namespace("listed").await;
    namespace.apply(&cronjob("", ""));
    for account in ["dashboard", "stranger"] {
        namespace.kubectl(&["create", "serviceaccount", account]);
    }
    grant_reviews(&namespace).await;
    let allowed = format!("{}/dashboard", namespace.name);
    let variables = [("TOKEN_REVIEW_AUDIENCE", AUDIENCE), ("TOKEN_REVIEW_ALLOWED", allowed.as_str())];
    let api = TriggerApi::start(&namespace, &variables).await;
    let token = namespace.token("dashboard", &[AUDIENCE]).await;
    let (status, targets) = answer(api.get("/v1/targets").bearer_auth(&token)).await;
    assert_eq!(status, StatusCode::OK, "{targets}");
    let token = namespace.token("stranger", &[AUDIENCE]).await;
    problem(api.get("/v1/targets").bearer_auth(&token), 403, "not-allowed").await;
}

#[tokio::test]
async fn without_permission_to_create_token_reviews_the_response_is_auth_unavailable() {
    let namespace = namespace("no-reviews").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[("TOKEN_REVIEW_AUDIENCE", AUDIENCE)]).await;
    let token = namespace.token("trigger-api-sa", &[AUDIENCE]).await;
    let body = problem(api.get("/v1/targets").bearer_auth(&token), 503, "auth-unavailable").await;
    assert!(!body.to_string().contains("tokenreviews"), "{body}");
}

/// Creates the same objects as the chart's `token-review.yaml`, for the ServiceAccount of this namespace.
async fn grant_reviews(namespace: &Namespace) {
    let name = format!("trigger-api-token-review.{}", namespace.name);
    let metadata = json!({ "name": name });
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata,
        "rules": [{ "apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"] }],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": metadata,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": "trigger-api-sa", "namespace": namespace.name }],
    });
    cluster_wide::apply(namespace, vec![role, binding]).await;
}

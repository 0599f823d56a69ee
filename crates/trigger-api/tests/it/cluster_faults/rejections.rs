//! The API server works, and rejects requests of trigger-api.

use reqwest::StatusCode;
use serde_json::Value;
use testkit::manifests;

use super::TestEnv;
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, problem, until};

const QUOTA: &str =
    "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: jobs}\nspec: {hard: {count/jobs.batch: '0'}}\n";

#[tokio::test]
async fn without_its_role_the_missing_permission_is_reported_and_with_it_starts_succeed_again() {
    let env = TestEnv::new("no-role", "").await;
    env.namespace.kubectl(&["delete", "rolebinding", "--all"]);
    // The API server's authorizer is updated with a delay; until then starts succeed.
    until("a start is rejected", async || env.start_status().await != StatusCode::OK).await;
    let body = env.assert_rejected(503, "missing-permission").await;
    let right = format!("get cronjobs.batch/{CRONJOB} in the namespace {}", env.namespace.name);
    assert!(body["detail"].as_str().unwrap().contains(&right), "{body}");
    let (status, page) = answer(env.api.get("/v1/runs")).await;
    assert_eq!((status, page["runs"].is_array()), (StatusCode::OK, true));
    env.namespace.apply(&manifests::rights(&[CRONJOB]));
    until("a start succeeds", async || env.start_status().await == StatusCode::OK).await;
}

#[tokio::test]
async fn an_exceeded_quota_is_reported_and_without_it_starts_succeed_again() {
    let env = TestEnv::new("quota", "").await;
    env.namespace.apply(QUOTA);
    let used = "jsonpath={.status.used}";
    env.namespace.kubectl(&["wait", "--for", used, "resourcequota/jobs", "--timeout=60s"]);
    env.assert_rejected(503, "quota-exceeded").await;
    let response = env.api.post("/trigger-sync").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "30");
    env.namespace.kubectl(&["delete", "resourcequota", "jobs"]);
    until("a start succeeds", async || env.start_status().await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_deleted_cronjob_is_reported_and_a_recreated_one_is_started() {
    let env = TestEnv::new("no-cronjob", "").await;
    env.namespace.kubectl(&["delete", "cronjob", CRONJOB]);
    let kind = "https://tradeops.dev/problems/no-cronjob";
    env.until_target(|target| target["problem"]["type"] == kind).await;
    let body = env.assert_rejected(404, "no-cronjob").await;
    assert!(body["detail"].as_str().unwrap().contains(CRONJOB), "{body}");
    env.namespace.apply(&cronjob("", ""));
    env.assert_recovered().await;
}

#[tokio::test]
async fn a_suspended_cronjob_is_started_only_if_the_target_allows_it() {
    let env = TestEnv::new("suspended", "").await;
    let suspend = |yes: bool| {
        let patch = format!("{{\"spec\": {{\"suspend\": {yes}}}}}");
        env.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", &patch]);
    };
    suspend(true);
    env.until_target(|target| target["status"]["suspended"] == true).await;
    env.assert_rejected(409, "target-suspended").await;
    let file = env.namespace.folder().join("config.yaml");
    let targets = format!("targets: [{{cronjob: {CRONJOB}, allow_suspended: true}}]\n");
    std::fs::write(&file, targets).unwrap();
    let database = format!("sqlite:{}", env.namespace.folder().join("allowed.sqlite").display());
    let variables = [("CONFIG_FILE", file.to_str().unwrap()), ("DATABASE_URL", &database)];
    let allowed = TriggerApi::start(&env.namespace, &variables).await;
    allowed.trigger().await;
    suspend(false);
    assert_eq!(env.api.trigger().await["state"], "pending");
}

impl TestEnv {
    async fn start_status(&self) -> StatusCode {
        answer(self.api.post("/trigger-sync")).await.0
    }

    /// Polls until the cached state of the target matches.
    async fn until_target(&self, matches: impl Fn(&Value) -> bool) {
        let path = format!("/v1/targets/{CRONJOB}");
        until("the target matches", async || matches(&answer(self.api.get(&path)).await.1)).await;
    }
}

#[tokio::test]
async fn a_job_that_an_admission_policy_denies_is_rejected_without_the_policys_message() {
    let env = TestEnv::new("admission", "").await;
    let name = &env.namespace.name;
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [batch], apiVersions: [v1], resources: [jobs], operations: [CREATE]}}]}}\n  \
         validations: [{{expression: 'false', message: 'etcd at 10.0.0.7 says no'}}]\n---\n\
         apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: {name}}}\nspec:\n  \
         policyName: {name}\n  validationActions: [Deny]\n  \
         matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}}}\n"
    );
    env.namespace.apply(&policy);
    // A policy is enforced with a delay.
    until("a start is rejected", async || env.start_status().await != StatusCode::OK).await;
    env.assert_rejected(502, "cluster-refused").await;
    env.namespace.kubectl(&["delete", "validatingadmissionpolicybinding", name]);
    env.namespace.kubectl(&["delete", "validatingadmissionpolicy", name]);
    until("a start succeeds", async || env.start_status().await == StatusCode::OK).await;
}

#[tokio::test]
async fn in_a_terminating_namespace_no_job_is_started_and_the_history_is_still_served() {
    let env = TestEnv::new("terminating", "").await;
    let started = env.api.trigger().await;
    // The finalizer keeps the CronJob, and so the namespace, from being deleted.
    env.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", ADD_FINALIZER]);
    env.namespace.kubectl(&["delete", "namespace", &env.namespace.name, "--wait=false"]);
    let response = env.api.post("/trigger-sync").send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    env.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", REMOVE_FINALIZER]);
    // 502 if the Job is rejected; 503 if the ServiceAccount was deleted first.
    assert!([502, 503].contains(&status), "{body}");
    let id = started["run_id"].as_str().unwrap();
    assert_eq!(env.api.run(id).await["job_name"], started["job_name"]);
    assert!(problem(env.api.get("/v1/runs/none"), 404, "unknown-run").await["detail"].is_string());
    assert!(jobs::list(&env.namespace).await.len() <= 1);
}

const ADD_FINALIZER: &str = r#"{"metadata": {"finalizers": ["tradeops.dev/test"]}}"#;
const REMOVE_FINALIZER: &str = r#"{"metadata": {"finalizers": null}}"#;

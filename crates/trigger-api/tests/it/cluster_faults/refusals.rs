//! The API server is well, and against it.

use reqwest::StatusCode;
use serde_json::Value;
use testkit::manifests;

use super::Stage;
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, problem, until};

const QUOTA: &str =
    "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: jobs}\nspec: {hard: {count/jobs.batch: '0'}}\n";

#[tokio::test]
async fn without_its_role_the_missing_permission_is_named_and_with_it_everything_goes_on() {
    let stage = Stage::set("no-role", "").await;
    stage.namespace.kubectl(&["delete", "rolebinding", "--all"]);
    // The API server's authorizer hears of that a moment later; until then clicks go through.
    until("a click is refused", async || stage.click().await != StatusCode::OK).await;
    let body = stage.refused(503, "missing-permission").await;
    assert!(body["detail"].as_str().unwrap().contains("trigger-api-job-trigger"), "{body}");
    let (status, page) = answer(stage.api.get("/v1/runs")).await;
    assert_eq!((status, page["runs"].is_array()), (StatusCode::OK, true));
    stage.namespace.apply(&manifests::rights(&[CRONJOB]));
    until("a click goes through", async || stage.click().await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_and_a_raised_one_lets_the_next_click_through() {
    let stage = Stage::set("quota", "").await;
    stage.namespace.apply(QUOTA);
    let used = "jsonpath={.status.used}";
    stage.namespace.kubectl(&["wait", "--for", used, "resourcequota/jobs", "--timeout=60s"]);
    stage.refused(503, "quota-exceeded").await;
    let response = stage.api.post("/trigger-sync").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "30");
    stage.namespace.kubectl(&["delete", "resourcequota", "jobs"]);
    until("a click goes through", async || stage.click().await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_cronjob_that_is_gone_is_told_and_one_that_is_back_is_started() {
    let stage = Stage::set("no-cronjob", "").await;
    stage.namespace.kubectl(&["delete", "cronjob", CRONJOB]);
    let kind = "https://tradeops.dev/problems/no-cronjob";
    stage.until_target(|target| target["problem"]["type"] == kind).await;
    let body = stage.refused(404, "no-cronjob").await;
    assert!(body["detail"].as_str().unwrap().contains(CRONJOB), "{body}");
    stage.namespace.apply(&cronjob("", ""));
    stage.works_again().await;
}

#[tokio::test]
async fn a_suspended_cronjob_is_not_started_by_hand_either_unless_the_target_allows_it() {
    let stage = Stage::set("suspended", "").await;
    let suspend = |yes: bool| {
        let patch = format!("{{\"spec\": {{\"suspend\": {yes}}}}}");
        stage.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", &patch]);
    };
    suspend(true);
    stage.until_target(|target| target["status"]["suspended"] == true).await;
    stage.refused(409, "target-suspended").await;
    let file = stage.namespace.folder().join("config.yaml");
    let targets = format!("targets: [{{cronjob: {CRONJOB}, allow_suspended: true}}]\n");
    std::fs::write(&file, targets).unwrap();
    let database = format!("sqlite:{}", stage.namespace.folder().join("allowed.sqlite").display());
    let variables = [("CONFIG_FILE", file.to_str().unwrap()), ("DATABASE_URL", &database)];
    let allowed = TriggerApi::start(&stage.namespace, &variables).await;
    allowed.trigger().await;
    suspend(false);
    assert_eq!(stage.api.trigger().await["state"], "pending");
}

impl Stage {
    async fn click(&self) -> StatusCode {
        answer(self.api.post("/trigger-sync")).await.0
    }

    /// Asks until the target is as wanted: it is shown as it was heard of.
    async fn until_target(&self, wanted: impl Fn(&Value) -> bool) {
        let path = format!("/v1/targets/{CRONJOB}");
        until("the target is as wanted", async || wanted(&answer(self.api.get(&path)).await.1)).await;
    }
}

#[tokio::test]
async fn a_job_that_an_admission_rule_is_against_is_refused_without_the_rules_words() {
    let stage = Stage::set("admission", "").await;
    let name = &stage.namespace.name;
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [batch], apiVersions: [v1], resources: [jobs], operations: [CREATE]}}]}}\n  \
         validations: [{{expression: 'false', message: 'etcd at 10.0.0.7 says no'}}]\n---\n\
         apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: {name}}}\nspec:\n  \
         policyName: {name}\n  validationActions: [Deny]\n  \
         matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}}}\n"
    );
    stage.namespace.apply(&policy);
    // A policy is in force some moments after it was taken.
    until("a click is refused", async || stage.click().await != StatusCode::OK).await;
    stage.refused(502, "cluster-refused").await;
    stage.namespace.kubectl(&["delete", "validatingadmissionpolicybinding", name]);
    stage.namespace.kubectl(&["delete", "validatingadmissionpolicy", name]);
    until("a click goes through", async || stage.click().await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_takes_no_job_and_the_history_is_still_served() {
    let stage = Stage::set("terminating", "").await;
    let started = stage.api.trigger().await;
    // It keeps the namespace from going, and the CronJob in it.
    stage.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", HOLD]);
    stage.namespace.kubectl(&["delete", "namespace", &stage.namespace.name, "--wait=false"]);
    let response = stage.api.post("/trigger-sync").send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    stage.namespace.kubectl(&["patch", "cronjob", CRONJOB, "--type=merge", "--patch", RELEASE]);
    // Refused; or, when the ServiceAccount went first, not let in.
    assert!([502, 503].contains(&status), "{body}");
    let id = started["run_id"].as_str().unwrap();
    assert_eq!(stage.api.run(id).await["job_name"], started["job_name"]);
    assert!(problem(stage.api.get("/v1/runs/none"), 404, "unknown-run").await["detail"].is_string());
    assert!(jobs::list(&stage.namespace).await.len() <= 1);
}

const HOLD: &str = r#"{"metadata": {"finalizers": ["tradeops.dev/test"]}}"#;
const RELEASE: &str = r#"{"metadata": {"finalizers": null}}"#;

//! trigger-api tries out whether the policy protects its targets.

use serde_json::Value;

use super::policy::AdmissionPolicy;
use crate::support::{CRONJOB, TriggerApi, answer, cronjobs, namespace, objects, until};

const CHECKED: [(&str, &str); 1] = [("CHECK_ADMISSION_POLICY", "true")];

/// The gauge of the target, and what `/readyz?verbose` reports.
async fn protection(api: &TriggerApi) -> (Option<String>, Value) {
    let response = api.get("/metrics").send().await.expect("a response");
    let metrics = response.text().await.expect("a text");
    let gauge = format!("trigger_api_admission_policy_protects{{target=\"{CRONJOB}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&gauge)).map(str::to_owned);
    let (status, body) = answer(api.get("/readyz?verbose")).await;
    assert_eq!(status, 200, "{body}");
    (value, body["notices"].clone())
}

#[tokio::test]
async fn a_policy_that_denies_other_jobs_is_reported_as_protection_and_nothing_is_created() {
    let namespace = namespace("protected").await;
    cronjobs::apply(&namespace);
    AdmissionPolicy::install(&namespace, &[CRONJOB.to_owned()]).await;
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &CHECKED).await;
    until("the policy is tried out", async || protection(&api).await.0.is_some()).await;
    assert_eq!(protection(&api).await, (Some("1".to_owned()), Value::Array(Vec::new())));
    assert_eq!(objects::get(&namespace, "jobs").await["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_policy_that_admits_other_jobs_is_reported_as_missing_and_nothing_is_created() {
    let namespace = namespace("unprotected").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &CHECKED).await;
    until("the policy is tried out", async || protection(&api).await.0.is_some()).await;
    let (gauge, notices) = protection(&api).await;
    assert_eq!(gauge.as_deref(), Some("0"));
    let notice = notices[0].as_str().unwrap_or_default().to_owned();
    assert!(notice.contains("does not protect") && notice.contains(CRONJOB), "{notice}");
    assert_eq!(objects::get(&namespace, "jobs").await["items"], Value::Array(Vec::new()));
}

//! Jobs that can't be created with a stolen token.

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::changes::{changed, changes};
use super::policy::{AdmissionPolicy, try_create};
use crate::support::{CRONJOB, TriggerApi, answer, cronjobs, namespace, objects};

/// The Job of a target as trigger-api would create it.
pub(super) async fn job_of(api: &TriggerApi, target: &str) -> Value {
    let (_, preview) = answer(api.get(&format!("/v1/targets/{target}/preview"))).await;
    preview["job"].clone()
}

/// The same with these values of its parameters.
pub(super) async fn job_with(api: &TriggerApi, target: &str, parameters: &Value) -> Value {
    let body = json!({ "parameters": parameters });
    let (_, preview) = answer(api.post(&format!("/v1/targets/{target}/preview")).json(&body)).await;
    assert_eq!(preview["allowed"], true, "{preview}");
    preview["job"].clone()
}

/// Asserts that the stolen token can't create the Job, and that a rule of the policy is the reason.
pub(super) async fn assert_denied(namespace: &Namespace, policy: &AdmissionPolicy, what: &str, job: &Value) {
    let status = try_create(namespace, &policy.attacker, job).await.expect_err(what);
    assert!(matches!(status.code, 403 | 422), "{what}: {status:?}");
    assert!(status.message.contains("ValidatingAdmissionPolicy"), "{what}: {status:?}");
    assert!(!status.message.contains("expression"), "{what}: a rule could not be evaluated: {status:?}");
}

#[tokio::test]
async fn a_job_that_differs_from_the_template_in_any_field_is_denied() {
    let namespace = namespace("policy-denies").await;
    cronjobs::apply(&namespace);
    let targets = [CRONJOB.to_owned(), "parameters".to_owned()];
    let policy = AdmissionPolicy::install(&namespace, &targets).await;
    let api = cronjobs::start(&namespace, &targets, &[]).await;
    let values = json!({ "SYNC_DATE": "2026-02-10", "PAIR": "ETH/USD", "WARM_UP": "yes" });
    for (target, values) in [(CRONJOB, json!({})), ("parameters", json!({})), ("parameters", values)] {
        let job = job_with(&api, target, &values).await;
        try_create(&namespace, &policy.attacker, &job).await.expect("the unchanged Job is allowed");
        for (what, pointer, value) in changes() {
            let other = changed(&job, pointer, &value);
            let what = format!("{what} of {target} with {values}");
            assert_denied(&namespace, &policy, &what, &other).await;
            // An administrator can create it, so only the policy denies it.
            let allowed = try_create(&namespace, &namespace.client, &other).await;
            allowed.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        }
    }
}

#[tokio::test]
async fn a_job_that_lacks_a_field_of_the_template_is_denied() {
    let namespace = namespace("policy-lacks").await;
    cronjobs::apply(&namespace);
    let names = ["deadline-and-ttl", "failure-policy", "indexed", "labelled", "security", "work-queue"];
    let names = names.map(str::to_owned);
    let policy = AdmissionPolicy::install(&namespace, &names).await;
    let api = cronjobs::start(&namespace, &names, &[]).await;
    let fields = [
        ("deadline-and-ttl", "/spec", "activeDeadlineSeconds"),
        ("deadline-and-ttl", "/spec", "ttlSecondsAfterFinished"),
        ("deadline-and-ttl", "/spec", "backoffLimit"),
        ("failure-policy", "/spec", "podFailurePolicy"),
        ("indexed", "/spec", "successPolicy"),
        ("indexed", "/spec", "maxFailedIndexes"),
        ("labelled", "/spec/template/metadata", "annotations"),
        ("labelled", "/spec/template/metadata", "labels"),
        ("security", "/spec/template/spec", "automountServiceAccountToken"),
        ("security", "/spec/template/spec", "securityContext"),
        ("security", "/spec/template/spec/containers/0", "securityContext"),
        ("work-queue", "/spec", "parallelism"),
    ];
    for (target, parent, field) in fields {
        let mut job = job_of(&api, target).await;
        let removed = job.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        assert!(removed.is_some(), "{target} has {field}");
        assert_denied(&namespace, &policy, field, &job).await;
    }
    let work_queue = changed(&job_of(&api, "work-queue").await, "/spec/completions", &json!(1));
    assert_denied(&namespace, &policy, "completions of a work queue", &work_queue).await;
}

#[tokio::test]
async fn a_deleted_cronjob_affects_no_other_target_or_user_and_a_recreated_one_has_another_uid() {
    let namespace = namespace("policy-gone").await;
    cronjobs::apply(&namespace);
    let targets = [CRONJOB.to_owned(), "indexed".to_owned()];
    let policy = AdmissionPolicy::install(&namespace, &targets).await;
    let api = cronjobs::start(&namespace, &targets, &[]).await;
    let (deleted, existing) = (job_of(&api, CRONJOB).await, job_of(&api, "indexed").await);
    namespace.kubectl(&["delete", "cronjob", CRONJOB]);
    try_create(&namespace, &policy.attacker, &existing)
        .await
        .expect("the Job of the other target is allowed");
    let without_owner = changed(&deleted, "/metadata/ownerReferences", &json!([]));
    try_create(&namespace, &namespace.client, &without_owner).await.expect("other users are not affected");
    cronjobs::apply(&namespace);
    assert_denied_soon(&namespace, &policy, &deleted).await;
}

/// Waits until the policy uses the recreated CronJob.
async fn assert_denied_soon(namespace: &Namespace, policy: &AdmissionPolicy, job: &Value) {
    let denied = async { while try_create(namespace, &policy.attacker, job).await.is_ok() {} };
    tokio::time::timeout(crate::support::PATIENCE, denied).await.expect("the Job is denied");
    assert_denied(namespace, policy, "the uid of the deleted CronJob", job).await;
    let created = objects::call(&policy.attacker, "POST", &objects::path(namespace, "jobs"), Some(job)).await;
    assert!(created.is_err(), "denied without a dry run too");
}

//! What a thief of the token can't start.

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::changes::{changed, changes};
use super::policy::{Policy, try_create};
use crate::support::{CRONJOB, TriggerApi, answer, cronjobs, namespace, objects};

/// The Job of a target, as trigger-api would create it, ready to be changed.
pub(super) async fn job_of(api: &TriggerApi, target: &str) -> Value {
    let (_, preview) = answer(api.get(&format!("/v1/targets/{target}/preview"))).await;
    preview["job"].clone()
}

/// That the stolen token can't create the Job, by a rule of the policy and not by something else.
pub(super) async fn assert_denied(namespace: &Namespace, policy: &Policy, what: &str, job: &Value) {
    let status = try_create(namespace, &policy.thief, job).await.expect_err(what);
    assert!(matches!(status.code, 403 | 422), "{what}: {status:?}");
    assert!(status.message.contains("ValidatingAdmissionPolicy"), "{what}: {status:?}");
    assert!(!status.message.contains("expression"), "{what}: a rule failed to run: {status:?}");
}

#[tokio::test]
async fn a_job_that_differs_from_the_template_in_any_field_is_denied() {
    let namespace = namespace("policy-denies").await;
    cronjobs::apply(&namespace);
    let policy = Policy::install(&namespace, &[CRONJOB.to_owned()]).await;
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
    let job = job_of(&api, CRONJOB).await;
    try_create(&namespace, &policy.thief, &job).await.expect("the unchanged Job passes");
    for (what, pointer, value) in changes() {
        let other = changed(&job, pointer, &value);
        assert_denied(&namespace, &policy, what, &other).await;
        // The administrator may: so the server denies it for the policy alone.
        let allowed = try_create(&namespace, &namespace.client, &other).await;
        allowed.unwrap_or_else(|status| panic!("{what}: {status:?}"));
    }
}

#[tokio::test]
async fn a_job_that_lacks_something_of_the_template_is_denied() {
    let namespace = namespace("policy-lacks").await;
    cronjobs::apply(&namespace);
    let names = ["deadline-and-ttl", "failure-policy", "indexed", "labelled", "security", "work-queue"];
    let names = names.map(str::to_owned);
    let policy = Policy::install(&namespace, &names).await;
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
async fn while_a_cronjob_is_gone_the_other_targets_and_other_users_go_on_and_its_successor_is_another_one() {
    let namespace = namespace("policy-gone").await;
    cronjobs::apply(&namespace);
    let targets = [CRONJOB.to_owned(), "indexed".to_owned()];
    let policy = Policy::install(&namespace, &targets).await;
    let api = cronjobs::start(&namespace, &targets, &[]).await;
    let (gone, there) = (job_of(&api, CRONJOB).await, job_of(&api, "indexed").await);
    namespace.kubectl(&["delete", "cronjob", CRONJOB]);
    try_create(&namespace, &policy.thief, &there).await.expect("the other target's Job passes");
    let of_others = changed(&gone, "/metadata/ownerReferences", &json!([]));
    try_create(&namespace, &namespace.client, &of_others).await.expect("other users are not affected");
    cronjobs::apply(&namespace);
    assert_denied_soon(&namespace, &policy, &gone).await;
}

/// The policy hears of the successor a moment later.
async fn assert_denied_soon(namespace: &Namespace, policy: &Policy, job: &Value) {
    let denied = async { while try_create(namespace, &policy.thief, job).await.is_ok() {} };
    tokio::time::timeout(crate::support::PATIENCE, denied).await.expect("the Job is denied at last");
    assert_denied(namespace, policy, "the uid of the CronJob before", job).await;
    let created = objects::call(&policy.thief, "POST", &objects::path(namespace, "jobs"), Some(job)).await;
    assert!(created.is_err(), "in earnest too");
}

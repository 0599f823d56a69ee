//! Whose Jobs may be created and deleted with the token.

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::denials::{assert_denied, job_of};
use super::policy::{Policy, try_create};
use crate::support::{CRONJOB, cronjobs, namespace, objects};

#[tokio::test]
async fn a_job_without_the_targets_cronjob_as_its_one_owner_is_denied() {
    let namespace = namespace("policy-owners").await;
    cronjobs::apply(&namespace);
    let targets = [CRONJOB.to_owned(), "indexed".to_owned()];
    let policy = Policy::install(&namespace, &targets).await;
    let api = cronjobs::start(&namespace, &targets, &[]).await;
    let job = job_of(&api, CRONJOB).await;
    let owner = job["metadata"]["ownerReferences"][0].clone();
    let of_another = job_of(&api, "indexed").await["metadata"]["ownerReferences"][0].clone();
    let with = |field: &str, value: Value| {
        let mut owner = owner.clone();
        owner[field] = value;
        json!([owner])
    };
    let mut second = of_another.clone();
    second["controller"] = json!(false);
    let owners = [
        ("none", json!([])),
        ("foreign", with("kind", json!("Deployment"))),
        ("of another group", with("apiVersion", json!("example.com/v1"))),
        ("another CronJob's name", with("name", json!("labelled"))),
        ("another target's name", with("name", json!("indexed"))),
        ("another uid", with("uid", of_another["uid"].clone())),
        ("two", json!([owner, second])),
        ("no controller", with("controller", json!(false))),
        ("another target", json!([of_another])),
    ];
    for (what, owners) in owners {
        let mut job = job.clone();
        job["metadata"]["ownerReferences"] = owners;
        assert_denied(&namespace, &policy, what, &job).await;
    }
}

#[tokio::test]
async fn only_jobs_of_targets_can_be_deleted_with_the_token() {
    let namespace = namespace("policy-deletes").await;
    cronjobs::apply(&namespace);
    let policy = Policy::install(&namespace, &[CRONJOB.to_owned()]).await;
    namespace.kubectl(&["create", "job", "by-hand", "--image=a"]);
    for (name, cronjob) in [("of-another", "indexed"), ("of-the-target", CRONJOB)] {
        namespace.kubectl(&["create", "job", name, &format!("--from=cronjob/{cronjob}")]);
    }
    for name in ["by-hand", "of-another"] {
        let status = delete(&namespace, &policy, name).await.expect_err(name);
        assert_eq!(status.code, 403, "{status:?}");
        assert!(status.message.contains("only Jobs of its targets"), "{status:?}");
        objects::get(&namespace, &format!("jobs/{name}")).await;
    }
    delete(&namespace, &policy, "of-the-target").await.expect("a Job of the target can be deleted");
}

async fn delete(namespace: &Namespace, policy: &Policy, job: &str) -> Result<Value, Box<kube::core::Status>> {
    let path = format!("{}?propagationPolicy=Background", objects::path(namespace, &format!("jobs/{job}")));
    objects::call(&policy.thief, "DELETE", &path, None).await.map_err(Box::new)
}

#[tokio::test]
async fn other_users_and_other_namespaces_are_not_affected() {
    let (namespace, elsewhere) = (namespace("policy-others").await, namespace("policy-elsewhere").await);
    for namespace in [&namespace, &elsewhere] {
        cronjobs::apply(namespace);
    }
    Policy::install(&namespace, &[CRONJOB.to_owned()]).await;
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "any" },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] } } },
    });
    try_create(&namespace, &namespace.client, &job).await.expect("an administrator may create any Job");
    namespace.kubectl(&["create", "serviceaccount", "not-trigger-api-sa"]);
    namespace.kubectl(&[
        "create",
        "rolebinding",
        "same",
        "--role=trigger-api-job-trigger",
        &format!("--serviceaccount={}:not-trigger-api-sa", namespace.name),
    ]);
    let other = objects::client_of(&namespace, "not-trigger-api-sa").await;
    try_create(&namespace, &other, &job).await.expect("another ServiceAccount with the same Role may");
    let there = objects::client_of(&elsewhere, "trigger-api-sa").await;
    try_create(&elsewhere, &there, &job).await.expect("the policy is not bound to the other namespace");
}

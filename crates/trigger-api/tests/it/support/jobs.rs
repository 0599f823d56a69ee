//! Creates and finishes Jobs as the controllers of Kubernetes do.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job, JobCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use testkit::cluster::Namespace;

use super::CRONJOB;

/// The Jobs of the namespace.
pub(crate) fn api(namespace: &Namespace) -> Api<Job> {
    Api::namespaced(namespace.client.clone(), &namespace.name)
}

/// All Jobs of the namespace.
pub(crate) async fn list(namespace: &Namespace) -> Vec<Job> {
    api(namespace).list(&ListParams::default()).await.expect("the API server lists Jobs").items
}

/// The names of the Jobs that are not being deleted.
pub(crate) async fn names(namespace: &Namespace) -> Vec<String> {
    let is_kept = |job: &Job| job.metadata.deletion_timestamp.is_none();
    list(namespace).await.into_iter().filter(is_kept).filter_map(|job| job.metadata.name).collect()
}

/// The UIDs of the Jobs that are not being deleted.
pub(crate) async fn ids(namespace: &Namespace) -> Vec<String> {
    let is_kept = |job: &Job| job.metadata.deletion_timestamp.is_none();
    list(namespace).await.into_iter().filter(is_kept).filter_map(|job| job.metadata.uid).collect()
}

/// Sets the status of a Job to complete, as the Job controller does when its pods have succeeded.
pub(crate) async fn finish(namespace: &Namespace, name: &str) {
    let jobs = api(namespace);
    loop {
        let mut job = jobs.get(name).await.expect("the Job exists");
        let now = Time(Timestamp::from_second(Timestamp::now().as_second()).expect("a time"));
        let status = job.status.get_or_insert_default();
        status.start_time.get_or_insert_with(|| now.clone());
        status.completion_time = Some(now.clone());
        (status.active, status.ready, status.succeeded) = (None, Some(0), Some(1));
        status.uncounted_terminated_pods = None;
        let condition = |kind: &str| JobCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: Some("CompletionsReached".to_owned()),
            last_transition_time: Some(now.clone()),
            last_probe_time: Some(now.clone()),
            ..JobCondition::default()
        };
        status.conditions = Some(["SuccessCriteriaMet", "Complete"].map(condition).to_vec());
        match jobs.replace_status(name, &PostParams::default(), &job).await {
            Ok(_) => return,
            // The Job controller updated the Job in the meantime.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => panic!("{name} can't be finished: {error}"),
        }
    }
}

/// Creates a Job like the CronJob controller does on schedule.
pub(crate) async fn scheduled(namespace: &Namespace, name: &str) -> Job {
    let cronjobs: Api<CronJob> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let cronjob = cronjobs.get(CRONJOB).await.expect("the CronJob exists");
    let annotations = json!({ "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-02-11T14:00:00Z" });
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": CRONJOB, "uid": cronjob.metadata.uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    let template = cronjob.spec.job_template.spec;
    create(namespace, name, &json!({ "annotations": annotations, "ownerReferences": [owner] }), &template)
        .await
}

/// Creates a Job without an owner.
pub(crate) async fn without_owner(namespace: &Namespace, name: &str) -> Job {
    let container = json!({ "name": "main", "image": "localhost/busybox:1" });
    let template = json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } });
    create(namespace, name, &json!({}), &template).await
}

async fn create(
    namespace: &Namespace,
    name: &str,
    metadata: &serde_json::Value,
    spec: &impl serde::Serialize,
) -> Job {
    let mut job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec });
    job["metadata"]["name"] = name.into();
    let job: Job = serde_json::from_value(job).expect("a Job");
    api(namespace).create(&PostParams::default(), &job).await.expect("the API server creates the Job")
}

//! Jobs, as the cluster's own controllers make and end them.

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

/// All of them.
pub(crate) async fn list(namespace: &Namespace) -> Vec<Job> {
    api(namespace).list(&ListParams::default()).await.expect("the API server lists Jobs").items
}

/// The names of those that are not about to go.
pub(crate) async fn names(namespace: &Namespace) -> Vec<String> {
    let there = |job: &Job| job.metadata.deletion_timestamp.is_none();
    list(namespace).await.into_iter().filter(there).filter_map(|job| job.metadata.name).collect()
}

/// The UIDs of the Jobs that are there and not about to go.
pub(crate) async fn ids(namespace: &Namespace) -> Vec<String> {
    let there = |job: &Job| job.metadata.deletion_timestamp.is_none();
    list(namespace).await.into_iter().filter(there).filter_map(|job| job.metadata.uid).collect()
}

/// Ends a Job well, as the Job controller does when its pods are done.
pub(crate) async fn finish(namespace: &Namespace, name: &str) {
    let jobs = api(namespace);
    loop {
        let mut job = jobs.get(name).await.expect("the Job is there");
        let now = Time(Timestamp::from_second(Timestamp::now().as_second()).expect("a time"));
        let status = job.status.get_or_insert_default();
        status.start_time.get_or_insert_with(|| now.clone());
        status.completion_time = Some(now.clone());
        (status.active, status.ready, status.succeeded) = (None, Some(0), Some(1));
        status.uncounted_terminated_pods = None;
        let holds = |kind: &str| JobCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: Some("CompletionsReached".to_owned()),
            last_transition_time: Some(now.clone()),
            last_probe_time: Some(now.clone()),
            ..JobCondition::default()
        };
        status.conditions = Some(["SuccessCriteriaMet", "Complete"].map(holds).to_vec());
        match jobs.replace_status(name, &PostParams::default(), &job).await {
            Ok(_) => return,
            // The Job controller was faster; it is done again on top.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => panic!("{name} can't be ended: {error}"),
        }
    }
}

/// A Job that the CronJob's schedule started, as the CronJob controller makes it.
pub(crate) async fn scheduled(namespace: &Namespace, name: &str) -> Job {
    let cronjobs: Api<CronJob> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let cronjob = cronjobs.get(CRONJOB).await.expect("the CronJob is there");
    let annotations = json!({ "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-02-11T14:00:00Z" });
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": CRONJOB, "uid": cronjob.metadata.uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    let template = cronjob.spec.job_template.spec;
    create(namespace, name, &json!({ "annotations": annotations, "ownerReferences": [owner] }), &template)
        .await
}

/// A Job that belongs to nobody.
pub(crate) async fn stranger(namespace: &Namespace, name: &str) -> Job {
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
    api(namespace).create(&PostParams::default(), &job).await.expect("the API server takes the Job")
}

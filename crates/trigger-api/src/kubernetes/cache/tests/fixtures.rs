//! Jobs and pods as the API server sends them.

use serde_json::{Value, json};

use super::super::*;
use crate::kubernetes::objects::PodObject;

pub(super) const NAMESPACE: &str = "trading";
const NOW: &str = "2026-11-21T10:00:04Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn target(name: &str, namespace: &str, cronjob: &str) -> CronJobTarget {
    CronJobTarget {
        name: name.parse().unwrap(),
        namespace: namespace.to_owned(),
        cronjob: cronjob.to_owned(),
        allow_suspended: false,
        job_prefix: format!("{cronjob}-"),
    }
}

pub(super) fn sync() -> CronJobTarget {
    target("sync", NAMESPACE, "sync-cronjob")
}

pub(super) fn cache() -> ClusterCache {
    ClusterCache::new(&[
        sync(),
        target("report", NAMESPACE, "report-cronjob"),
        target("elsewhere", "other", "sync-cronjob"),
    ])
}

pub(super) fn id(uid: &str) -> RunId {
    RunId::new(uid)
}

pub(super) fn owner(kind: &str, name: &str, uid: &str) -> Value {
    json!({ "apiVersion": "batch/v1", "kind": kind, "name": name, "uid": uid, "controller": true })
}

/// A Job of the target `sync` without a status.
pub(super) fn job_json(uid: &str, version: u64) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("sync-cronjob-{uid}"), "namespace": NAMESPACE, "uid": uid,
            "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-21T10:00:00Z",
            "ownerReferences": [owner("CronJob", "sync-cronjob", "cronjob-uid")],
        },
        "spec": {},
    })
}

pub(super) fn job_with(uid: &str, version: u64, pointer: &str, value: Value) -> JobObject {
    let mut job = job_json(uid, version);
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    job.pointer_mut(parent).unwrap()[field] = value;
    serde_json::from_value(job).unwrap()
}

pub(super) fn job(uid: &str, version: u64) -> JobObject {
    serde_json::from_value(job_json(uid, version)).unwrap()
}

pub(super) fn finished_job(uid: &str, version: u64, type_: &str, reason: &str) -> JobObject {
    let condition = json!({ "type": type_, "status": "True", "reason": reason });
    job_with(uid, version, "/status", json!({ "conditions": [condition] }))
}

pub(super) fn pod_json(name: &str, job: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "uid": format!("uid-of-{name}"),
            "creationTimestamp": "2026-11-21T10:00:01Z", "ownerReferences": [owner("Job", "any", job)],
        },
        "spec": {},
    })
}

pub(super) fn pod(name: &str, job: &str, phase: &str, state: &Value) -> PodObject {
    let mut pod = pod_json(name, job);
    pod["status"] = json!({ "phase": phase, "containerStatuses": [
        { "name": "main", "image": "app:1", "imageID": "", "ready": false, "restartCount": 0, "state": state },
    ] });
    serde_json::from_value(pod).unwrap()
}

pub(super) fn running_pod(name: &str, job: &str) -> PodObject {
    pod(name, job, "Running", &json!({ "running": { "startedAt": "2026-11-21T10:00:02Z" } }))
}

pub(super) fn failed_pod(name: &str, job: &str) -> PodObject {
    pod(name, job, "Failed", &json!({ "terminated": { "exitCode": 3 } }))
}

//! Types and accessors for Kubernetes objects. Fields that are not used are not deserialized.

use k8s_openapi::api::batch::v1::{CronJob, Job, JobStatus};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::core::{ApiResource, DynamicObject, NotUsed, Object};
use kube::{Api, Client};

/// A CronJob as JSON, so that fields unknown to this version of `k8s_openapi` are kept.
pub(super) type CronJobObject = DynamicObject;
/// A Job without its spec.
pub(super) type JobObject = Object<NotUsed, JobStatus>;
/// A pod without its spec.
pub(super) type PodObject = Object<NotUsed, PodStatus>;

pub(super) fn cronjobs(client: &Client, namespace: &str) -> Api<CronJobObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<CronJob>(&()))
}

pub(super) fn jobs(client: &Client, namespace: &str) -> Api<JobObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<Job>(&()))
}

pub(super) fn pods(client: &Client, namespace: &str) -> Api<PodObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<Pod>(&()))
}

/// The object's controlling owner, if it is of that kind.
pub(super) fn controller<'a>(metadata: &'a ObjectMeta, kind: &str) -> Option<&'a OwnerReference> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

pub(super) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The resourceVersion as a number: of two versions of an object, the later one has the higher number. 0 if there is none.
pub(super) fn resource_version(metadata: &ObjectMeta) -> u64 {
    metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or_default()
}

pub(super) fn timestamp(time: &Time) -> jiff::Timestamp {
    time.0
}

//! Bare requests to the API server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{PostParams, Request};
use kube::core::DynamicObject;
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};

use super::program::{ApiOnCluster, CRONJOB};

/// The Job that trigger-api would create.
pub(crate) async fn template(namespace: &Namespace, program: &ApiOnCluster) -> Value {
    let path = format!("/v1/targets/{CRONJOB}/preview");
    let preview: Value = program.get(&path).await;
    let mut job = preview["job"].clone();
    job["metadata"]["namespace"] = json!(namespace.name);
    job
}

/// The seconds that a create takes.
pub(crate) async fn create(client: &Client, namespace: &str, template: &Value) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut job = template.clone();
    job["metadata"]["name"] = json!(format!("bare-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let path = Job::url_path(&(), Some(namespace));
    let began = Instant::now();
    let body = serde_json::to_vec(&job).expect("JSON");
    let request = Request::new(path).create(&PostParams::default(), body).expect("a request");
    let _: Value = client.request(request).await.expect("the API server creates it");
    began.elapsed().as_secs_f64()
}

/// The seconds that a read of the CronJob and then a create take: the least that a start needs.
pub(crate) async fn read_and_create(client: &Client, namespace: &str, template: &Value) -> f64 {
    let began = Instant::now();
    let kind = kube::core::ApiResource::erase::<CronJob>(&());
    let cronjobs: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    cronjobs.get(CRONJOB).await.expect("the CronJob exists");
    let read = began.elapsed().as_secs_f64();
    read + create(client, namespace, template).await
}

/// Creates many Jobs on 16 connections.
pub(crate) async fn create_many(count: usize, namespace: &Namespace, template: &Value) {
    let client = Cluster::shared().client().await;
    let jobs = stream::iter(0..count).map(|_| create(&client, &namespace.name, template));
    jobs.buffer_unordered(16).for_each(async |_| ()).await;
}

pub(crate) fn clear(namespace: &Namespace) {
    namespace.kubectl(&["delete", "jobs", "--all", "--cascade=background", "--wait=false"]);
}

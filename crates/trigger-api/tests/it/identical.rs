//! A manually started Job is identical to a scheduled one: field by field it is the CronJob's template, and what the CronJob
//! controller creates from it.

mod edits;
mod expected;
mod generated;
mod metadata;
mod templates;

use kube::Api;
use kube::runtime::wait::await_condition;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::cluster::Namespace;

use self::expected::{expected_spec, own_labels, spec_without_server_parts};
use crate::support::{PATIENCE, TriggerApi, answer, cronjobs, namespace, objects};

#[tokio::test]
async fn every_job_is_identical_to_its_template_and_to_a_scheduled_job() {
    let namespace = namespace("identical").await;
    cronjobs::apply(&namespace);
    let names = cronjobs::names();
    let api = cronjobs::start(&namespace, &names, &[]).await;
    for name in &names {
        let cronjob = objects::get(&namespace, &format!("cronjobs/{name}")).await;
        let template = &cronjob["spec"]["jobTemplate"];
        let manual = started(&namespace, &api, name).await;
        assert_eq!(spec_without_server_parts(&manual), expected_spec(&template["spec"]), "{name}");
        let scheduled = scheduled(&namespace, name).await;
        assert_eq!(spec_without_server_parts(&manual), spec_without_server_parts(&scheduled), "{name}");
        assert_eq!(own_labels(&manual), own_labels(&scheduled), "{name}");
        metadata::check(&manual, &cronjob);
    }
}

#[tokio::test]
async fn a_preview_is_the_job_that_is_then_created() {
    let namespace = namespace("preview").await;
    cronjobs::apply(&namespace);
    let names = cronjobs::names();
    let api = cronjobs::start(&namespace, &names, &[]).await;
    for name in &names {
        let (status, preview) = answer(api.get(&format!("/v1/targets/{name}/preview"))).await;
        assert_eq!((status, &preview["allowed"]), (StatusCode::OK, &json!(true)), "{preview}");
        let mut previewed = preview["job"].clone();
        let mut created = started(&namespace, &api, name).await;
        let cronjob = objects::get(&namespace, &format!("cronjobs/{name}")).await;
        if previewed["metadata"]["labels"].is_null() {
            // The API server gives a Job without labels those of its pods.
            previewed["metadata"]["labels"] = created["metadata"]["labels"].clone();
        }
        metadata::check(&previewed, &cronjob);
        for job in [&mut previewed, &mut created] {
            job["metadata"]["annotations"].as_object_mut().unwrap().remove("tradeops.dev/request-id");
        }
        for field in ["annotations", "ownerReferences", "namespace"] {
            assert_eq!(previewed["metadata"][field], created["metadata"][field], "{name}: {field}");
        }
        assert_eq!(own_labels(&previewed), own_labels(&created), "{name}");
        assert_eq!(expected_spec(&previewed["spec"]), spec_without_server_parts(&created), "{name}");
    }
    let count = objects::get(&namespace, "jobs").await["items"].as_array().map(Vec::len);
    assert_eq!(count, Some(names.len()), "a preview creates nothing");
}

/// Starts a run, and returns its Job as the API server has it.
async fn started(namespace: &Namespace, api: &TriggerApi, target: &str) -> Value {
    let (status, run) = answer(api.post(&format!("/v1/targets/{target}/runs"))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{target}: {run}");
    objects::get(namespace, &format!("jobs/{}", run["job_name"].as_str().expect("a name"))).await
}

/// A Job that the CronJob controller creates immediately, because the status makes it consider the leap day of 2024 missed.
async fn scheduled(namespace: &Namespace, cronjob: &str) -> Value {
    let long_ago = json!({ "status": { "lastScheduleTime": "2023-01-01T00:00:00Z" } });
    objects::patch(namespace, &format!("cronjobs/{cronjob}/status"), &long_ago).await;
    // The controller names Jobs after the scheduled time, in minutes since 1970.
    let name = format!("{cronjob}-{}", 1_709_164_800 / 60);
    let jobs: Api<k8s_openapi::api::batch::v1::Job> =
        Api::namespaced(namespace.client.clone(), &namespace.name);
    let created =
        await_condition(jobs, &name, |job: Option<&k8s_openapi::api::batch::v1::Job>| job.is_some());
    tokio::time::timeout(PATIENCE, created)
        .await
        .expect("the controller creates a Job")
        .expect("the Job is watched");
    objects::get(namespace, &format!("jobs/{name}")).await
}

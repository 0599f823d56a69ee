//! Jobs of randomly generated templates.

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::expected::{expected_spec, spec_without_server_parts};
use super::{metadata, started, templates};
use crate::support::{CRONJOB, TriggerApi, cronjobs, namespace, objects};

#[test]
fn jobs_of_generated_templates_are_identical_to_the_templates() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (namespace, api) = runtime.block_on(async {
        let namespace = namespace("generated").await;
        cronjobs::apply(&namespace);
        let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
        (namespace, api)
    });
    let mut runner = TestRunner::new(Config { cases: 50, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&templates::template(), |template| {
        runtime.block_on(check(&namespace, &api, &template)).map_err(TestCaseError::fail)
    });
    // The namespace's client must be dropped inside the runtime.
    runtime.block_on(async { drop((namespace, api)) });
    outcome.unwrap();
}

async fn check(namespace: &Namespace, api: &TriggerApi, template: &Value) -> Result<(), String> {
    let path = format!("cronjobs/{CRONJOB}");
    let mut cronjob = objects::get(namespace, &path).await;
    cronjob["spec"]["jobTemplate"] = template.clone();
    let put = objects::call(&namespace.client, "PUT", &objects::path(namespace, &path), Some(&cronjob)).await;
    let cronjob =
        put.map_err(|status| format!("the API server rejects the generated template: {status:?}"))?;
    let stored = &cronjob["spec"]["jobTemplate"];
    let job = started(namespace, api, CRONJOB).await;
    metadata::check(&job, &cronjob);
    let (actual, expected) = (spec_without_server_parts(&job), expected_spec(&stored["spec"]));
    if actual == expected {
        Ok(())
    } else {
        Err(json!({ "actual": actual, "expected": expected }).to_string())
    }
}

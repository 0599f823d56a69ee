//! Labels and names that settings add to Jobs are admitted if the policy is installed with the same settings.

use reqwest::StatusCode;
use serde_json::json;

use super::changes::changed;
use super::denials::{assert_denied, job_of};
use super::policy::AdmissionPolicy;
use crate::support::{CRONJOB, answer, cronjobs, namespace, objects, problem};

const SETTINGS: [(&str, &str); 2] =
    [("JOB_LABELS", "job-origin=manual"), ("JOB_NAME_FORMAT", "{cronjob}-manual-{id}")];
/// The variables that the chart renders for these settings.
const VARIABLES: [(&str, &str); 2] = [
    ("addedLabels", "dyn({'job-origin':'manual'})"),
    ("namePrefix", "'' + params.metadata.name + '-manual-'"),
];

#[tokio::test]
async fn a_job_with_configured_labels_and_names_is_admitted_and_any_other_one_is_denied() {
    let namespace = namespace("policy-added").await;
    cronjobs::apply(&namespace);
    let targets = [CRONJOB.to_owned(), "labelled".to_owned()];
    let policy = AdmissionPolicy::install_with(&namespace, &targets, &VARIABLES).await;
    let api = cronjobs::start(&namespace, &targets, &SETTINGS).await;
    for target in &targets {
        let (status, run) = answer(api.post(&format!("/v1/targets/{target}/runs"))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        let name = run["job_name"].as_str().unwrap();
        assert!(name.starts_with(&format!("{target}-manual-")), "{name}");
        let job = objects::get(&namespace, &format!("jobs/{name}")).await;
        assert_eq!(job["metadata"]["labels"]["job-origin"], "manual", "{job}");
    }
    let job = job_of(&api, CRONJOB).await;
    for (what, pointer, value) in [
        ("another value", "/metadata/labels/job-origin", json!("scheduled")),
        ("another label", "/metadata/labels/queue", json!("prod")),
        ("the default name", "/metadata/name", json!(format!("{CRONJOB}-abcdefghij"))),
        ("a label of the pods", "/spec/template/metadata/labels/job-origin", json!("manual")),
    ] {
        assert_denied(&namespace, &policy, what, &changed(&job, pointer, &value)).await;
    }
}

#[tokio::test]
async fn labels_that_the_policy_is_not_installed_with_are_denied() {
    let namespace = namespace("policy-not-added").await;
    cronjobs::apply(&namespace);
    AdmissionPolicy::install(&namespace, &[CRONJOB.to_owned()]).await;
    for setting in SETTINGS {
        let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[setting]).await;
        problem(api.post("/trigger-sync"), 502, "cluster-refused").await;
    }
}

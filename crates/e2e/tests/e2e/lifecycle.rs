//! A release from its installation to its removal.

use crate::release::{Release, ReleaseOptions};
use crate::test_env::TestEnv;
use crate::wait::wait;

pub(crate) fn scenario(env: &'static TestEnv) {
    let services = &env.environment.services;
    let history = wait(services.create_database("e2e_history"));
    let options = ReleaseOptions {
        purpose: "whole",
        database: &services.for_pods(&services.views),
        history: Some(&services.for_pods(&history)),
        ..ReleaseOptions::default()
    };
    let release = Release::new(&env.environment, &options);
    // The cluster creates these two shortly after the namespace.
    for object in ["serviceaccount/default", "configmap/kube-root-ca.crt"] {
        release.kubectl(&["wait", "--for=create", "--timeout=30s", object]);
    }
    let before = env.environment.cluster.objects(&release.namespace);

    let output = release.deploy(&[]).expect_success();
    assert!(
        output.contains("created the Secret trades-sync-secret") && output.contains("\nNext:\n"),
        "{output}"
    );
    let template = "--output=go-template={{ .data.token | base64decode }}";
    let token = release.kubectl(&["get", "secret", "trigger-api-token", template]);
    assert!(token.len() == 64 && !output.contains(&token), "a Secret was printed");
    let first_pods = release.pods();
    let (run, log) = run_whose_job_is_deleted(&release);
    let assert_run_is_kept = || {
        assert_eq!(release.api().get(&format!("/v1/runs/{run}"))["state"], "succeeded");
    };

    // A changed setting replaces the pods. The new ones read the old runs from the history.
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "debug");
    let changes = ["--set=triggerApi.settings.LOG_LEVEL=warn", "--set=triggerApi.replicas=2"];
    release.deploy(&changes).expect_success();
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "warn");
    let second_pods = release.pods();
    assert!(
        second_pods.len() == 2 && !second_pods.iter().any(|pod| first_pods.contains(pod)),
        "{second_pods:?}"
    );
    assert_run_is_kept();
    assert_eq!(release.api().text(&format!("/v1/runs/{run}/logs")), log);

    release.script("deploy.sh", &["rollback"]).expect_success();
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "debug");
    let replicas =
        || release.kubectl(&["get", "deployment", "trigger-api", "--output=jsonpath={.spec.replicas}"]);
    assert_eq!(replicas(), "1");
    assert_run_is_kept();

    release.script("tradeops.sh", &["stop"]).expect_success();
    assert_eq!(replicas(), "0");
    release.script("tradeops.sh", &["start"]).expect_success();
    assert_eq!(replicas(), "1");
    assert_run_is_kept();
    let status = release.script("tradeops.sh", &["status"]);
    assert!(status.stdout.contains("revision 3, deployed"), "{status:?}");

    release.script("deploy.sh", &["undeploy"]).expect_success();
    release.kubectl(&["wait", "pods", "--all", "--for=delete", "--timeout=60s"]);
    let after = env.environment.cluster.objects(&release.namespace);
    let (left, lost): (Vec<_>, Vec<_>) =
        (after.difference(&before).collect(), before.difference(&after).collect());
    assert!(left.is_empty() && lost.is_empty(), "left: {left:?}; lost: {lost:?}");
}

/// Runs a target and deletes its Job, so that only the history has the run. Returns the run's id and log.
fn run_whose_job_is_deleted(release: &Release) -> (String, String) {
    let api = release.api();
    let run = api.run("trades-sync-midday");
    assert_eq!(run["state"], "succeeded", "{run}");
    let id = run["run_id"].as_str().expect("a run has an id").to_owned();
    let log = api.text(&format!("/v1/runs/{id}/logs"));
    release.kubectl(&["delete", "job", run["job_name"].as_str().expect("a Job has a name"), "--wait"]);
    (id, log)
}

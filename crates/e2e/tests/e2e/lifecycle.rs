//! A release from its install to its end.

use testkit::postgres::Server;

use crate::release::{Release, Wanted};
use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let parts = world.parts();
    let history = world.block_on(Server::shared().database());
    let wanted = Wanted {
        purpose: "whole",
        database: &parts.for_pods(&parts.views),
        history: Some(&parts.for_pods(&history)),
        ..Wanted::default()
    };
    let release = Release::new(world, &wanted);
    // The ServiceAccount and ConfigMap of every namespace come a moment after it.
    for object in ["serviceaccount/default", "configmap/kube-root-ca.crt"] {
        release.kubectl(&["wait", "--for=create", "--timeout=30s", object]);
    }
    let before = world.cluster().objects(&release.namespace);

    let said = release.deploy(&[]).well();
    assert!(said.contains("made the Secret trades-sync-secret") && said.contains("\nNext:\n"), "{said}");
    let token = release.kubectl(&[
        "get",
        "secret",
        "trigger-api-token",
        "--output=go-template={{ .data.token | base64decode }}",
    ]);
    assert!(token.len() == 64 && !said.contains(&token), "a Secret was printed");
    let first_pods = release.pods();
    let (run, log) = {
        let api = release.api(world);
        let run = api.run("trades-sync-midday");
        assert_eq!(run["state"], "succeeded", "{run}");
        let id = run["run_id"].as_str().expect("a run has an id").to_owned();
        let log = api.text(&format!("/v1/runs/{id}/logs"));
        // The cluster forgets it, and the history doesn't.
        release.kubectl(&["delete", "job", run["job_name"].as_str().expect("a Job has a name"), "--wait"]);
        (id, log)
    };

    // A setting changes: other pods, which know what was.
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "debug");
    release.deploy(&["--set=triggerApi.settings.LOG_LEVEL=warn", "--set=triggerApi.replicas=2"]).well();
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "warn");
    let second_pods = release.pods();
    assert!(
        second_pods.len() == 2 && !second_pods.iter().any(|pod| first_pods.contains(pod)),
        "{second_pods:?}"
    );
    {
        let api = release.api(world);
        assert_eq!(api.get(&format!("/v1/runs/{run}"))["state"], "succeeded");
        assert_eq!(api.text(&format!("/v1/runs/{run}/logs")), log);
    }

    release.script("deploy.sh", &["rollback"]).well();
    assert_eq!(release.setting("trigger-api-config", "LOG_LEVEL"), "debug");
    let replicas =
        || release.kubectl(&["get", "deployment", "trigger-api", "--output=jsonpath={.spec.replicas}"]);
    assert_eq!(replicas(), "1");
    assert_eq!(release.api(world).get(&format!("/v1/runs/{run}"))["state"], "succeeded");

    release.script("operate.sh", &["stop"]).well();
    assert_eq!(replicas(), "0");
    release.script("operate.sh", &["start"]).well();
    assert_eq!(replicas(), "1");
    assert_eq!(release.api(world).get(&format!("/v1/runs/{run}"))["state"], "succeeded");
    let status = release.script("operate.sh", &["status"]).well();
    assert!(status.contains("revision 3, deployed"), "{status}");

    release.script("deploy.sh", &["undeploy"]).well();
    release.kubectl(&["wait", "pods", "--all", "--for=delete", "--timeout=60s"]);
    let after = world.cluster().objects(&release.namespace);
    let (left, lost): (Vec<_>, Vec<_>) =
        (after.difference(&before).collect(), before.difference(&after).collect());
    assert!(left.is_empty() && lost.is_empty(), "left behind: {left:?}; gone: {lost:?}");
}

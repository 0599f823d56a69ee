//! The program with a release in a cluster.

use std::io::{Read, Write};
use std::net::TcpStream;

use tokio::task::spawn_blocking;

use crate::local_api::{ADMIN, PAUSE};
use crate::release::{DeployedRelease, waiting_job};

#[tokio::test(flavor = "multi_thread")]
async fn trigger_api_is_reached_through_a_port_forward_with_the_secret_of_the_release() {
    let release = DeployedRelease::start("forward", "echo hello").await;
    // The kubeconfig has the namespace.
    release.tradeops(&["whoami"]).await.exits(0).prints(&["role admin"]);
    release.tradeops(&["trigger", "sync", "--wait"]).await.exits(0).reports(&["succeeded"]);
    let runs = release.tradeops(&["runs", "-o", "json"]).await.exits(0).json();
    let job = runs["runs"][0]["job_name"].as_str().unwrap().to_owned();
    let log = release.tradeops(&["logs", &job]).await.exits(0);
    assert_eq!(log.stdout, "hello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_outlives_the_pod_that_it_came_through() {
    let release = DeployedRelease::start("outlives", &format!("echo one; {PAUSE}; echo two")).await;
    let started = release.tradeops(&["trigger", "sync", "-o", "json"]).await.exits(0).json();
    let mut following = release.running(&["logs", "-f", started["job_name"].as_str().unwrap()]);
    let following = spawn_blocking(move || {
        assert_eq!(following.line(), "one");
        following
    });
    let mut following = following.await.unwrap();
    release.server.break_forwards();
    release.api.resume();
    let answer = spawn_blocking(move || {
        assert_eq!(following.line(), "two");
        following.end()
    });
    assert_eq!(answer.await.unwrap().exits(0).stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_release_is_an_error_of_every_command_and_names_those_that_exist() {
    let release = DeployedRelease::start("unknown", "true").await;
    let name = release.namespace.name.clone();
    for command in ["runs", "whoami", "status", "stop", "start", "restart", "port-forward", "logs"] {
        let answer = release.tradeops(&[command, "--release", "tradops"]).await.exits(5);
        answer.reports(&[
            &format!("the namespace {name} has no release tradops"),
            &format!("the releases that exist: tradeops in {name}"),
        ]);
    }
    let other = release.tradeops(&["stop", "-n", "default"]).await;
    other.exits(4).reports(&["you may not list deployments in default"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_release_is_reported_at_once_with_how_to_start_it() {
    let release = DeployedRelease::start("stopped", "true").await;
    let stopped = release.tradeops(&["stop"]).await.exits(0);
    stopped.prints(&[
        "tradeops in test-stopped-",
        "is stopped; runs in progress continue",
        "to start it again: tradeops start",
    ]);
    let suspended = ["get", "cronjob", "trades-sync-midday", "--output=jsonpath={.spec.suspend}"];
    assert_eq!(release.namespace.kubectl(&suspended), "true");
    for command in [&["runs"][..], &["trigger", "sync"], &["analyse"], &["port-forward"]] {
        release.tradeops(command).await.exits(5).reports(&["is stopped", "to start it: tradeops start"]);
    }
    release.tradeops(&["restart"]).await.exits(5).reports(&["is stopped, so it has no pods to replace"]);
    let status = release.tradeops(&["status"]).await.exits(1);
    status.prints(&[
        "deployment trigger-api is stopped",
        "cronjob trades-sync-midday is stopped",
        "trigger-api  0/0",
    ]);
    release.tradeops(&["start"]).await.exits(0).prints(&["its pods are ready"]);
    assert_eq!(release.namespace.kubectl(&suspended), "false");
    release.tradeops(&["runs"]).await.exits(0);
    release.tradeops(&["restart"]).await.exits(0).prints(&["were replaced"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_reports_pods_that_wait_and_runs_outside_of_the_release() {
    let mut release = DeployedRelease::start("waiting", "true").await;
    release.tradeops(&["status"]).await.exits(0).prints(&[
        "trigger-api  1/1",
        "its API answers: ok",
        "No problems.",
    ]);
    release.stop_pods();
    release.namespace.kubectl(&[
        "delete",
        "pod",
        "--selector",
        "app.kubernetes.io/name=trigger-api",
        "--wait",
    ]);
    release.namespace.apply(&waiting_job("manual-run"));
    // The scheduler reports that there is no node for them.
    release.namespace.kubectl(&[
        "wait",
        "pods",
        "--all",
        "--for=condition=PodScheduled=False",
        "--timeout=60s",
    ]);
    let status = release.tradeops(&["status"]).await.exits(1);
    status.prints(&[
        "its API does not answer: trigger-api in",
        "pod trigger-api-",
        "is not scheduled to a node: ",
        "pod manual-run-",
        "to end the run: tradeops cancel manual-run",
    ]);
    release.tradeops(&["runs"]).await.exits(5).reports(&["has no pod that is ready", "tradeops status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_missing_secrets_with_the_program_that_reads_them_and_a_command() {
    let release = DeployedRelease::start("doctor", "true").await;
    let namespace = release.namespace.name.clone();
    let doctor = release.tradeops(&["doctor"]).await.exits(1);
    doctor.prints(&[
        "ok       Kubernetes v1.",
        "ok       you may create pods/portforward",
        "ok       the key admin-secret of the Secret backend-secrets, for trigger-api",
        "missing  the Secret trades-sync-secret with the keys DATABASE_URL, for trades-sync-midday",
        &format!(
            "kubectl -n {namespace} create secret generic trades-sync-secret --from-file=DATABASE_URL=trades-sync-secret.DATABASE_URL"
        ),
        "doctor --connect",
    ]);
    let url = "--from-literal=DATABASE_URL=postgres://reader:hunter2@postgres.invalid:5432/trades";
    release.namespace.kubectl(&["create", "secret", "generic", "trades-sync-secret", url]);
    let doctor = release.tradeops(&["doctor"]).await.exits(1);
    assert!(!doctor.stdout.contains("hunter2"), "{doctor:?}");
    doctor.prints(&["it names postgres.invalid", "patch secret trades-sync-secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_secrets_a_token_is_needed() {
    let release = DeployedRelease::start("limited", "true").await;
    let denied = release.tradeops_limited(&[], &["runs"]).await.exits(4);
    denied.reports(&["(missing-credential)", "set TRADEOPS_TOKEN"]);
    release.tradeops_limited(&[("TRADEOPS_TOKEN", ADMIN)], &["runs"]).await.exits(0);
    release
        .tradeops_limited(&[], &["stop"])
        .await
        .exits(4)
        .reports(&["you may not patch the deployment trigger-api"]);
    let doctor = release.tradeops_limited(&[], &["doctor"]).await.exits(1);
    doctor
        .prints(&["missing  the right to get secrets", "read the release's token; else set TRADEOPS_TOKEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn port_forward_prints_the_address_and_where_the_credential_is_until_ctrl_c() {
    let release = DeployedRelease::start("ports", "true").await;
    let mut forwarding = release.running(&["port-forward", "--port", "0"]);
    let forwarding = spawn_blocking(move || {
        let line = forwarding.line();
        let address = line.split("http://localhost:").nth(1).and_then(|rest| rest.split('/').next());
        let port: u16 = address.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"status\":\"ok\""), "{answer}");
        forwarding.wait_for_message("connected to trigger-api-");
        forwarding.interrupt();
        let answer = forwarding.end().exits(130);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is still open");
        assert!(!answer.stderr.contains(ADMIN), "{answer:?}");
        answer.reports(&["X-Admin-Secret: kubectl -n test-ports-", "get secret backend-secrets"]);
    });
    forwarding.await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let used = port.local_addr().unwrap().port().to_string();
    let answer = release.tradeops(&["port-forward", "--port", &used]).await.exits(3);
    answer.reports(&[&format!("the port {used} of this machine is in use"), "--port 0"]);
}

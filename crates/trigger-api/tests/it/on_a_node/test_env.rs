//! A CronJob whose Jobs run a script on a node.

use futures_util::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::wait::{Condition, await_condition, conditions};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};

use crate::support::{CRONJOB, Events, PATIENCE, TriggerApi, namespace};

// containerd 1.6 loses the end of a large burst of output (several kilobytes) that a process prints right before it exits. A
// test that needs such output lets the script wait before it exits.

/// Prints `waiting`, and waits for [`NodeTestEnv::resume`].
pub(super) const WAIT: &str = "mkfifo /signal/go; exec 3<>/signal/go; echo waiting; read go <&3";

/// A CronJob for a test. By default its Jobs are not retried, and its pods have a short grace period.
pub(super) struct JobTemplate {
    /// The spec of the CronJob.
    pub(super) cronjob: Value,
    /// The spec of its Jobs.
    pub(super) job: Value,
}

/// A trigger-api with one CronJob, on a cluster with a node.
pub(super) struct NodeTestEnv {
    pub(super) api: TriggerApi,
    pub(super) namespace: Namespace,
}

impl JobTemplate {
    /// A CronJob whose Jobs run this script.
    pub(super) fn of(script: &str) -> Self {
        let main = container("main", script);
        let pod = json!({
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [main],
            "volumes": [{"name": "signal", "emptyDir": {}}],
        });
        Self {
            cronjob: json!({"schedule": "0 0 29 2 *"}),
            job: json!({"backoffLimit": 0, "template": {"spec": pod}}),
        }
    }

    /// The spec of the pods.
    pub(super) fn pod(&mut self) -> &mut Value {
        &mut self.job["template"]["spec"]
    }

    /// The first container.
    pub(super) fn main(&mut self) -> &mut Value {
        &mut self.pod()["containers"][0]
    }

    pub(super) fn manifest(&self) -> String {
        let mut spec = self.cronjob.clone();
        spec["jobTemplate"] = json!({"spec": self.job});
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": CRONJOB}, "spec": spec})
            .to_string()
    }

    /// Applies the CronJob in a new namespace, and starts trigger-api for it.
    pub(super) async fn on_a_node(&self, purpose: &str) -> NodeTestEnv {
        Cluster::shared().needs_a_node().await;
        let namespace = namespace(purpose).await;
        namespace.apply(&self.manifest());
        let api = TriggerApi::start(&namespace, &[]).await;
        NodeTestEnv { api, namespace }
    }
}

/// A container that runs a script with busybox.
pub(super) fn container(name: &str, script: &str) -> Value {
    json!({
        "name": name,
        "image": "localhost/busybox:1",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "signal", "mountPath": "/signal"}],
    })
}

/// The identifiers of a run that was started.
#[derive(Clone, Debug)]
pub(super) struct StartedRun {
    pub(super) id: String,
    pub(super) job: String,
}

impl NodeTestEnv {
    pub(super) async fn trigger(&self) -> StartedRun {
        let started = self.api.trigger().await;
        let text = |key: &str| started[key].as_str().expect("the response has it").to_owned();
        StartedRun { id: text("run_id"), job: text("job_name") }
    }

    /// Starts a run, and follows its events until it has ended.
    pub(super) async fn run(&self) -> (StartedRun, Value) {
        let started = self.trigger().await;
        let ended = self.api.wait_for_end(&started.id).await;
        (started, ended)
    }

    /// Resumes a script of the run that executes [`WAIT`].
    pub(super) fn resume(&self, run: &StartedRun) {
        let script = "until [ -p /signal/go ]; do :; done; echo > /signal/go";
        let output =
            self.namespace.try_kubectl(&["exec", &format!("job/{}", run.job), "--", "sh", "-c", script]);
        // 137: the script, and with it the container, ended before the command did.
        assert!(matches!(output.status.code(), Some(0 | 137)), "{output:?}");
    }

    /// Waits until the run's cause has that reason.
    pub(super) async fn wait_for_cause(&self, run: &StartedRun, reason: &str) -> Value {
        self.api.wait_for_run(&run.id, |run| run["cause"]["reason"] == reason).await
    }

    /// Deletes the Job, and waits until its pods are deleted too.
    pub(super) fn delete_job(&self, run: &StartedRun) {
        self.namespace.kubectl(&["delete", "job", &run.job, "--cascade=foreground", "--wait"]);
    }

    /// Waits until the Job is deleted.
    pub(super) async fn wait_for_clean_up(&self, run: &StartedRun) {
        let jobs: Api<Job> = Api::namespaced(self.namespace.client.clone(), &self.namespace.name);
        let gone = await_condition(jobs, &run.job, conditions::is_deleted(&run.id));
        in_time(Box::pin(gone)).await.expect("the object is watched");
    }

    /// Waits until the pod fulfills the condition.
    pub(super) async fn wait_for_pod(&self, name: &str, condition: impl Condition<Pod>) {
        let pods: Api<Pod> = Api::namespaced(self.namespace.client.clone(), &self.namespace.name);
        in_time(Box::pin(await_condition(pods, name, condition))).await.expect("the object is watched");
    }

    /// The names of the run's pods, oldest first.
    pub(super) fn pods(&self, run: &StartedRun) -> Vec<String> {
        let selector = format!("job-name={}", run.job);
        let sort = "--sort-by=.metadata.creationTimestamp";
        let names =
            self.namespace.kubectl(&["get", "pods", "--selector", &selector, sort, "--output", "name"]);
        names.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
    }

    /// The current log: whether it is cut, and its text.
    pub(super) async fn log(&self, run: &StartedRun) -> (bool, String) {
        read_log(&self.api, run, "").await
    }

    /// The log, followed until the run ends.
    pub(super) async fn followed_log(&self, run: &StartedRun) -> String {
        read_log(&self.api, run, "?follow=true").await.1
    }

    /// The stored log tail of a run that has ended, after its pods were deleted: whether it is cut, and its text.
    pub(super) async fn kept_log(&self, run: &StartedRun) -> (bool, String) {
        let selector = format!("job-name={}", run.job);
        self.namespace.kubectl(&["wait", "pod", "--for=delete", "--selector", &selector, "--timeout=60s"]);
        kept_log(&self.api, run).await
    }
}

/// The stored log tail as that replica has it: whether it is cut, and its text.
pub(super) async fn kept_log(api: &TriggerApi, run: &StartedRun) -> (bool, String) {
    read_log(api, run, "?follow=true").await;
    read_log(api, run, "").await
}

async fn read_log(api: &TriggerApi, run: &StartedRun, query: &str) -> (bool, String) {
    let request = api.get(&format!("/v1/runs/{}/logs{query}", run.id));
    let response = in_time(request.send()).await.expect("a response");
    let status = response.status();
    let cut = response.headers().get("x-log-cut").is_some_and(|value| value == "true");
    let text = in_time(response.text()).await.expect("a complete log");
    assert_eq!(status, StatusCode::OK, "{text}");
    (cut, text)
}

/// The output of `seq`.
pub(super) fn numbers(first: u32, last: u32) -> String {
    let lines: Vec<String> = (first..=last).map(|number| number.to_string()).collect();
    lines.join("\n") + "\n"
}

/// A log while it is followed.
pub(super) struct FollowedLog {
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl FollowedLog {
    pub(super) async fn of(api: &TriggerApi, run: &StartedRun) -> Self {
        let response = api.get(&format!("/v1/runs/{}/logs?follow=true", run.id)).send().await;
        let response = response.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        Self { chunks: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// Reads until the log contains the text, and returns the whole text so far.
    pub(super) async fn until(&mut self, text: &str) -> String {
        while !self.text.contains(text) {
            let chunk = in_time(self.chunks.next()).await;
            let chunk = chunk.unwrap_or_else(|| panic!("no {text:?} in {:?}", self.text));
            self.text.push_str(&String::from_utf8_lossy(&chunk.expect("a complete log")));
        }
        self.text.clone()
    }

    /// Reads to the end, and returns the whole text.
    pub(super) async fn rest(mut self) -> String {
        while let Some(chunk) = in_time(self.chunks.next()).await {
            self.text.push_str(&String::from_utf8_lossy(&chunk.expect("a complete log")));
        }
        self.text
    }
}

/// The events of all runs from now on.
pub(super) async fn all_events(api: &TriggerApi) -> Events {
    Events::of(api.get("/v1/events").send().await.expect("a response"))
}

/// The data of the events up to the first final state.
pub(super) async fn to_end(events: &mut Events) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let event = in_time(events.next()).await.expect("the stream continues");
        let is_active = matches!(event.data["state"].as_str(), Some("pending" | "running"));
        seen.push(event.data);
        if !is_active {
            return seen;
        }
    }
}

/// The output of the future, which must complete within the timeout.
pub(super) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("completed within the timeout")
}

//! A CronJob whose Jobs run a script, and what a test does with it.

use futures_util::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::wait::{Condition, await_condition, conditions};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};

use crate::support::{CRONJOB, Events, PATIENCE, TriggerApi, namespace};

// What a container prints in its last moments can be lost on the way out of it: containerd 1.6 cuts off a burst of more
// than some kilobytes that a process ends with. A test that counts on more lets the script wait before it ends.

/// Prints that it waits, and waits for [`Node::go`].
pub(super) const WAIT: &str = "mkfifo /signal/go; exec 3<>/signal/go; echo waiting; read go <&3";

/// A CronJob whose Jobs are what a test wants: not tried again unless it says so, with pods that end at once when told to.
pub(super) struct Template {
    /// The spec of the CronJob.
    pub(super) cronjob: Value,
    /// The spec of its Jobs.
    pub(super) job: Value,
}

/// A trigger-api beside a node, with one CronJob.
pub(super) struct Node {
    pub(super) api: TriggerApi,
    pub(super) namespace: Namespace,
}

impl Template {
    /// Jobs that run this script.
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

    /// Puts it into a namespace of its own, and starts trigger-api for it.
    pub(super) async fn on_a_node(&self, purpose: &str) -> Node {
        Cluster::shared().needs_a_node().await;
        let namespace = namespace(purpose).await;
        namespace.apply(&self.manifest());
        let api = TriggerApi::start(&namespace, &[]).await;
        Node { api, namespace }
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

/// A run as the API names it.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) id: String,
    pub(super) job: String,
}

impl Node {
    pub(super) async fn trigger(&self) -> Started {
        let started = self.api.trigger().await;
        let text = |key: &str| started[key].as_str().expect("the answer names it").to_owned();
        Started { id: text("run_id"), job: text("job_name") }
    }

    /// Triggers a run and follows it to its end.
    pub(super) async fn run(&self) -> (Started, Value) {
        let started = self.trigger().await;
        let ended = self.api.wait_for_end(&started.id).await;
        (started, ended)
    }

    /// Lets a pod of the run go on that [`WAIT`]s.
    pub(super) fn go(&self, run: &Started) {
        let script = "until [ -p /signal/go ]; do :; done; echo > /signal/go";
        let said =
            self.namespace.try_kubectl(&["exec", &format!("job/{}", run.job), "--", "sh", "-c", script]);
        // 137: what went on was over before the command was, and took it with it.
        assert!(matches!(said.status.code(), Some(0 | 137)), "{said:?}");
    }

    /// Waits for the run to have the cause.
    pub(super) async fn wait_for_cause(&self, run: &Started, reason: &str) -> Value {
        self.api.wait_for_run(&run.id, |run| run["cause"]["reason"] == reason).await
    }

    /// Deletes the Job, and waits until its pods are gone too.
    pub(super) fn delete_job(&self, run: &Started) {
        self.namespace.kubectl(&["delete", "job", &run.job, "--cascade=foreground", "--wait"]);
    }

    /// Waits until the Job is gone.
    pub(super) async fn wait_for_clean_up(&self, run: &Started) {
        let jobs: Api<Job> = Api::namespaced(self.namespace.client.clone(), &self.namespace.name);
        let gone = await_condition(jobs, &run.job, conditions::is_deleted(&run.id));
        waited(Box::pin(gone)).await.expect("it is watched");
    }

    /// Waits for a pod.
    pub(super) async fn wait_for_pod(&self, name: &str, condition: impl Condition<Pod>) {
        let pods: Api<Pod> = Api::namespaced(self.namespace.client.clone(), &self.namespace.name);
        waited(Box::pin(await_condition(pods, name, condition))).await.expect("it is watched");
    }

    /// The names of the run's pods, oldest first.
    pub(super) fn pods(&self, run: &Started) -> Vec<String> {
        let selector = format!("job-name={}", run.job);
        let sort = "--sort-by=.metadata.creationTimestamp";
        let names =
            self.namespace.kubectl(&["get", "pods", "--selector", &selector, sort, "--output", "name"]);
        names.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
    }

    /// The log as it is now: whether it is cut, and its text.
    pub(super) async fn log(&self, run: &Started) -> (bool, String) {
        read_log(&self.api, run, "").await
    }

    /// The log until the run ends.
    pub(super) async fn followed_log(&self, run: &Started) -> String {
        read_log(&self.api, run, "?follow=true").await.1
    }

    /// The end of the log of a run that has ended, when all of it was read and its pods are gone.
    pub(super) async fn kept_log(&self, run: &Started) -> (bool, String) {
        let selector = format!("job-name={}", run.job);
        self.namespace.kubectl(&["wait", "pod", "--for=delete", "--selector", &selector, "--timeout=60s"]);
        kept_log(&self.api, run).await
    }
}

/// The same, of another replica.
pub(super) async fn kept_log(api: &TriggerApi, run: &Started) -> (bool, String) {
    read_log(api, run, "?follow=true").await;
    read_log(api, run, "").await
}

async fn read_log(api: &TriggerApi, run: &Started, query: &str) -> (bool, String) {
    let request = api.get(&format!("/v1/runs/{}/logs{query}", run.id));
    let response = waited(request.send()).await.expect("it answers");
    let status = response.status();
    let cut = response.headers().get("x-log-cut").is_some_and(|value| value == "true");
    let text = waited(response.text()).await.expect("a whole log");
    assert_eq!(status, StatusCode::OK, "{text}");
    (cut, text)
}

/// What `seq` prints.
pub(super) fn numbers(first: u32, last: u32) -> String {
    let lines: Vec<String> = (first..=last).map(|number| number.to_string()).collect();
    lines.join("\n") + "\n"
}

/// A log that is followed.
pub(super) struct FollowedLog {
    pieces: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl FollowedLog {
    pub(super) async fn of(api: &TriggerApi, run: &Started) -> Self {
        let response = api.get(&format!("/v1/runs/{}/logs?follow=true", run.id)).send().await;
        let response = response.expect("it answers");
        assert_eq!(response.status(), StatusCode::OK);
        Self { pieces: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// Reads on until the text is there, and gives all that was read.
    pub(super) async fn until(&mut self, text: &str) -> String {
        while !self.text.contains(text) {
            let piece = waited(self.pieces.next()).await;
            let piece = piece.unwrap_or_else(|| panic!("no {text:?} in {:?}", self.text));
            self.text.push_str(&String::from_utf8_lossy(&piece.expect("a whole log")));
        }
        self.text.clone()
    }

    /// Reads to the end, and gives all that was read.
    pub(super) async fn rest(mut self) -> String {
        while let Some(piece) = waited(self.pieces.next()).await {
            self.text.push_str(&String::from_utf8_lossy(&piece.expect("a whole log")));
        }
        self.text
    }
}

/// The changes of all runs from now on.
pub(super) async fn all_events(api: &TriggerApi) -> Events {
    Events::of(api.get("/v1/events").send().await.expect("it answers"))
}

/// The events up to the first in a final state.
pub(super) async fn to_end(events: &mut Events) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let event = waited(events.next()).await.expect("the stream goes on");
        let goes_on = matches!(event.data["state"].as_str(), Some("pending" | "running"));
        seen.push(event.data);
        if !goes_on {
            return seen;
        }
    }
}

/// What comes in bounded time.
pub(super) async fn waited<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes in bounded time")
}

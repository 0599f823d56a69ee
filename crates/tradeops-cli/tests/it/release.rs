//! A release in a namespace of a real API server with its controllers. No node has the label that its pods require, so they
//! become ready only when a test sets their status.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::api_server::ApiServer;
use crate::local_api::{ADMIN, LocalApi};
use crate::program::{Answer, Running, tradeops};

/// The timeout of everything that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);
/// The rights that docs/OPERATIONS.md lists for operators.
const OPERATOR: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
  - {apiGroups: ['', apps, batch], resources: ['*'], verbs: ['*']}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: operator}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: limited}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: limited}
rules:
  - {apiGroups: [''], resources: [services, pods], verbs: [get, list]}
  - {apiGroups: [''], resources: [pods/portforward], verbs: [create, get]}
  - {apiGroups: [apps], resources: [deployments], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: limited}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: limited}
subjects: [{kind: ServiceAccount, name: limited}]
";

/// A release whose trigger-api is a process of this machine.
pub(crate) struct DeployedRelease {
    pub(crate) namespace: Namespace,
    pub(crate) api: LocalApi,
    pub(crate) server: ApiServer,
    kubeconfig: PathBuf,
    limited: PathBuf,
    kubelet: Option<JoinHandle<()>>,
}

impl DeployedRelease {
    /// A release with one ready pod, whose runs execute the script.
    pub(crate) async fn start(purpose: &str, script: &str) -> Self {
        let namespace = Cluster::shared().namespace(purpose).await;
        namespace.apply(OPERATOR);
        namespace.apply(&manifests());
        let api = LocalApi::start(script);
        let server = ApiServer::start(api.port()).await;
        let kubeconfig = namespace.kubeconfig_of("operator", Some(&server.url())).await;
        let limited = namespace.kubeconfig_of("limited", Some(&server.url())).await;
        let mut release = Self { namespace, api, server, kubeconfig, limited, kubelet: None };
        release.run_pods();
        release.wait_until_ready().await;
        release
    }

    /// Sets the status of new pods to ready, until [`Self::stop_pods`].
    pub(crate) fn run_pods(&mut self) {
        let pods: Api<Pod> = Api::namespaced(self.namespace.client.clone(), &self.namespace.name);
        let status = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
        self.kubelet = Some(tokio::spawn(async move {
            loop {
                let pending = ListParams::default()
                    .fields("status.phase=Pending")
                    .labels("app.kubernetes.io/name=trigger-api");
                for pod in pods.list(&pending).await.map(|pods| pods.items).unwrap_or_default() {
                    // It can have been deleted meanwhile.
                    let _ = pods
                        .patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status))
                        .await;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }));
    }

    /// New pods stay pending.
    pub(crate) fn stop_pods(&mut self) {
        self.kubelet.take().iter().for_each(JoinHandle::abort);
    }

    async fn wait_until_ready(&self) {
        let began = Instant::now();
        let ready = ["get", "deployment", "trigger-api", "--output=jsonpath={.status.readyReplicas}"];
        while self.namespace.kubectl(&ready) != "1" {
            assert!(began.elapsed() < PATIENCE, "the pod does not become ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Runs the program as an operator of the cluster.
    pub(crate) async fn tradeops(&self, arguments: &[&str]) -> Answer {
        self.tradeops_with(&self.kubeconfig, &[], arguments).await
    }

    /// Runs the program as a user who may read no Secret.
    pub(crate) async fn tradeops_limited(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Answer {
        self.tradeops_with(&self.limited, variables, arguments).await
    }

    async fn tradeops_with(
        &self,
        kubeconfig: &std::path::Path,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Answer {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (kubeconfig, arguments) = (kubeconfig.display().to_string(), owned(arguments));
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let run = move || {
            let mut all = vec![("KUBECONFIG", kubeconfig.as_str())];
            all.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            tradeops(&all, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        spawn_blocking(run).await.expect("it does not panic")
    }

    /// Starts the program, and does not wait for its end.
    pub(crate) fn running(&self, arguments: &[&str]) -> Running {
        let kubeconfig = self.kubeconfig.display().to_string();
        Running::start(&[("KUBECONFIG", &kubeconfig)], arguments)
    }
}

impl Drop for DeployedRelease {
    fn drop(&mut self) {
        self.stop_pods();
    }
}

/// A selector that matches no node.
fn no_node() -> Value {
    json!({ "tradeops.dev/test": "no-node" })
}

/// A Job whose pod no node runs.
pub(crate) fn waiting_job(name: &str) -> String {
    let container = json!({ "name": "main", "image": "localhost/nothing:1" });
    let pod = json!({ "restartPolicy": "Never", "nodeSelector": no_node(), "containers": [container] });
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name }, "spec": { "template": { "spec": pod } } })
        .to_string()
}

fn labels() -> Value {
    json!({
        "app.kubernetes.io/name": "trigger-api", "app.kubernetes.io/instance": "tradeops", "app.kubernetes.io/part-of": "tradeops",
    })
}

/// The objects of the chart that the program reads.
fn manifests() -> String {
    let secret = json!({ "secretName": "backend-secrets", "items": [{ "key": "admin-secret", "path": "admin-secret" }] });
    let container = json!({
        "name": "trigger-api", "image": "localhost/trigger-api:test", "ports": [{ "name": "http", "containerPort": 8000 }],
        "volumeMounts": [{ "name": "admin-secret", "mountPath": "/run/secrets/admin" }],
    });
    let pod = json!({ "nodeSelector": no_node(), "containers": [container], "volumes": [{ "name": "admin-secret", "secret": secret }] });
    let template = json!({ "metadata": { "labels": labels() }, "spec": pod });
    let database = json!({ "secretKeyRef": { "name": "trades-sync-secret", "key": "DATABASE_URL" } });
    let sync = json!({
        "restartPolicy": "Never",
        "containers": [{ "name": "trades-sync", "image": "localhost/trades-sync:test", "env": [{ "name": "DATABASE_URL", "valueFrom": database }] }],
    });
    let metadata = |name: &str| json!({ "name": name, "labels": labels() });
    let items = json!([
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("trigger-api"),
          "spec": { "replicas": 1, "selector": { "matchLabels": labels() }, "template": template } },
        { "apiVersion": "v1", "kind": "Service", "metadata": metadata("trigger-api"),
          "spec": { "selector": labels(), "ports": [{ "port": 8000, "targetPort": "http" }] } },
        { "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata("trades-sync-midday"),
          "spec": { "schedule": "0 0 29 2 *", "suspend": false, "jobTemplate": { "spec": { "template": { "spec": sync } } } } },
        { "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "backend-secrets" }, "stringData": { "admin-secret": ADMIN } },
    ]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

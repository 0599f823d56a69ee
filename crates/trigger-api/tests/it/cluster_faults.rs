//! Responses to callers while the API server fails, and recovery afterwards.

mod failures;
mod lost_responses;
mod rejections;
mod watches;

use serde_json::Value;
use testkit::cluster::Namespace;

use crate::support::api_server::{ApiServerProxy, UPSTREAM_MESSAGE};
use crate::support::{TriggerApi, cronjob, jobs, namespace, problem};

/// A namespace with a CronJob, and trigger-api that connects to the API server through the proxy.
struct TestEnv {
    api: TriggerApi,
    proxy: ApiServerProxy,
    namespace: Namespace,
}

impl TestEnv {
    async fn new(purpose: &str, spec: &str) -> Self {
        let namespace = namespace(purpose).await;
        namespace.apply(&cronjob(spec, ""));
        let proxy = ApiServerProxy::start().await;
        let api = start(&namespace, &proxy).await;
        Self { api, proxy, namespace }
    }

    /// Asserts that a start gets that problem, without the API server's message or the token in it.
    async fn assert_rejected(&self, status: u16, kind: &str) -> Value {
        let body = problem(self.api.post("/trigger-sync"), status, kind).await;
        let text = body.to_string();
        assert!(!text.contains(UPSTREAM_MESSAGE) && !text.contains("eyJ"), "{text}");
        body
    }

    /// Asserts that a start creates the only Job of the namespace, and finishes it so that another start can follow.
    async fn assert_recovered(&self) {
        let started = self.api.trigger().await;
        let name = started["job_name"].as_str().expect("a string");
        assert_eq!(jobs::names(&self.namespace).await, [name]);
        jobs::finish(&self.namespace, name).await;
        let run = self.api.wait_for_end(started["run_id"].as_str().expect("a string")).await;
        assert_eq!(run["state"], "succeeded", "{run}");
    }
}

/// Starts trigger-api with the proxy as its API server and a request timeout of one second.
async fn start(namespace: &Namespace, proxy: &ApiServerProxy) -> TriggerApi {
    let kubeconfig = proxy.kubeconfig(namespace).await;
    let variables =
        [("KUBECONFIG", kubeconfig.to_str().expect("a string")), ("CLUSTER_TIMEOUT_SECONDS", "1")];
    TriggerApi::start(namespace, &variables).await
}

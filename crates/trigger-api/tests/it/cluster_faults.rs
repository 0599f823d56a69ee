//! What callers get while the API server fails, and what is right again afterwards.

mod answers;
mod lost_answers;
mod refusals;
mod watches;

use serde_json::Value;
use testkit::cluster::Namespace;

use crate::support::api_server::{ApiServer, UPSTREAM_WORDS};
use crate::support::{TriggerApi, cronjob, jobs, namespace, problem};

/// A namespace with its CronJob, and trigger-api behind the proxy.
struct Stage {
    api: TriggerApi,
    server: ApiServer,
    namespace: Namespace,
}

impl Stage {
    async fn set(purpose: &str, spec: &str) -> Self {
        let namespace = namespace(purpose).await;
        namespace.apply(&cronjob(spec, ""));
        let server = ApiServer::proxy().await;
        let api = start(&namespace, &server).await;
        Self { api, server, namespace }
    }

    /// A click that gets that problem, with nothing of the server's own words or of the token in it.
    async fn refused(&self, status: u16, kind: &str) -> Value {
        let body = problem(self.api.post("/trigger-sync"), status, kind).await;
        let text = body.to_string();
        assert!(!text.contains(UPSTREAM_WORDS) && !text.contains("eyJ"), "{text}");
        body
    }

    /// A click that starts a run, the only Job there is; then the run ends, so that another click may follow.
    async fn works_again(&self) {
        let started = self.api.trigger().await;
        let name = started["job_name"].as_str().expect("a text");
        assert_eq!(jobs::names(&self.namespace).await, [name]);
        jobs::finish(&self.namespace, name).await;
        let run = self.api.wait_for_end(started["run_id"].as_str().expect("a text")).await;
        assert_eq!(run["state"], "succeeded", "{run}");
    }
}

/// Starts trigger-api behind the proxy; no call may take longer than a second.
async fn start(namespace: &Namespace, server: &ApiServer) -> TriggerApi {
    let kubeconfig = server.kubeconfig(namespace).await;
    let variables = [("KUBECONFIG", kubeconfig.to_str().expect("a text")), ("CLUSTER_TIMEOUT_SECONDS", "1")];
    TriggerApi::start(namespace, &variables).await
}

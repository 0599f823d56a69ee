//! A release, and what operators do with it.

mod aegis_trader;
mod port_forward;

use std::fs;
use std::process::Command;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::command::{CommandOutput, root, run};
use crate::environment::{Environment, LABEL};
use crate::http::client_builder;
use crate::wait::wait;

pub(crate) use self::port_forward::PortForward;

/// How a test configures a release.
#[derive(Debug, Default)]
pub(crate) struct ReleaseOptions<'a> {
    /// A part of the namespace's name.
    pub(crate) purpose: &'a str,
    /// The URL of the database that trades-sync reads.
    pub(crate) database: &'a str,
    /// The URL of a Postgres for trigger-api's history. Without it, the history is in the pod.
    pub(crate) history: Option<&'a str>,
    /// More options for Helm.
    pub(crate) helm: &'a [&'a str],
}

/// A release in a namespace of its own.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Release {
    pub(crate) namespace: String,
    variables: Vec<(String, String)>,
    helm: Vec<String>,
    cluster: Cluster,
}

/// A connection to a release's trigger-api.
pub(crate) struct Api {
    client: reqwest::Client,
    token: String,
    forward: PortForward,
}

impl Release {
    /// Creates the namespace, which admits restricted pods only. Deploys nothing yet.
    pub(crate) fn new(environment: &Environment, options: &ReleaseOptions<'_>) -> Self {
        let namespace = create_namespace(environment, options.purpose);
        let services = &environment.services;
        let (postgres, receiver) = (services.postgres.port(), services.receiver);
        let values = environment.folder.join(format!("{namespace}.yaml"));
        let text = format!(
            "triggerApi:\n  \
               defaultTarget: trades-sync-midday\n  \
               targets:\n    \
                 - {{cronjob: trades-sync-midday, allowSuspended: true}}\n    \
                 - {{cronjob: trades-sync-premarket, allowSuspended: true}}\n    \
                 - {{cronjob: trades-sync-postmarket, allowSuspended: true}}\n\
             tradesSync:\n  settings: {{SNAPSHOT_API_URL: \"http://{receiver}\"}}\n\
             networkPolicies:\n  \
               postgres: {{ports: [{postgres}]}}\n  \
               extraEgress: {{tradesSync: [{{ports: [{port}], peers: []}}]}}\n",
            port = receiver.port(),
        );
        fs::write(&values, text).expect("the folder is ours");
        let mut helm = vec!["--values".to_owned(), values.display().to_string()];
        let mut variables = vec![
            ("ENV", "dev".to_owned()),
            ("NAMESPACE", namespace.clone()),
            ("IMAGES", environment.images.folder.display().to_string()),
            ("TAG", environment.images.tag.clone()),
            ("DATABASE_URL", options.database.to_owned()),
            ("INTERNAL_TOKEN", services.worker.internal_token.clone()),
        ];
        if let Some(history) = options.history {
            variables.push(("HISTORY_DATABASE_URL", history.to_owned()));
            let postgres = "triggerApi.history.store=postgres,triggerApi.history.postgres.existingSecret=trigger-api-database";
            helm.extend(["--set".to_owned(), postgres.to_owned()]);
        }
        helm.extend(options.helm.iter().map(|option| (*option).to_owned()));
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { namespace, variables, helm, cluster: environment.cluster.clone() }
    }

    /// Runs `scripts/deploy.sh deploy`, with more options for Helm.
    pub(crate) fn deploy(&self, more: &[&str]) -> CommandOutput {
        let options: Vec<&str> = self.helm.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.script("deploy.sh", &[&["deploy"], options.as_slice()].concat())
    }

    /// Runs one of the operators' scripts.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> CommandOutput {
        let mut command = self.cluster.command(root().join("scripts").join(name));
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        run(&mut command)
    }

    /// Runs kubectl in the namespace; it may fail.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> CommandOutput {
        self.cluster.try_kubectl(&[&["--namespace", &self.namespace], arguments].concat())
    }

    /// Runs kubectl in the namespace.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).expect_success()
    }

    /// The value of a key of a `ConfigMap`.
    pub(crate) fn setting(&self, config_map: &str, key: &str) -> String {
        self.kubectl(&["get", "configmap", config_map, "--output", &format!("jsonpath={{.data.{key}}}")])
    }

    /// The names of trigger-api's pods that are not being deleted.
    pub(crate) fn pods(&self) -> Vec<String> {
        let selector = "--selector=app.kubernetes.io/name=trigger-api";
        let template = "go-template={{ range .items }}{{ if not .metadata.deletionTimestamp }}{{ .metadata.name }}{{ \"\\n\" }}{{ end }}{{ end }}";
        let names = self.kubectl(&["get", "pods", selector, "--output", template]);
        names.lines().map(str::to_owned).collect()
    }

    /// Connects to trigger-api with the credential of an administrator.
    pub(crate) fn api(&self) -> Api {
        let template = "go-template={{ index .data \"admin-secret\" | base64decode }}";
        let token = self.kubectl(&["get", "secret", "backend-secrets", "--output", template]);
        let client = client_builder().build().expect("a client");
        Api { client, token, forward: self.forward("trigger-api", 8000) }
    }

    /// Forwards a free port of this machine to a pod of a Service.
    pub(crate) fn forward(&self, service: &str, port: u16) -> PortForward {
        PortForward::start(&self.cluster, &self.namespace, service, port)
    }
}

/// Creates a namespace that admits restricted pods only; returns its name.
fn create_namespace(environment: &Environment, purpose: &str) -> String {
    let namespace = format!("e2e-{purpose}-{}", environment.id);
    environment.cluster.apply(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: {{{LABEL}: \"{}\", \
         pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}}}}",
        environment.id
    ));
    namespace
}

impl Api {
    /// The administrator's secret.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request as an administrator.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_with(&self.token, method, path)
    }

    /// A request with another administrator's secret.
    pub(crate) fn request_with(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.forward.url(path)).header("X-Admin-Secret", token)
    }

    /// Sends a request; returns the status and the body.
    pub(crate) fn response(request: RequestBuilder) -> (StatusCode, String) {
        wait(async {
            let response = request.send().await.expect("trigger-api responds");
            (response.status(), response.text().await.expect("a complete response"))
        })
    }

    /// Gets a path as JSON.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Gets a path as text.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        let (status, text) = Self::response(self.request(Method::GET, path));
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Starts a run of a target, and waits until it ends.
    #[track_caller]
    pub(crate) fn run(&self, target: &str) -> Value {
        let request = self.request(Method::POST, &format!("/v1/targets/{target}/runs"));
        let (status, text) = Self::response(request.header("Prefer", "wait=60"));
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).expect("a run in JSON")
    }

    /// Reads the events of all runs until one fulfils the condition.
    pub(crate) fn event(&self, condition: impl Fn(&Value) -> bool) -> Value {
        let request = self.request(Method::GET, "/v1/events");
        wait(async {
            let mut response = request.send().await.expect("trigger-api responds");
            let mut text = String::new();
            loop {
                let chunk = response
                    .chunk()
                    .await
                    .expect("the stream does not fail")
                    .expect("the stream does not end");
                text.push_str(&String::from_utf8_lossy(&chunk));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                    let run = data.and_then(|data| serde_json::from_str(data).ok());
                    if let Some(run) = run.filter(&condition) {
                        return run;
                    }
                    text = rest.to_owned();
                }
            }
        })
    }
}

/// Runs trades-sync on this machine, with the environment's Postgres and D1.
pub(crate) fn trades_sync(environment: &Environment, arguments: &[&str]) -> CommandOutput {
    let services = &environment.services;
    let access = &services.worker;
    let mut command = Command::new(environment.images.folder.join("trades-sync"));
    command.args(arguments).env_clear().envs([
        ("DATABASE_URL", &services.views.url),
        ("D1_API_URL", &access.d1_api),
        ("CLOUDFLARE_ACCOUNT_ID", &access.account_id),
        ("D1_DATABASE_ID", &access.database_id),
        ("CLOUDFLARE_API_TOKEN", &access.api_token),
    ]);
    run(&mut command)
}

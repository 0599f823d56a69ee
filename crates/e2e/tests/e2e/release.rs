//! A release, and what operators do with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::shell::{Said, root, run};
use crate::world::World;

/// What a test wants of a release.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Becomes a part of the namespace's name.
    pub(crate) purpose: &'a str,
    /// Where trades-sync reads.
    pub(crate) database: &'a str,
    /// Where trigger-api's history is: Postgres, or the pod.
    pub(crate) history: Option<&'a str>,
    /// Options of Helm.
    pub(crate) options: &'a [&'a str],
}

/// A release in a namespace of its own.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) namespace: String,
    environment: Vec<(&'static str, String)>,
    options: Vec<String>,
    cluster: &'static Cluster,
    client: reqwest::Client,
    _values: tempfile::NamedTempFile,
}

/// A way to a release's trigger-api, for as long as one of its pods lives.
pub(crate) struct Api {
    world: &'static World,
    client: reqwest::Client,
    url: String,
    token: String,
    forward: Child,
}

impl Release {
    /// Makes the namespace, for restricted pods alone; nothing is in it yet.
    pub(crate) fn new(world: &'static World, wanted: &Wanted<'_>) -> Self {
        let cluster = world.cluster();
        let namespace = format!("e2e-{}-{}", wanted.purpose, std::process::id());
        cluster.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: {{\
             pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}}}}"
        ));
        let parts = world.parts();
        let (postgres, receiver) = (parts.postgres.port(), parts.receiver);
        let values = tempfile::NamedTempFile::with_suffix(".yaml").expect("a temporary file");
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
        fs::write(&values, text).expect("the file is ours");
        let mut options = vec!["--values".to_owned(), values.path().display().to_string()];
        let mut environment = vec![
            ("ENV", "dev".to_owned()),
            ("NAMESPACE", namespace.clone()),
            ("IMAGES", world.images().folder.display().to_string()),
            ("TAG", world.images().tag.clone()),
            ("DATABASE_URL", wanted.database.to_owned()),
            ("INTERNAL_TOKEN", parts.worker.access.internal_token.clone()),
        ];
        if let Some(history) = wanted.history {
            environment.push(("HISTORY_DATABASE_URL", history.to_owned()));
            let postgres = "triggerApi.history.store=postgres,triggerApi.history.postgres.existingSecret=trigger-api-database";
            options.extend(["--set".to_owned(), postgres.to_owned()]);
        }
        options.extend(wanted.options.iter().map(|option| (*option).to_owned()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        world.has(&namespace);
        Self { namespace, environment, options, cluster, client, _values: values }
    }

    /// The same, deployed.
    pub(crate) fn deployed(world: &'static World, wanted: &Wanted<'_>) -> Self {
        let release = Self::new(world, wanted);
        release.deploy(&[]).well();
        release
    }

    /// What `just deploy` does, with more of Helm's options.
    pub(crate) fn deploy(&self, more: &[&str]) -> Said {
        let options: Vec<&str> =
            self.options.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.script("deploy.sh", &[&["deploy"], options.as_slice()].concat())
    }

    /// Runs one of the operators' scripts.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> Said {
        let mut command = self.cluster.command(root().join("scripts").join(name));
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        run(&mut command)
    }

    /// Runs kubectl in the namespace; it may fail.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Said {
        self.cluster.try_kubectl(&[&["--namespace", &self.namespace], arguments].concat())
    }

    /// Runs kubectl in the namespace.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).well()
    }

    /// The value that a `ConfigMap` has under a key.
    pub(crate) fn setting(&self, map: &str, key: &str) -> String {
        self.kubectl(&["get", "configmap", map, "--output", &format!("jsonpath={{.data.{key}}}")])
    }

    /// The names of trigger-api's pods, but for those that are on their way out.
    pub(crate) fn pods(&self) -> Vec<String> {
        let selector = "--selector=app.kubernetes.io/name=trigger-api";
        let staying = "go-template={{ range .items }}{{ if not .metadata.deletionTimestamp }}{{ .metadata.name }}{{ \"\\n\" }}{{ end }}{{ end }}";
        let names = self.kubectl(&["get", "pods", selector, "--output", staying]);
        names.lines().map(str::to_owned).collect()
    }

    /// A way to its trigger-api, with the credential of an administrator.
    pub(crate) fn api(&self, world: &'static World) -> Api {
        let mut command = self.cluster.command("kubectl");
        command.args(["--namespace", &self.namespace, "port-forward", "service/trigger-api", ":8000"]);
        let mut forward = command.stdout(Stdio::piped()).spawn().expect("kubectl can be run");
        let mut line = String::new();
        let mut lines = BufReader::new(forward.stdout.take().expect("stdout is piped"));
        lines.read_line(&mut line).expect("kubectl speaks UTF-8");
        let port = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        let port = port.unwrap_or_else(|| panic!("kubectl forwards no port: {line}")).to_owned();
        // It says a line for each connection, and must never wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let template = "go-template={{ index .data \"admin-secret\" | base64decode }}";
        let token = self.kubectl(&["get", "secret", "backend-secrets", "--output", template]);
        Api { world, client: self.client.clone(), url: format!("http://127.0.0.1:{port}"), token, forward }
    }
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
        self.client.request(method, format!("{}{path}", self.url)).header("X-Admin-Secret", token)
    }

    /// The status of an answer, and its text.
    pub(crate) fn answer(&self, request: RequestBuilder) -> (StatusCode, String) {
        self.world.wait(async {
            let response = request.send().await.expect("trigger-api answers");
            (response.status(), response.text().await.expect("a whole answer"))
        })
    }

    /// What is to be found at a path.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// The same, as text.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        let (status, text) = self.answer(self.request(Method::GET, path));
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Starts a run of a target, and waits for its end.
    #[track_caller]
    pub(crate) fn run(&self, target: &str) -> Value {
        let request = self.request(Method::POST, &format!("/v1/targets/{target}/runs"));
        let (status, text) = self.answer(request.header("Prefer", "wait=60"));
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).expect("a run in JSON")
    }

    /// Reads the events of all runs until one is what is wanted.
    pub(crate) fn event(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let request = self.request(Method::GET, "/v1/events");
        self.world.wait(async {
            let mut response = request.send().await.expect("trigger-api answers");
            let mut text = String::new();
            loop {
                let piece = response.chunk().await.expect("the stream goes on").expect("it has no end");
                text.push_str(&String::from_utf8_lossy(&piece));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                    let run = data.and_then(|data| serde_json::from_str(data).ok());
                    if let Some(run) = run.filter(&wanted) {
                        return run;
                    }
                    text = rest.to_owned();
                }
            }
        })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.forward.kill();
        let _ = self.forward.wait();
    }
}

/// trades-sync on this machine, as a reader of what was shipped.
pub(crate) fn trades_sync(world: &World, arguments: &[&str]) -> Said {
    let (parts, access) = (world.parts(), &world.parts().worker.access);
    let mut command = Command::new(world.images().folder.join("trades-sync"));
    command.args(arguments).env_clear().envs([
        ("DATABASE_URL", &parts.views.url),
        ("D1_API_URL", &access.d1_api),
        ("CLOUDFLARE_ACCOUNT_ID", &access.account_id),
        ("D1_DATABASE_ID", &access.database_id),
        ("CLOUDFLARE_API_TOKEN", &access.api_token),
    ]);
    run(&mut command)
}

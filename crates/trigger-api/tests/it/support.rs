//! Runs the built program against a real cluster, under its own ServiceAccount.

pub(crate) mod api_server;
pub(crate) mod cluster_wide;
pub(crate) mod cronjobs;
pub(crate) mod jobs;
pub(crate) mod objects;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use testkit::cluster::{Cluster, Namespace};
use testkit::manifests;

/// The CronJob that the deployed Role allows trigger-api to start.
pub(crate) const CRONJOB: &str = "kraken-trading-job";
/// The timeout of everything that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running trigger-api process, which is killed on drop.
pub(crate) struct TriggerApi {
    /// Its base URL.
    pub(crate) url: String,
    pub(crate) client: Client,
    child: Child,
    log: Receiver<String>,
}

/// A namespace with the ServiceAccount and the Role of the deployment.
pub(crate) async fn namespace(purpose: &str) -> Namespace {
    let namespace = Cluster::shared().namespace(purpose).await;
    namespace.apply(&manifests::rights(&[CRONJOB]));
    namespace
}

/// A CronJob whose schedule never fires and whose pods are never scheduled, so that its Jobs end only when a test ends them.
/// `spec` and `job` are lines of YAML for its spec and for the spec of its Jobs.
pub(crate) fn cronjob(spec: &str, job: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {CRONJOB}}}\nspec:\n  schedule: '0 0 29 2 *'\n{}\
         \x20 jobTemplate:\n    spec:\n{}      template:\n        spec:\n          restartPolicy: Never\n          \
         schedulerName: nobody\n          \
         containers: [{{name: main, image: 'localhost/busybox:1', imagePullPolicy: IfNotPresent, command: [sh, -c, 'echo done']}}]\n",
        indented(spec, 2),
        indented(job, 6)
    )
}

fn indented(lines: &str, by: usize) -> String {
    lines.lines().flat_map(|line| [&" ".repeat(by), line, "\n"].map(str::to_owned)).collect()
}

impl TriggerApi {
    /// Starts the program for the CronJob of the namespace, with a new history, and waits until it is ready.
    pub(crate) async fn start(namespace: &Namespace, variables: &[(&str, &str)]) -> Self {
        let kubeconfig = namespace.kubeconfig_of("trigger-api-sa", None).await;
        let kubeconfig = kubeconfig.to_str().expect("a path in UTF-8");
        let database = format!("sqlite:{}", namespace.folder().join("history.sqlite").display());
        let defaults = [("KUBECONFIG", kubeconfig), ("CRONJOB_NAME", CRONJOB), ("DATABASE_URL", &database)];
        let mut api = Self::spawn(&[&defaults, variables].concat());
        api.wait_for_log("ready: every target's runs are known");
        api
    }

    /// Starts the program with only these variables, and waits until it serves. Later variables override earlier ones.
    pub(crate) fn spawn(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigger-api"));
        command.env_clear();
        Self::spawn_by(command, variables)
    }

    /// Starts the program with that command, and waits until it serves. An empty value removes an earlier one.
    pub(crate) fn spawn_by(mut command: Command, variables: &[(&str, &str)]) -> Self {
        // Creating a client requires a TLS provider, although no test uses TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        command.envs([("LISTEN_ADDR", "127.0.0.1:0"), ("LOG_FORMAT", "json")]);
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program is built");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut api = Self { url: String::new(), client: Client::new(), child, log };
        let line = api.wait_for_log("\"message\":\"serving\"");
        let line: Value = serde_json::from_str(&line).expect("the log is JSON");
        api.url = format!("http://{}", line["address"].as_str().expect("the log has the address"));
        api
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Reads the log up to a line that contains the text, and returns the line.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let mut skipped = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => skipped.push(line),
                Err(error) => panic!("{error}: {text:?} is not in the log:\n{}", skipped.join("\n")),
            }
        }
    }

    /// Kills the program, and returns the unread lines of its log.
    pub(crate) fn last_words(&mut self) -> Vec<String> {
        self.kill();
        self.log.iter().collect()
    }

    /// Sends SIGKILL, and waits for the end of the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process runs");
        self.child.wait().expect("the process is a child");
    }

    /// Sends SIGTERM, as a kubelet does, and waits for the end of the process.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("the process runs");
        self.wait_for_log("\"message\":\"stopped\"");
        self.child.wait().expect("the process is a child")
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}{path}", self.url))
    }

    /// Starts the default target, and returns the JSON of the 200 response.
    pub(crate) async fn trigger(&self) -> Value {
        let (status, body) = answer(self.post("/trigger-sync")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The current state of the run.
    pub(crate) async fn run(&self, id: &str) -> Value {
        let (status, body) = answer(self.get(&format!("/v1/runs/{id}"))).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Follows the run's events until one matches, and returns its data.
    pub(crate) async fn wait_for_run(&self, id: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let response = self.get(&format!("/v1/runs/{id}/events")).send().await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        let mut events = Events::of(response);
        let mut last = Value::Null;
        let found = tokio::time::timeout(PATIENCE, async {
            while let Some(event) = events.next().await {
                last = event.data;
                if matches(&last) {
                    return true;
                }
            }
            false
        });
        let found = found.await.unwrap_or_default();
        assert!(found, "no event of the run matched; the last one: {last}");
        last
    }

    /// Cancels the run, and returns it after its pods have stopped.
    pub(crate) async fn cancel(&self, id: &str) -> Value {
        let (status, answered) = answer(self.delete(&format!("/v1/runs/{id}"))).await;
        assert_eq!(status, StatusCode::OK, "{answered}");
        self.wait_for_end(id).await
    }

    /// Follows the run's events until it has ended.
    pub(crate) async fn wait_for_end(&self, id: &str) -> Value {
        let ended = |run: &Value| !matches!(run["state"].as_str(), Some("pending" | "running"));
        self.wait_for_run(id, ended).await
    }
}

impl Drop for TriggerApi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let rest: Vec<String> = self.log.try_iter().collect();
            #[expect(clippy::print_stderr, reason = "the log is part of the output of a failed test")]
            {
                eprintln!("the rest of the log of {}:\n{}", self.url, rest.join("\n"));
            }
        }
    }
}

/// Polls until the condition is true. Each poll makes a request, so this is not a busy loop.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let polled = tokio::time::timeout(PATIENCE, async { while !condition().await {} });
    assert!(polled.await.is_ok(), "timed out waiting until {what}");
}

/// Sends a request, and returns the status and the JSON of the response.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("a response");
    let status = response.status();
    let text = response.text().await.expect("a complete response");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Sends a request, and checks that the response is that problem: status, media type and the last segment of its type.
pub(crate) async fn problem(request: RequestBuilder, status: u16, kind: &str) -> Value {
    let response = request.send().await.expect("a response");
    let got = response.status().as_u16();
    let media_type = response.headers().get("content-type").cloned();
    let text = response.text().await.expect("a complete response");
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((got, body["status"].as_u64()), (status, Some(status.into())), "{text}");
    assert_eq!(body["type"], format!("https://tradeops.dev/problems/{kind}"), "{text}");
    assert_eq!(
        media_type.as_ref().map(reqwest::header::HeaderValue::as_bytes),
        Some(&b"application/problem+json"[..])
    );
    body
}

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct ServerEvent {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// The server-sent events of a response.
pub(crate) struct Events {
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        Self { chunks: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The next event about a run or a log: neither a ping nor a target; None at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            let event = self.next_of_any_kind().await?;
            if !matches!(event.name.as_str(), "ping" | "target") {
                return Some(event);
            }
        }
    }

    /// The next event with that name.
    pub(crate) async fn next_named(&mut self, name: &str) -> ServerEvent {
        loop {
            let event = self.next_of_any_kind().await.expect("the stream continues");
            if event.name == name {
                return event;
            }
        }
    }

    /// The next event, without comments; None at the end of the stream, or when it is aborted.
    pub(crate) async fn next_of_any_kind(&mut self) -> Option<ServerEvent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                if let Some(event) = read_event(&block) {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.chunks.next().await?.ok()?;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

fn read_event(block: &str) -> Option<ServerEvent> {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    };
    let data = field("data")?;
    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"));
    Some(ServerEvent { id: field("id"), name: field("event")?, data })
}

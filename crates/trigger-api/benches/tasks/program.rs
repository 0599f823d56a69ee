//! The process that is measured, which analyzes a database.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::postgres::Database;

const ADMIN_SECRET: &str = "the-secret-of-a-benchmark";

/// A running trigger-api process, which is killed on drop.
pub(crate) struct ApiWithTasks {
    pub(crate) url: String,
    pub(crate) client: Client,
    child: Child,
    log: Receiver<Value>,
    _folder: TempDir,
}

/// A request for an analysis.
pub(crate) fn trigger(client: &Client, url: &str) -> RequestBuilder {
    let request = client.post(format!("{url}/api/admin/portfolio/trigger-analysis"));
    request.header("x-admin-secret", ADMIN_SECRET)
}

impl ApiWithTasks {
    /// Starts the program with a new SQLite history, and waits until it serves.
    pub(crate) fn start(source: &Database) -> Self {
        // Creating a client requires a TLS provider, although no request uses TLS.
        common::tls::install_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = json!({ "local": { "manifests": path("none.yaml") } });
        std::fs::write(path("config.json"), config.to_string()).expect("the folder is writable");
        let built =
            std::env::var("TRIGGER_API").unwrap_or_else(|_| env!("CARGO_BIN_EXE_trigger-api").to_owned());
        let mut command = Command::new(built);
        command.env_clear().env("CONFIG_FILE", path("config.json"));
        command.env("DATABASE_URL", format!("sqlite:{}", path("history.sqlite")));
        command.env("SOURCE_DATABASE_URL", &source.url).env("ADMIN_SECRET", ADMIN_SECRET);
        command.envs([("EXECUTOR", "local"), ("LISTEN_ADDR", "127.0.0.1:0"), ("LOG_FORMAT", "json")]);
        // Limits are not part of the measurement.
        command.envs([("RATE_LIMIT", "1000000"), ("TASK_QUEUE", "1000000")]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program is built");
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The pipe must be read, or the program would block on it.
                let _ = sender.send(serde_json::from_str(&line).expect("the log is JSON"));
            }
        });
        let mut program = Self { url: String::new(), client: Client::new(), child, log, _folder: folder };
        let serving = program.next_line("serving");
        program.url = format!("http://{}", serving["address"].as_str().expect("the log has the address"));
        program
    }

    /// Starts an analysis; null parameters select the defaults.
    pub(crate) async fn trigger(&self, parameters: &Value) {
        let answer = trigger(&self.client, &self.url).json(parameters).send().await.expect("a response");
        answer.error_for_status().expect("a successful response").bytes().await.expect("a complete response");
    }

    /// Waits for the end of the next analysis, and returns its duration from the log, in seconds.
    pub(crate) fn next_duration(&mut self) -> f64 {
        let line = self.next_line("task completed successfully");
        line["duration_ms"].as_f64().expect("the log has the duration") / 1000.0
    }

    /// The resident memory (`VmRSS`), in millions of bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a VmRSS line");
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024.0 / 1e6
    }

    fn next_line(&mut self, message: &str) -> Value {
        loop {
            let line = self.log.recv().expect("the log continues");
            assert!(line["message"] != "task failed", "{line}");
            if line["message"] == message {
                return line;
            }
        }
    }
}

impl Drop for ApiWithTasks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

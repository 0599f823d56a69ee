//! The process that is measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::cluster::Namespace;

/// The CronJob that is the only target.
pub(crate) const CRONJOB: &str = "kraken-trading-job";

/// A running trigger-api process, which is killed on drop.
pub(crate) struct ApiOnCluster {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    child: Child,
}

/// The URL of an SQLite history in the namespace's folder.
pub(crate) fn history(namespace: &Namespace) -> String {
    format!("sqlite:{}", namespace.folder().join("history.sqlite").display())
}

/// The seconds until `/readyz` responds with 200, for each of `count` starts.
pub(crate) async fn starts(kubeconfig: &Path, history: &str, count: usize) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        let program = ApiOnCluster::start(kubeconfig, history);
        let _: Value = program.get("/readyz").await;
        times.push(began.elapsed().as_secs_f64());
    }
    times
}

impl ApiOnCluster {
    /// Starts the program, and waits until it is ready.
    pub(crate) fn start(kubeconfig: &Path, history: &str) -> Self {
        let built =
            std::env::var("TRIGGER_API").unwrap_or_else(|_| env!("CARGO_BIN_EXE_trigger-api").to_owned());
        let mut command = Command::new(built);
        command.env_clear().env("KUBECONFIG", kubeconfig).env("DATABASE_URL", history);
        command.envs([("CRONJOB_NAME", CRONJOB), ("LISTEN_ADDR", "127.0.0.1:0"), ("LOG_FORMAT", "json")]);
        // Rate limiting and debug logs are not part of the measurement.
        command.envs([("RATE_LIMIT", "1000000"), ("MEMORY_LIMIT", "512Mi"), ("LOG_LEVEL", "info")]);
        // No run is deleted.
        command.envs([("HISTORY_RUNS", "2000000"), ("HISTORY_BYTES", "4000000000")]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program is built");
        let mut log =
            BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let (mut url, mut ready) = (None, false);
        while url.is_none() || !ready {
            let line = log.next().expect("the log continues");
            let line: Value = serde_json::from_str(&line).expect("the log is JSON");
            url = url.or_else(|| line["address"].as_str().map(|address| format!("http://{address}")));
            ready |= line["message"].as_str().is_some_and(|message| message.starts_with("ready"));
        }
        // The pipe must be read, or the program would block on it.
        std::thread::spawn(move || log.for_each(drop));
        Self { url: url.expect("the log has the address"), client: reqwest::Client::new(), child }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.expect("a response");
        response.error_for_status().expect("a successful response").json().await.expect("JSON")
    }

    /// The resident memory (`VmRSS`), in millions of bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        self.megabytes("VmRSS:")
    }

    /// The highest resident memory so far.
    pub(crate) fn peak_megabytes(&self) -> f64 {
        self.megabytes("VmHWM:")
    }

    fn megabytes(&self, field: &str) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024.0 / 1e6
    }
}

impl Drop for ApiOnCluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

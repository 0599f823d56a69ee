//! The program that is measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::cluster::Namespace;

/// A running trigger-api; it is killed when this is dropped.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    child: Child,
}

/// The URL of a history in a file of the namespace's folder.
pub(crate) fn history(namespace: &Namespace) -> String {
    format!("sqlite:{}", namespace.folder().join("history.sqlite").display())
}

/// The seconds from each of so many starts until `/readyz` says yes.
pub(crate) async fn starts(kubeconfig: &Path, history: &str, count: usize) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        let program = Program::start(kubeconfig, history);
        let _: Value = program.get("/readyz").await;
        times.push(began.elapsed().as_secs_f64());
    }
    times
}

impl Program {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(kubeconfig: &Path, history: &str) -> Self {
        let built =
            std::env::var("TRIGGER_API").unwrap_or_else(|_| env!("CARGO_BIN_EXE_trigger-api").to_owned());
        let mut command = Command::new(built);
        command.env_clear().env("KUBECONFIG", kubeconfig).env("DATABASE_URL", history);
        command.envs([
            ("CRONJOB_NAME", super::CRONJOB),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("LOG_FORMAT", "json"),
        ]);
        // What is measured is the work, not the protection from too much of it, and not the log of it.
        command.envs([("RATE_LIMIT", "1000000"), ("LOG_LEVEL", "info")]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program is built");
        let mut log =
            BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let (mut url, mut ready) = (None, false);
        while url.is_none() || !ready {
            let line = log.next().expect("it goes on");
            let line: Value = serde_json::from_str(&line).expect("the log is JSON");
            url = url.or_else(|| line["address"].as_str().map(|address| format!("http://{address}")));
            ready |= line["message"].as_str().is_some_and(|message| message.starts_with("ready"));
        }
        // Somebody has to read on, or the program waits for it.
        std::thread::spawn(move || log.for_each(drop));
        Self { url: url.expect("it was said"), client: reqwest::Client::new(), child }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.expect("it answers");
        response.error_for_status().expect("a good answer").json().await.expect("JSON")
    }

    /// What it has in memory now (`VmRSS`), in millions of bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024.0 / 1e6
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

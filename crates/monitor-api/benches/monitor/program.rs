//! The process that is measured.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use testkit::nats::NatsServer;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A running monitor-api process, which is killed on drop.
pub(crate) struct MeasuredProgram {
    url: String,
    client: reqwest::Client,
    child: Child,
}

impl MeasuredProgram {
    /// Starts the program, and waits until it has read this number of instances.
    pub(crate) async fn start(server: &NatsServer, instances: usize) -> Self {
        let built =
            std::env::var("MONITOR_API").unwrap_or_else(|_| env!("CARGO_BIN_EXE_monitor-api").to_owned());
        let mut command = Command::new(built);
        command.env_clear().env("NATS_URL", server.url());
        command.envs([("LISTEN_ADDR", "127.0.0.1:0"), ("LOG_FORMAT", "json"), ("LOG_LEVEL", "info")]);
        // Rate limiting is not part of the measurement, and neither are instances that become stale while the reader reads.
        command.envs([("RATE_LIMIT", "1000000"), ("STALE_THRESHOLD_SECONDS", "300")]);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program is built");
        let mut log =
            BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let url = loop {
            let line = log.next().expect("the log has the address");
            let line: Value = serde_json::from_str(&line).expect("the log is JSON");
            if let Some(address) = line["address"].as_str() {
                break format!("http://{address}");
            }
        };
        // The pipe must be read, or the program would block on it.
        std::thread::spawn(move || log.for_each(drop));
        let program = Self { url, client: reqwest::Client::new(), child };
        program.wait_for(instances).await;
        program
    }

    async fn wait_for(&self, instances: usize) {
        let deadline = Instant::now() + TIMEOUT;
        let url = format!("{}/api/instances/health/summary", self.url);
        loop {
            let response = self.client.get(&url).send().await.expect("a response");
            let summary: Value = response.json().await.expect("JSON");
            if summary["total"] == instances {
                return;
            }
            assert!(Instant::now() < deadline, "{instances} instances were expected: {summary}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A successful response, whose body was not read.
    pub(crate) async fn request(&self, path: &str) -> reqwest::Response {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.expect("a response");
        response.error_for_status().expect("a successful response")
    }

    pub(crate) async fn get_bytes(&self, path: &str) -> Bytes {
        self.request(path).await.bytes().await.expect("a complete response")
    }

    /// The resident memory (`VmRSS`), in millions of bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        self.megabytes("VmRSS:")
    }

    /// The maximum of the resident memory since the start, in millions of bytes.
    pub(crate) fn peak_megabytes(&self) -> f64 {
        self.megabytes("VmHWM:")
    }

    fn megabytes(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(self.proc().join("status")).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field exists");
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024.0 / 1e6
    }

    /// The processor time of its threads. `stat` would have a resolution of 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        let threads = std::fs::read_dir(self.proc().join("task")).expect("the process runs");
        let times = threads.flatten().filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(times.sum())
    }

    fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.child.id()))
    }
}

impl Drop for MeasuredProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

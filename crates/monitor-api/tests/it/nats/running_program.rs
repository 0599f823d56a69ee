//! A running `monitor-api`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// How long the program may take to reach a state.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The program, which is killed on drop.
pub(crate) struct RunningProgram {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    log: Arc<Mutex<String>>,
    child: Child,
}

/// A response of the program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl RunningProgram {
    /// Starts the program on a free port and waits until it serves, whether or not NATS is there.
    pub(crate) fn start(nats_url: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_monitor-api"));
        command.env_clear().env("NATS_URL", nats_url).env("LISTEN_ADDR", "127.0.0.1:0");
        command.env("LOG_FORMAT", "json").env("RATE_LIMIT", "100000").envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let log = Arc::new(Mutex::new(String::new()));
        let url = loop {
            let line = lines.next().expect("the program serves");
            append(&log, &line);
            let line: Value = serde_json::from_str(&line).expect("the log is JSON");
            if let Some(address) = line["address"].as_str() {
                break format!("http://{address}");
            }
        };
        let shared = Arc::clone(&log);
        std::thread::spawn(move || lines.for_each(|line| append(&shared, &line)));
        Self { url, client: client(), log, child }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn get(&self, path: &str) -> ProgramResponse {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> ProgramResponse {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        ProgramResponse { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// Repeats a request until its response meets the condition, and returns the response.
    pub(crate) async fn until(
        &self,
        path: &str,
        what: &str,
        condition: impl Fn(&ProgramResponse) -> bool,
    ) -> ProgramResponse {
        let began = Instant::now();
        loop {
            let response = self.get(path).await;
            if condition(&response) {
                return response;
            }
            let log = || self.log();
            assert!(began.elapsed() < TIMEOUT, "{path} is not {what}: {response:#?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until lists are live.
    pub(crate) async fn until_live(&self) {
        self.until("/api/instances", "live", ProgramResponse::is_live).await;
    }

    /// Waits until the list has these instances, in this order.
    pub(crate) async fn until_instances(&self, ids: &[&str]) -> ProgramResponse {
        let is_met = |response: &ProgramResponse| response.is_live() && response.instance_ids() == ids;
        self.until("/api/instances", &format!("the instances {ids:?}"), is_met).await
    }

    /// Creates a definition.
    pub(crate) async fn define(&self, name: &str) -> ProgramResponse {
        let body = serde_json::json!({
            "service_name": name, "owner": "trading", "description": "Routes orders", "version": "1.0.0"
        });
        self.send(Method::POST, "/api/services", Some(body)).await
    }
}

impl ProgramResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn is_live(&self) -> bool {
        self.status == StatusCode::OK && self.header("tradeops-state") == Some("live")
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.status == StatusCode::OK && self.header("tradeops-state") == Some("stale")
    }

    /// The ids of the instances of a list.
    pub(crate) fn instance_ids(&self) -> Vec<&str> {
        let instances = self.body.as_array().map(Vec::as_slice).unwrap_or_default();
        instances.iter().filter_map(|instance| instance["instanceId"].as_str()).collect()
    }

    /// The names of the definitions of a list.
    pub(crate) fn service_names(&self) -> Vec<&str> {
        let definitions = self.body.as_array().map(Vec::as_slice).unwrap_or_default();
        definitions.iter().filter_map(|definition| definition["service_name"].as_str()).collect()
    }

    /// Asserts the status and the code of an error.
    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    common::tls::install_provider();
    reqwest::Client::new()
}

fn append(log: &Mutex<String>, line: &str) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.push_str(line);
    log.push('\n');
}

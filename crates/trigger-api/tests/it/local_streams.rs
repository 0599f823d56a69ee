//! Streams of logs and events of runs that the local executor runs, because their programs need no node.

mod events;
mod logs;

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Events, TriggerApi};

/// A program with one CronJob, whose script can be paused.
struct LocalApi {
    api: TriggerApi,
    folder: TempDir,
}

/// Waits until the test resumes the script.
const PAUSE: &str = "read -r line < go";

impl LocalApi {
    fn start(script: &str, variables: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        write_cronjob(&folder, script, false);
        let config = json!({
            "local": { "manifests": folder.path().join("cronjob.json") },
            "targets": [{ "cronjob": "sync" }],
        });
        std::fs::write(folder.path().join("config.json"), config.to_string())
            .expect("the file can be written");
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("go")).status();
        assert!(made.expect("mkfifo is installed").success());
        Self { api: spawn(&folder, variables), folder }
    }

    /// The named pipe that the script reads.
    fn pipe(&self) -> PathBuf {
        self.folder.path().join("go")
    }

    /// Resumes the script, which waits or will wait.
    async fn resume(&self) {
        let pipe = self.pipe();
        let write = move || std::fs::OpenOptions::new().write(true).open(pipe)?.write_all(b"go\n");
        tokio::task::spawn_blocking(write)
            .await
            .expect("it does not panic")
            .expect("the script reads the pipe");
    }

    /// Starts a run, and returns its id.
    async fn run(&self) -> String {
        self.api.trigger().await["run_id"].as_str().expect("a string").to_owned()
    }

    /// Starts a run, and waits for its end.
    async fn ended_run(&self) -> String {
        let id = self.run().await;
        self.api.wait_for_end(&id).await;
        id
    }

    fn log(&self, id: &str, query: &str) -> reqwest::RequestBuilder {
        self.api.get(&format!("/v1/runs/{id}/logs{query}"))
    }

    /// The log as events, from the last one on.
    async fn log_events(&self, id: &str, query: &str, after: Option<&str>) -> Events {
        let request = self.log(id, query).header("Accept", "text/event-stream");
        let request = match after {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        let response = request.send().await.expect("a response");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events::of(response)
    }
}

fn spawn(folder: &TempDir, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, database) = (path("config.json"), format!("sqlite:{}", path("history.sqlite")));
    let defaults = [("EXECUTOR", "local"), ("CONFIG_FILE", &config), ("DATABASE_URL", &database)];
    TriggerApi::spawn(&[&defaults, variables].concat())
}

fn write_cronjob(folder: &TempDir, script: &str, suspend: bool) {
    let container = json!({
        "name": "main", "image": "shell", "command": ["/bin/sh", "-c", script], "workingDir": folder.path(),
    });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    let job = json!({ "backoffLimit": 1, "template": { "spec": pod } });
    let cronjob = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "sync" },
        "spec": { "schedule": "0 0 29 2 *", "suspend": suspend, "jobTemplate": { "spec": job } },
    });
    // Replaced in one step, because trigger-api may read the file now.
    let new = folder.path().join("new");
    std::fs::write(&new, cronjob.to_string()).expect("the file can be written");
    std::fs::rename(new, folder.path().join("cronjob.json")).expect("the file can be replaced");
}

/// A header of a response.
fn header(response: &reqwest::Response, name: &str) -> Value {
    response.headers().get(name).map_or(Value::Null, |value| value.to_str().expect("ASCII").into())
}

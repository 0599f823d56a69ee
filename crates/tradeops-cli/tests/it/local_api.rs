//! trigger-api with its local executor, and CronJobs whose scripts the tests control.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Answer, Running, tradeops};

/// The secret of administrators.
pub(crate) const ADMIN: &str = "admin-secret-of-the-test";
/// The secret of readers.
pub(crate) const READER: &str = "read-token-of-the-test";
/// Waits until the test resumes the script.
pub(crate) const PAUSE: &str = "read -r line < go";

/// A running trigger-api. It is killed on drop.
pub(crate) struct LocalApi {
    /// Its base URL.
    pub(crate) url: String,
    folder: TempDir,
    child: Child,
}

impl LocalApi {
    /// A trigger-api with the target `sync`, whose runs execute the script.
    pub(crate) fn start(script: &str) -> Self {
        Self::with(&[("sync", script, json!({}))])
    }

    /// A trigger-api with these targets: name, script, and more fields of the CronJob's spec.
    pub(crate) fn with(targets: &[(&str, &str, Value)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let manifests = folder.path().join("manifests");
        std::fs::create_dir(&manifests).expect("the folder is ours");
        for (name, script, spec) in targets {
            let manifest = cronjob(&folder, name, script, spec);
            std::fs::write(manifests.join(format!("{name}.yaml")), manifest.to_string())
                .expect("the folder is ours");
        }
        let names: Vec<Value> = targets.iter().map(|(name, ..)| json!({ "cronjob": name })).collect();
        let config =
            json!({ "local": { "manifests": manifests }, "targets": names, "default_target": targets[0].0 });
        std::fs::write(folder.path().join("config.json"), config.to_string()).expect("the folder is ours");
        let made = Command::new("mkfifo").arg(folder.path().join("go")).status();
        assert!(made.expect("mkfifo is installed").success());
        let (url, child) = spawn(&folder, "127.0.0.1:0");
        Self { url, folder, child }
    }

    /// Ends the program and starts it again at the same address. Its runs are interrupted.
    pub(crate) fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let address = self.url.trim_start_matches("http://").to_owned();
        (_, self.child) = spawn(&self.folder, &address);
    }

    /// Runs the program as an administrator.
    pub(crate) fn tradeops(&self, arguments: &[&str]) -> Answer {
        tradeops(&self.access(), arguments)
    }

    /// Starts the program as an administrator, and does not wait for its end.
    pub(crate) fn running(&self, arguments: &[&str]) -> Running {
        Running::start(&self.access(), arguments)
    }

    /// The variables of an administrator.
    pub(crate) fn access(&self) -> [(&str, &str); 2] {
        [("TRADEOPS_URL", &self.url), ("TRADEOPS_TOKEN", ADMIN)]
    }

    /// The port of its address.
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the address has a port")
    }

    /// Resumes a script, which waits or will wait.
    pub(crate) fn resume(&self) {
        let mut pipe =
            OpenOptions::new().write(true).open(self.path("go")).expect("the script reads the pipe");
        pipe.write_all(b"go\n").expect("the script reads the pipe");
    }

    /// A file in the folder of the scripts.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for LocalApi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cronjob(folder: &TempDir, name: &str, script: &str, more: &Value) -> Value {
    let day = json!([{ "name": "DAY", "value": "today" }]);
    let container = json!({
        "name": "main", "image": "shell", "command": ["/bin/sh", "-c", script], "workingDir": folder.path(), "env": day,
    });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    let job = json!({ "backoffLimit": 0, "template": { "spec": pod } });
    let annotations = json!({ "parameters.tradeops.dev/DAY": "{\"title\": \"The day\"}" });
    let mut spec = json!({ "schedule": "0 0 29 2 *", "jobTemplate": { "spec": job } });
    let fields = more.as_object().expect("fields").clone();
    spec.as_object_mut().expect("an object").extend(fields);
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": name, "annotations": annotations }, "spec": spec,
    })
}

/// Starts the program; returns its URL.
fn spawn(folder: &TempDir, address: &str) -> (String, Child) {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut command = Command::new(program());
    command.env_clear().envs([
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &path("config.json")),
        ("DATABASE_URL", &format!("sqlite:{}", path("history.sqlite"))),
        ("LISTEN_ADDR", address),
        ("LOG_FORMAT", "json"),
        ("ADMIN_SECRET", ADMIN),
        ("READ_TOKEN", READER),
    ]);
    // Scripts find their tools.
    command.env("PATH", "/usr/bin:/bin");
    let mut child =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the example is built");
    let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let address = loop {
        let line = log.next().expect("trigger-api serves").expect("the log is UTF-8");
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "serving" {
            break entry["address"].as_str().expect("the log has the address").to_owned();
        }
        assert_ne!(entry["level"], "ERROR", "{line}");
    };
    // A full pipe would block the program.
    std::thread::spawn(move || log.for_each(drop));
    (format!("http://{address}"), child)
}

/// The example of this crate. Cargo builds it with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("Linux has /proc");
    test.ancestors().nth(2).expect("target/debug/deps").join("examples/trigger-api")
}

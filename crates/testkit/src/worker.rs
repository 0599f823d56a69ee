//! The receiving Worker in workerd, and its D1 behind Cloudflare's REST API.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::child::GuardedChild;

/// A running Worker with its own empty D1 database.
#[derive(Debug)]
pub struct Worker {
    /// Its addresses and credentials.
    pub access: Access,
    _process: GuardedChild,
}

/// The addresses and credentials that the harness prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Access {
    /// The Worker's base URL.
    pub worker: String,
    /// The base URL of the REST API, for `D1_API_URL`.
    pub d1_api: String,
    /// The account.
    pub account_id: String,
    /// The database.
    pub database_id: String,
    /// The REST API's token.
    pub api_token: String,
    /// The Worker's token.
    pub internal_token: String,
    /// The Worker's token for reading.
    pub read_token: String,
}

impl Worker {
    /// Starts a Worker. `options` are those of `deploy/worker/harness/serve.mjs`.
    ///
    /// # Panics
    /// When Node or the Worker's packages are missing, or workerd does not start.
    pub fn start(options: &[&str]) -> Self {
        let folder = worker_folder();
        assert!(folder.join("node_modules").exists(), "no packages: run `npm ci` in {}", folder.display());
        let mut node = Command::new("node");
        node.arg(folder.join("harness/serve.mjs")).args(options);
        let spawned = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("node can be run; install Node.js 20 or later");
        let mut announcement = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut announcement).expect("the harness prints UTF-8");
        let access = serde_json::from_str(&announcement);
        let access = access.unwrap_or_else(|error| panic!("the harness printed {announcement:?}: {error}"));
        Self { access, _process: GuardedChild::new(child) }
    }
}

/// `deploy/worker` of this checkout.
pub fn worker_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/worker")
}

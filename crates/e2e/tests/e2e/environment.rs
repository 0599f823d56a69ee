//! The environment that all scenarios share: a cluster, images, Postgres and the Worker.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::services::Services;

/// The label of the namespaces of one environment; its value is the environment's id.
pub(crate) const LABEL: &str = "tradeops.dev/e2e";

const FILE: &str = "environment.json";

/// How scenarios reach the environment. Its process writes it to a file in its folder.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Environment {
    pub(crate) id: u32,
    pub(crate) folder: PathBuf,
    pub(crate) cluster: Cluster,
    pub(crate) images: Images,
    pub(crate) services: Services,
}

/// Archives of images that have one tag.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Images {
    pub(crate) folder: PathBuf,
    pub(crate) tag: String,
}

impl Environment {
    /// Reads the environment of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(FILE)).expect("the environment has started");
        serde_json::from_str(&text).expect("this program wrote it")
    }

    /// Writes the environment to its folder.
    pub(crate) fn write(&self) {
        self.write_file(FILE, &serde_json::to_string(self).expect("plain data"));
    }

    /// Writes a file of the folder in one step, so that a reader never sees a part of it.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        let unfinished = self.folder.join(format!(".{name}"));
        fs::write(&unfinished, text).expect("the folder is ours");
        fs::rename(&unfinished, self.folder.join(name)).expect("the folder is ours");
    }

    /// The namespaces of this environment's releases.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let selector = format!("{LABEL}={}", self.id);
        let path = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
        let names = self.cluster.kubectl(&["get", "namespaces", "--selector", &selector, "--output", path]);
        names.lines().map(str::to_owned).collect()
    }
}

//! CronJobs that together set most fields of a Job.

use std::path::Path;

use serde_json::{Value, json};
use testkit::cluster::Namespace;
use testkit::manifests;

use super::TriggerApi;

/// The names of the CronJobs in `tests/it/fixtures/cronjobs`, one per file.
pub(crate) fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the folder exists");
    let paths = files.map(|file| file.expect("a readable entry").path());
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    names
}

fn folder() -> impl AsRef<Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/cronjobs")
}

/// Applies all of them, and a Role that allows them as targets.
pub(crate) fn apply(namespace: &Namespace) {
    let folder = folder();
    let folder = folder.as_ref().to_str().expect("a path in UTF-8");
    namespace.kubectl(&["apply", "--filename", folder]);
    allow(namespace, &names());
}

/// Applies a Role that allows those CronJobs as targets.
pub(crate) fn allow(namespace: &Namespace, names: &[String]) {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    namespace.apply(&manifests::rights(&names));
}

/// Starts the program with those CronJobs as its targets.
pub(crate) async fn start(namespace: &Namespace, names: &[String], variables: &[(&str, &str)]) -> TriggerApi {
    let file = namespace.folder().join("targets.json");
    let targets: Vec<Value> = names.iter().map(|name| json!({ "cronjob": name })).collect();
    std::fs::write(&file, json!({ "targets": targets }).to_string()).expect("the folder is writable");
    let defaults =
        [("CONFIG_FILE", file.to_str().expect("a path in UTF-8")), ("CRONJOB_NAME", names[0].as_str())];
    TriggerApi::start(namespace, &[&defaults, variables].concat()).await
}

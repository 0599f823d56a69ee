//! Finds a CronJob in YAML files, and the ConfigMaps beside it.
//!
//! The files are read each time, so an edited file is what the next run is made of, as after `kubectl apply`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::api::batch::v1::CronJob;
use serde_json::{Map, Value, json};

use trigger_core::ports::ExecutorError;
use trigger_core::target::{ConcurrencyPolicy, CronJobSummary};

/// A CronJob as a file has it.
pub(super) struct Manifest {
    /// File and document, for messages.
    pub(super) origin: String,
    pub(super) cronjob: CronJob,
    /// The ConfigMaps beside it, by name: what its container's variables may come from.
    pub(super) config_maps: ConfigMaps,
    /// The CronJob with every field that was written.
    document: Value,
}

/// ConfigMaps by name.
pub(super) type ConfigMaps = BTreeMap<String, BTreeMap<String, String>>;

/// Why a CronJob can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: {problem}", path.display())]
    NotYaml { path: PathBuf, problem: String },
    #[error("{origin}: {field}: {problem}")]
    Field { origin: String, field: String, problem: String },
    #[error("the CronJob {name} is both in {first} and in {second}")]
    Twice { name: String, first: String, second: String },
}

impl From<ManifestError> for ExecutorError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Unreadable { .. } => Self::Unreachable(error.to_string()),
            ManifestError::NotYaml { .. } | ManifestError::Field { .. } | ManifestError::Twice { .. } => {
                Self::Failed(error.to_string())
            }
        }
    }
}

/// The CronJob of that name. A document without a namespace is of any, as it is for `kubectl apply -n`.
pub(super) fn find(path: &Path, namespace: &str, name: &str) -> Result<Option<Manifest>, ManifestError> {
    let mut found: Option<(String, Value)> = None;
    let mut config_maps = ConfigMaps::new();
    let mut broken = None;
    for file in files(path)? {
        let documents = match documents(&file) {
            Ok(documents) => documents,
            // Another file may have it; only when none has is this the answer.
            Err(error) => {
                broken.get_or_insert(error);
                continue;
            }
        };
        for (index, document) in documents.into_iter().enumerate() {
            if !is_of(&document, namespace) {
                continue;
            }
            config_maps.extend(config_map(&document));
            if document["kind"] != "CronJob" || document["metadata"]["name"] != name {
                continue;
            }
            let origin = format!("{}, document {}", file.display(), index + 1);
            if let Some((first, _)) = found {
                return Err(ManifestError::Twice { name: name.to_owned(), first, second: origin });
            }
            found = Some((origin, document));
        }
    }
    match (found, broken) {
        (Some((origin, document)), _) => Manifest::new(origin, document, config_maps).map(Some),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(None),
    }
}

fn is_of(document: &Value, namespace: &str) -> bool {
    let written = &document["metadata"]["namespace"];
    written.is_null() || *written == namespace
}

/// The name and the texts of a ConfigMap; None of anything else.
fn config_map(document: &Value) -> Option<(String, BTreeMap<String, String>)> {
    let name = document["metadata"]["name"].as_str().filter(|_| document["kind"] == "ConfigMap")?;
    let data = document["data"].as_object().into_iter().flatten();
    let texts = data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some((name.to_owned(), texts.collect()))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    let unreadable = |error| ManifestError::Unreadable { path: path.to_owned(), error };
    if !path.metadata().map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_yaml && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn documents(file: &Path) -> Result<Vec<Value>, ManifestError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ManifestError::Unreadable { path: file.to_owned(), error })?;
    serde_saphyr::from_multiple(&text)
        .map_err(|error| ManifestError::NotYaml { path: file.to_owned(), problem: error.to_string() })
}

impl Manifest {
    fn new(origin: String, document: Value, config_maps: ConfigMaps) -> Result<Self, ManifestError> {
        match serde_path_to_error::deserialize(&document) {
            Ok(cronjob) => Ok(Self { origin, cronjob, config_maps, document }),
            Err(error) => {
                let field = error.path().to_string();
                Err(ManifestError::Field { origin, field, problem: error.into_inner().to_string() })
            }
        }
    }

    /// What the CronJob says about when and beside what its Jobs run.
    pub(super) fn summary(&self) -> Result<CronJobSummary, ManifestError> {
        let spec = &self.cronjob.spec;
        let concurrency_policy = match spec.concurrency_policy.as_deref() {
            None | Some("Allow") => ConcurrencyPolicy::Allow,
            Some("Forbid") => ConcurrencyPolicy::Forbid,
            Some("Replace") => ConcurrencyPolicy::Replace,
            Some(other) => {
                return Err(ManifestError::Field {
                    origin: self.origin.clone(),
                    field: "spec.concurrencyPolicy".to_owned(),
                    problem: format!("{other:?} is none of Allow, Forbid and Replace"),
                });
            }
        };
        Ok(CronJobSummary {
            schedule: spec.schedule.clone(),
            time_zone: spec.time_zone.clone(),
            suspended: spec.suspend.unwrap_or_default(),
            concurrency_policy,
            last_scheduled_at: None,
        })
    }

    /// The Job that `kubectl create job --from` would make, every field of the template in it.
    pub(super) fn job(&self, namespace: &str, name: &str) -> Value {
        let template = &self.document["spec"]["jobTemplate"];
        let mut metadata = match &template["metadata"] {
            Value::Object(written) => written.clone(),
            _ => Map::new(),
        };
        metadata.insert("name".to_owned(), json!(name));
        metadata.insert("namespace".to_owned(), json!(namespace));
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations["cronjob.kubernetes.io/instantiate"] = json!("manual");
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"] })
    }
}

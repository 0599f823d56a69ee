//! A CronJob and the ConfigMaps of its namespace, as written in files.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use k8s_openapi::api::batch::v1::CronJob;
use serde_json::{Map, Value, json};
use trigger_core::cronjob::{ConcurrencyPolicy, CronJobSummary};
use trigger_core::executor::ExecutorError;
use trigger_core::parameters::{DeclaredParameters, Parameters};

/// A CronJob as written in a file.
#[derive(Debug)]
pub(super) struct Manifest {
    /// The file and the document, for messages.
    pub(super) origin: String,
    pub(super) cronjob: CronJob,
    /// The ConfigMaps that the container's variables may refer to.
    pub(super) config_maps: ConfigMaps,
    /// The CronJob with all its fields, also those that [`CronJob`] lacks.
    document: Value,
}

/// The place of the spec of the pods in the document.
const POD: &str = "/spec/jobTemplate/spec/template/spec";

/// The data of ConfigMaps by name.
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
    #[error("the CronJob {name} is defined twice: in {first} and in {second}")]
    Duplicate { name: String, first: String, second: String },
}

impl From<ManifestError> for ExecutorError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Unreadable { .. } => Self::Unreachable(error.to_string()),
            ManifestError::NotYaml { .. } | ManifestError::Field { .. } | ManifestError::Duplicate { .. } => {
                Self::Failed(error.to_string())
            }
        }
    }
}

impl Manifest {
    pub(super) fn new(
        origin: String,
        document: Value,
        config_maps: ConfigMaps,
    ) -> Result<Self, ManifestError> {
        match serde_path_to_error::deserialize(&document) {
            Ok(cronjob) => Ok(Self { origin, cronjob, config_maps, document }),
            Err(error) => {
                let field = error.path().to_string();
                Err(ManifestError::Field { origin, field, problem: error.into_inner().to_string() })
            }
        }
    }

    /// The CronJob with these values of its parameters.
    pub(super) fn with_parameters(mut self, values: &Parameters) -> Result<Self, ExecutorError> {
        let declared = self.parameters();
        let mut missing = Value::Null;
        let pod = self.document.pointer_mut(POD).unwrap_or(&mut missing);
        declared.set(values, pod).map_err(ExecutorError::BadParameters)?;
        Ok(Self::new(self.origin, self.document, self.config_maps)?)
    }

    fn parameters(&self) -> DeclaredParameters {
        let annotations = self.cronjob.metadata.annotations.iter().flatten();
        let annotations = annotations.map(|(key, text)| (key.as_str(), text.as_str()));
        DeclaredParameters::of(annotations, self.document.pointer(POD).unwrap_or(&Value::Null))
    }

    /// The CronJob's schedule and concurrency policy.
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
                    problem: format!("must be Allow, Forbid or Replace, not {other:?}"),
                });
            }
        };
        Ok(CronJobSummary {
            schedule: spec.schedule.clone(),
            time_zone: spec.time_zone.clone(),
            suspended: spec.suspend.unwrap_or_default(),
            concurrency_policy,
            last_scheduled_at: None,
            parameters: self.parameters(),
        })
    }

    /// The Job that `kubectl create job --from` creates, with every field of the template.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(document: Value) -> Result<Manifest, ManifestError> {
        Manifest::new("jobs.yaml, document 1".to_owned(), document, ConfigMaps::new())
    }

    #[test]
    fn the_summary_has_the_defaults_of_kubernetes_and_rejects_unknown_policies() {
        for (policy, expected) in [
            (Value::Null, Some(ConcurrencyPolicy::Allow)),
            (json!("Allow"), Some(ConcurrencyPolicy::Allow)),
            (json!("Forbid"), Some(ConcurrencyPolicy::Forbid)),
            (json!("Replace"), Some(ConcurrencyPolicy::Replace)),
            (json!("forbid"), None),
        ] {
            let spec = json!({ "schedule": "0 14 * * *", "concurrencyPolicy": policy, "jobTemplate": {} });
            let manifest = manifest(json!({ "spec": spec })).unwrap();
            let summary = manifest.summary();
            let Some(expected) = expected else {
                assert_eq!(
                    summary.unwrap_err().to_string(),
                    "jobs.yaml, document 1: spec.concurrencyPolicy: must be Allow, Forbid or Replace, not \"forbid\""
                );
                continue;
            };
            let summary = summary.unwrap();
            assert_eq!((summary.concurrency_policy, summary.suspended), (expected, false), "{policy}");
            assert_eq!((summary.schedule.as_str(), summary.time_zone), ("0 14 * * *", None));
        }
    }

    #[test]
    fn a_job_without_metadata_in_its_template_has_a_name_a_namespace_and_the_annotation() {
        let spec = json!({ "schedule": "", "jobTemplate": { "spec": { "aFieldOfTheFuture": 1 } } });
        let job = manifest(json!({ "spec": spec })).unwrap().job("trading", "sync-1");
        assert_eq!(
            job,
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": "sync-1",
                    "namespace": "trading",
                    "annotations": { "cronjob.kubernetes.io/instantiate": "manual" },
                },
                "spec": { "aFieldOfTheFuture": 1 },
            })
        );
    }

    #[test]
    fn only_an_unreadable_file_makes_the_executor_unreachable() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let unreadable = ManifestError::Unreadable { path: "jobs.yaml".into(), error };
        assert!(matches!(ExecutorError::from(unreadable), ExecutorError::Unreachable(_)));
        let invalid = manifest(json!({ "spec": { "suspend": "no" } })).unwrap_err();
        assert!(invalid.to_string().starts_with("jobs.yaml, document 1: spec.suspend: "), "{invalid}");
        assert!(matches!(ExecutorError::from(invalid), ExecutorError::Failed(_)));
    }
}

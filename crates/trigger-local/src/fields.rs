//! Checks of the fields of a CronJob's template.

use std::time::Duration;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::field_error::FieldError;

pub(super) const JOB: &str = "spec.jobTemplate.spec";
pub(super) const POD: &str = "spec.jobTemplate.spec.template.spec";
pub(super) const CONTAINER: &str = "spec.jobTemplate.spec.template.spec.containers[0]";

/// Rejects every field that would change what the program does or how often it is executed. Fields that only matter to a
/// cluster, such as resources, probes, node selectors and the service account, are ignored.
pub(super) fn reject_unsupported(
    job: &JobSpec,
    pod: &PodSpec,
    container: &Container,
) -> Result<(), FieldError> {
    reject_set(
        JOB,
        &[
            ("completions", job.completions.is_some_and(|count| count != 1)),
            ("parallelism", job.parallelism.is_some_and(|count| count != 1)),
            ("completionMode", job.completion_mode.as_deref().is_some_and(|mode| mode != "NonIndexed")),
            ("backoffLimitPerIndex", job.backoff_limit_per_index.is_some()),
            ("successPolicy", job.success_policy.is_some()),
            ("suspend", job.suspend == Some(true)),
            ("managedBy", job.managed_by.is_some()),
        ],
    )?;
    reject_set(
        POD,
        &[
            ("initContainers", has_items(pod.init_containers.as_ref())),
            ("containers[1]", pod.containers.len() > 1),
            ("volumes", has_items(pod.volumes.as_ref())),
        ],
    )?;
    reject_set(
        CONTAINER,
        &[
            ("volumeMounts", has_items(container.volume_mounts.as_ref())),
            ("volumeDevices", has_items(container.volume_devices.as_ref())),
            ("lifecycle", container.lifecycle.is_some()),
            ("restartPolicy", container.restart_policy.is_some()),
            ("stdin", container.stdin == Some(true)),
            ("tty", container.tty == Some(true)),
        ],
    )
}

/// Rejects the first field that is set.
fn reject_set(parent: &str, fields: &[(&str, bool)]) -> Result<(), FieldError> {
    match fields.iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => {
            Err(FieldError::new(format!("{parent}.{field}"), "is not supported by the local executor"))
        }
        None => Ok(()),
    }
}

/// Whether a list is set and not empty.
fn has_items<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// Reads a number of seconds.
pub(super) fn seconds(value: Option<i64>, parent: &str, field: &str) -> Result<Option<Duration>, FieldError> {
    let read = |value| {
        let seconds = u64::try_from(value);
        seconds.map_err(|_| FieldError::new(format!("{parent}.{field}"), "must not be negative"))
    };
    Ok(value.map(read).transpose()?.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The first unsupported field of a Job, a pod or a container that is valid otherwise.
    fn unsupported(job: Value, pod: Value, container: Value) -> Option<String> {
        let with = |mut fields: Value, required: &str, value: Value| {
            fields.as_object_mut().expect("an object").entry(required).or_insert(value);
            fields
        };
        let job: JobSpec = serde_json::from_value(with(job, "template", json!({}))).unwrap();
        let pod: PodSpec = serde_json::from_value(with(pod, "containers", json!([]))).unwrap();
        let container: Container = serde_json::from_value(with(container, "name", json!("main"))).unwrap();
        reject_unsupported(&job, &pod, &container).err().map(|error| error.field)
    }

    #[test]
    fn a_field_that_is_not_supported_is_named() {
        for (job, field) in [
            (json!({ "completions": 2 }), Some("completions")),
            (json!({ "completions": 1, "parallelism": 1, "completionMode": "NonIndexed" }), None),
            (json!({ "parallelism": 0 }), Some("parallelism")),
            (json!({ "completionMode": "Indexed" }), Some("completionMode")),
            (json!({ "backoffLimitPerIndex": 1 }), Some("backoffLimitPerIndex")),
            (json!({ "successPolicy": { "rules": [] } }), Some("successPolicy")),
            (json!({ "suspend": false, "ttlSecondsAfterFinished": 60 }), None),
            (json!({ "managedBy": "example.com/controller" }), Some("managedBy")),
        ] {
            let expected = field.map(|field| format!("{JOB}.{field}"));
            assert_eq!(unsupported(job.clone(), json!({}), json!({})), expected, "{job}");
        }
        let containers = json!([{ "name": "main" }, { "name": "second" }]);
        for (pod, field) in [
            (json!({ "containers": containers }), Some("containers[1]")),
            (json!({ "volumes": [], "initContainers": [], "serviceAccountName": "sync" }), None),
        ] {
            let expected = field.map(|field| format!("{POD}.{field}"));
            assert_eq!(unsupported(json!({}), pod.clone(), json!({})), expected, "{pod}");
        }
        for (container, field) in [
            (json!({ "lifecycle": {} }), Some("lifecycle")),
            (json!({ "restartPolicy": "Always" }), Some("restartPolicy")),
            (json!({ "stdin": true }), Some("stdin")),
            (json!({ "tty": true }), Some("tty")),
            (json!({ "volumeDevices": [{ "name": "v", "devicePath": "/v" }] }), Some("volumeDevices")),
            (json!({ "resources": {}, "stdin": false, "livenessProbe": {} }), None),
        ] {
            let expected = field.map(|field| format!("{CONTAINER}.{field}"));
            assert_eq!(unsupported(json!({}), json!({}), container.clone()), expected, "{container}");
        }
    }

    #[test]
    fn seconds_must_not_be_negative() {
        assert_eq!(seconds(None, POD, "s").unwrap(), None);
        assert_eq!(seconds(Some(0), POD, "s").unwrap(), Some(Duration::ZERO));
        assert_eq!(seconds(Some(-1), POD, "s").unwrap_err().field, format!("{POD}.s"));
    }
}

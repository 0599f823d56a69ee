//! Builds the Job that a CronJob's schedule would create.
//!
//! The template is copied as JSON, so that fields unknown to this program are kept. The metadata is the same as that of
//! `kubectl create job --from=cronjob/NAME`, plus annotations of trigger-api.

use serde_json::{Map, Value, json};
use trigger_core::request::{RunRequest, fingerprint};

use super::objects::CronJobObject;

/// Marks a Job that was not started by the schedule, as kubectl does.
pub(super) const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
/// The caller who requested the run.
pub(super) const REQUESTED_BY: &str = "tradeops.dev/requested-by";
/// The reason that the caller gave.
pub(super) const REASON: &str = "tradeops.dev/reason";
/// The id of the HTTP request.
pub(super) const REQUEST_ID: &str = "tradeops.dev/request-id";
/// The fingerprint of the request; a request that repeats the idempotency key must have the same one.
pub(super) const FINGERPRINT: &str = "tradeops.dev/idempotency-fingerprint";
/// The W3C trace context of the request.
pub(super) const TRACEPARENT: &str = "tradeops.dev/traceparent";

/// The Job of that name. None if the CronJob has no template, which the API server does not allow.
pub(super) fn job_from_template(
    cronjob: &CronJobObject,
    job_name: &str,
    request: &RunRequest,
) -> Option<Value> {
    let template = cronjob.data.pointer("/spec/jobTemplate")?;
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(job_name));
    metadata.insert("namespace".to_owned(), json!(cronjob.metadata.namespace));
    if let Some(labels) = template.pointer("/metadata/labels") {
        metadata.insert("labels".to_owned(), labels.clone());
    }
    metadata.insert("annotations".to_owned(), annotations(template, request).into());
    // blockOwnerDeletion would require the permission to update the CronJob's finalizers.
    metadata.insert(
        "ownerReferences".to_owned(),
        json!([{
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": cronjob.metadata.name,
            "uid": cronjob.metadata.uid,
            "controller": true,
        }]),
    );
    let spec = template.get("spec")?;
    Some(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec }))
}

fn annotations(template: &Value, request: &RunRequest) -> Map<String, Value> {
    let template_annotations = template.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut annotations = template_annotations.cloned().unwrap_or_default();
    let fingerprint = fingerprint(request);
    let own = [
        (INSTANTIATE, Some("manual")),
        (REQUESTED_BY, Some(request.caller.as_str())),
        (REASON, request.reason.as_deref()),
        (REQUEST_ID, Some(request.request_id.as_str())),
        (FINGERPRINT, Some(fingerprint.as_str())),
        (TRACEPARENT, request.traceparent.as_deref()),
    ];
    for (key, value) in own {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), json!(value));
        }
    }
    annotations
}

#[cfg(test)]
mod tests;

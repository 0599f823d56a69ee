//! The Job that a CronJob's schedule would start.
//!
//! The template goes into the Job as the server has it, as JSON: a field that this program has never heard of arrives
//! all the same. The metadata is that of `kubectl create job --from=cronjob/NAME`, with annotations of our own added.

use serde_json::{Map, Value, json};

use super::objects::CronJobObject;
use trigger_core::request::{RunRequest, fingerprint};

/// Marks a Job that no schedule started, as kubectl does.
pub(super) const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
/// Who asked.
pub(super) const REQUESTED_BY: &str = "tradeops.dev/requested-by";
/// Why, in the caller's words.
pub(super) const REASON: &str = "tradeops.dev/reason";
/// The id of the request.
pub(super) const REQUEST_ID: &str = "tradeops.dev/request-id";
/// What a repeat of the request must be equal to.
pub(super) const FINGERPRINT: &str = "tradeops.dev/idempotency-fingerprint";
/// The W3C trace context.
pub(super) const TRACEPARENT: &str = "tradeops.dev/traceparent";

/// The Job of that name. None when the CronJob has no template, which the server does not allow.
pub(super) fn job(cronjob: &CronJobObject, job_name: &str, request: &RunRequest) -> Option<Value> {
    let template = cronjob.data.pointer("/spec/jobTemplate")?;
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(job_name));
    metadata.insert("namespace".to_owned(), json!(cronjob.metadata.namespace));
    if let Some(labels) = template.pointer("/metadata/labels") {
        metadata.insert("labels".to_owned(), labels.clone());
    }
    metadata.insert("annotations".to_owned(), annotations(template, request).into());
    // No blockOwnerDeletion: setting it would take a permission on the CronJob's finalizers.
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
    let of_template = template.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut annotations = of_template.cloned().unwrap_or_default();
    let fingerprint = fingerprint(request);
    let ours = [
        (INSTANTIATE, Some("manual")),
        (REQUESTED_BY, Some(request.caller.as_str())),
        (REASON, request.reason.as_deref()),
        (REQUEST_ID, Some(request.request_id.as_str())),
        (FINGERPRINT, Some(fingerprint.as_str())),
        (TRACEPARENT, request.traceparent.as_deref()),
    ];
    for (key, value) in ours {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), json!(value));
        }
    }
    annotations
}

//! The Job that a CronJob's schedule would start.
//!
//! The template goes into the Job as the server has it, as JSON: a field that this program has never heard of arrives
//! all the same. The metadata is that of `kubectl create job --from=cronjob/NAME`, with a label and annotations of our own added.

use serde_json::{Map, Value, json};

use super::objects::CronJobObject;
use crate::domain::request::{RunRequest, fingerprint};

/// Marks a Job that no schedule started, as kubectl does.
pub(super) const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
/// The label that names the CronJob. The admission policy selects by it, so that it holds for our Jobs alone even while
/// the CronJob that it compares with is gone.
const CRONJOB: &str = "tradeops.dev/cronjob";
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
    metadata.insert("labels".to_owned(), labels(cronjob, template).into());
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

/// The template's labels, or else those of its pods: the server gives these to a Job that has none, but ours has one.
fn labels(cronjob: &CronJobObject, template: &Value) -> Map<String, Value> {
    let some = |path| template.pointer(path).and_then(Value::as_object).filter(|labels| !labels.is_empty());
    let of_template = some("/metadata/labels").or_else(|| some("/spec/template/metadata/labels"));
    let mut labels = of_template.cloned().unwrap_or_default();
    labels.insert(CRONJOB.to_owned(), json!(cronjob.metadata.name));
    labels
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

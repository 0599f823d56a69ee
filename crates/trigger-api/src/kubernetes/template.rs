//! Builds the Job that a CronJob's schedule would create.
//!
//! The template is copied as JSON, so that fields unknown to this program are kept. The metadata is the same as that of
//! `kubectl create job --from=cronjob/NAME`, plus annotations of trigger-api.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trigger_core::executor::ExecutorError;
use trigger_core::parameters::DeclaredParameters;
use trigger_core::request::{RunRequest, fingerprint};
use trigger_core::run::RunId;

use super::objects::CronJobObject;

/// Marks a Job that was not started by the schedule, as kubectl does.
pub(super) const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
/// The caller or the person who requested the run.
pub(super) const REQUESTED_BY: &str = "tradeops.dev/requested-by";
/// The caller that sent the request on behalf of that person.
pub(super) const REQUESTED_VIA: &str = "tradeops.dev/requested-via";
/// The reason that the caller gave.
pub(super) const REASON: &str = "tradeops.dev/reason";
/// The id of the HTTP request.
pub(super) const REQUEST_ID: &str = "tradeops.dev/request-id";
/// The fingerprint of the request; a request that repeats the idempotency key must have the same one.
pub(super) const FINGERPRINT: &str = "tradeops.dev/idempotency-fingerprint";
/// The values of parameters, as a JSON object. The cache has no specs of pods, so it reads them here.
pub(super) const PARAMETERS: &str = "tradeops.dev/parameters";
/// The run that this one repeats.
pub(super) const RETRY_OF: &str = "tradeops.dev/retry-of";
/// The W3C trace context of the request.
pub(super) const TRACEPARENT: &str = "tradeops.dev/traceparent";

/// The place of the spec of the pods in a CronJob.
const POD_OF_CRONJOB: &str = "/spec/jobTemplate/spec/template/spec";
/// The place of the spec of the pods in a Job.
const POD_OF_JOB: &str = "/spec/template/spec";

/// The parameters that the CronJob declares.
pub(super) fn declared_parameters(cronjob: &CronJobObject) -> DeclaredParameters {
    let annotations = cronjob.metadata.annotations.iter().flatten();
    let annotations = annotations.map(|(key, text)| (key.as_str(), text.as_str()));
    DeclaredParameters::of(annotations, cronjob.data.pointer(POD_OF_CRONJOB).unwrap_or(&Value::Null))
}

/// The Job of that name, with the parameters of the request.
pub(super) fn requested_job(
    cronjob: &CronJobObject,
    job_name: &str,
    request: &RunRequest,
    added_labels: &BTreeMap<String, String>,
) -> Result<Value, ExecutorError> {
    let no_template = || ExecutorError::Failed("the CronJob has no job template".to_owned());
    let mut job = job_from_template(cronjob, job_name, request, added_labels).ok_or_else(no_template)?;
    let pod = job.pointer_mut(POD_OF_JOB).ok_or_else(no_template)?;
    let set = declared_parameters(cronjob).set(&request.parameters, pod);
    set.map_err(ExecutorError::BadParameters).map(|()| job)
}

/// The Job of that name, as the schedule creates it. None if the CronJob has no template, which the API server does not allow.
pub(super) fn job_from_template(
    cronjob: &CronJobObject,
    job_name: &str,
    request: &RunRequest,
    added_labels: &BTreeMap<String, String>,
) -> Option<Value> {
    let template = cronjob.data.pointer("/spec/jobTemplate")?;
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(job_name));
    metadata.insert("namespace".to_owned(), json!(cronjob.metadata.namespace));
    if let Some(labels) = labels(template, added_labels) {
        metadata.insert("labels".to_owned(), labels);
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

fn labels(template: &Value, added: &BTreeMap<String, String>) -> Option<Value> {
    let own = template.pointer("/metadata/labels");
    if added.is_empty() {
        return own.cloned();
    }
    // The API server gives a Job without labels those of its pod template.
    let is_set = |labels: &&Value| labels.as_object().is_some_and(|labels| !labels.is_empty());
    let default = || template.pointer("/spec/template/metadata/labels");
    let mut labels =
        own.filter(is_set).or_else(default).and_then(Value::as_object).cloned().unwrap_or_default();
    labels.extend(added.iter().map(|(key, value)| (key.clone(), json!(value))));
    Some(labels.into())
}

fn annotations(template: &Value, request: &RunRequest) -> Map<String, Value> {
    let template_annotations = template.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut annotations = template_annotations.cloned().unwrap_or_default();
    // Not every request has one, and a template can't claim a caller.
    annotations.remove(REQUESTED_VIA);
    let fingerprint = fingerprint(request);
    let parameters = Value::from(request.parameters.clone()).to_string();
    let own = [
        (INSTANTIATE, Some("manual")),
        (REQUESTED_BY, Some(request.caller.as_str())),
        (REQUESTED_VIA, request.via.as_deref()),
        (REASON, request.reason.as_deref()),
        (REQUEST_ID, Some(request.request_id.as_str())),
        (FINGERPRINT, Some(fingerprint.as_str())),
        (PARAMETERS, Some(parameters.as_str()).filter(|_| !request.parameters.is_empty())),
        (RETRY_OF, request.retry_of.as_ref().map(RunId::as_str)),
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

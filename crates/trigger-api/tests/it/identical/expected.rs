//! What a Job of a template has to look like.

use serde_json::{Map, Value, json};

/// What the server puts into a Job and its pods from the Job's uid and name.
const SERVER_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];
/// A Job's spec without what depends on the Job's uid and name.
pub(super) fn spec_without_server_parts(job: &Value) -> Value {
    let mut spec = job["spec"].clone();
    let selector = spec.as_object_mut().expect("a spec is an object").remove("selector");
    let uid = &job["metadata"]["uid"];
    assert_eq!(selector, Some(json!({ "matchLabels": { SERVER_LABELS[0]: uid } })));
    let labels = spec["template"]["metadata"]["labels"].as_object_mut().expect("the server gives labels");
    for label in SERVER_LABELS {
        assert!(labels.remove(label).is_some(), "{label}");
    }
    tidy(spec)
}

/// The spec of a template as a Job has it: with the server's defaults.
pub(super) fn expected_spec(template: &Value) -> Value {
    let mut spec = template.clone();
    let fields = spec.as_object_mut().expect("a spec is an object");
    let has = |field| template.get(field).is_some();
    let defaults = [
        ("backoffLimit", json!(if has("backoffLimitPerIndex") { i32::MAX } else { 6 })),
        ("completionMode", json!("NonIndexed")),
        ("manualSelector", json!(false)),
        ("parallelism", json!(1)),
        (
            "podReplacementPolicy",
            json!(if has("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" }),
        ),
        ("suspend", json!(false)),
    ];
    for (field, value) in defaults {
        fields.entry(field).or_insert(value);
    }
    if !has("parallelism") {
        fields.entry("completions").or_insert(json!(1));
    }
    tidy(spec)
}

/// Empty and absent metadata of the pods are the same.
fn tidy(mut spec: Value) -> Value {
    let template = spec["template"].as_object_mut().expect("a template is an object");
    let metadata =
        template.entry("metadata").or_insert(json!({})).as_object_mut().expect("metadata is an object");
    metadata.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
    spec
}

/// A Job's labels without the server's.
pub(super) fn own_labels(job: &Value) -> Map<String, Value> {
    let mut labels = job["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.retain(|label, _| !SERVER_LABELS.contains(&label.as_str()));
    labels
}

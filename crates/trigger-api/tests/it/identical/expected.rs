//! The expected Job of a template.

use serde_json::{Map, Value, json};

/// The labels that the API server adds from the Job's UID and name.
const SERVER_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// A Job's spec without the parts that depend on the Job's UID and name.
pub(super) fn spec_without_server_parts(job: &Value) -> Value {
    let mut spec = job["spec"].clone();
    let selector = spec.as_object_mut().expect("a spec is an object").remove("selector");
    let uid = &job["metadata"]["uid"];
    assert_eq!(selector, Some(json!({ "matchLabels": { SERVER_LABELS[0]: uid } })));
    let labels = spec["template"]["metadata"]["labels"].as_object_mut().expect("the server gives labels");
    for label in SERVER_LABELS {
        assert!(labels.remove(label).is_some(), "{label}");
    }
    normalized(spec)
}

/// The spec of a template with the API server's defaults for Jobs.
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
    normalized(spec)
}

/// Removes empty metadata of the pods, which is equivalent to absent metadata.
fn normalized(mut spec: Value) -> Value {
    let template = spec["template"].as_object_mut().expect("a template is an object");
    let metadata =
        template.entry("metadata").or_insert(json!({})).as_object_mut().expect("metadata is an object");
    metadata.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
    spec
}

/// A Job's labels without those of the API server.
pub(super) fn own_labels(job: &Value) -> Map<String, Value> {
    let mut labels = job["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.retain(|label, _| !SERVER_LABELS.contains(&label.as_str()));
    labels
}

use serde_json::json;

use super::*;

fn cronjob(job_template: &Value) -> CronJobObject {
    let mut cronjob = json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": "sync", "namespace": "trading", "uid": "cronjob-uid", "resourceVersion": "7",
            "labels": { "of-the-cronjob": "yes" }, "annotations": { "of-the-cronjob": "yes" },
            "ownerReferences": [{ "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b" }],
        },
        "spec": { "schedule": "0 14 * * 1-5", "suspend": true },
    });
    cronjob["spec"]["jobTemplate"] = job_template.clone();
    serde_json::from_value(cronjob).unwrap()
}

fn request() -> RunRequest {
    RunRequest { caller: "jwt:alice".to_owned(), request_id: "request-1".to_owned(), ..RunRequest::default() }
}

fn build(job_template: &Value, request: &RunRequest) -> Value {
    job_from_template(&cronjob(job_template), "sync-abcdefghij", request).unwrap()
}

#[test]
fn a_job_is_its_template_with_the_cronjob_as_owner_and_the_annotations_of_the_request() {
    let spec = json!({
        "backoffLimit": 2,
        "aFieldOfALaterVersion": { "kept": [1, null, "x"] },
        "template": { "spec": { "containers": [{ "name": "main", "image": "app:1" }] } },
    });
    let template = json!({
        "metadata": {
            "name": "ignored", "labels": { "app": "sync" }, "annotations": { "team": "trading" },
            "finalizers": ["example.com/ignored"],
        },
        "spec": spec,
    });
    let request = RunRequest {
        reason: Some("late data".to_owned()),
        retry_of: Some(RunId::new("run-0")),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..request()
    };
    let expected = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "sync-abcdefghij",
            "namespace": "trading",
            "labels": { "app": "sync" },
            "annotations": {
                "team": "trading",
                "cronjob.kubernetes.io/instantiate": "manual",
                "tradeops.dev/requested-by": "jwt:alice",
                "tradeops.dev/reason": "late data",
                "tradeops.dev/request-id": "request-1",
                "tradeops.dev/idempotency-fingerprint": fingerprint(&request),
                "tradeops.dev/retry-of": "run-0",
                "tradeops.dev/traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            },
            // Without blockOwnerDeletion.
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": "sync", "uid": "cronjob-uid", "controller": true,
            }],
        },
        "spec": spec,
    });
    assert_eq!(build(&template, &request), expected);
}

#[test]
fn a_template_without_metadata_gives_a_job_without_labels() {
    for template in [json!({ "spec": {} }), json!({ "metadata": {}, "spec": {} })] {
        let job = build(&template, &request());
        assert_eq!(job.pointer("/metadata/labels"), None);
        assert_eq!(job["metadata"]["annotations"][INSTANTIATE], "manual");
        assert_eq!(job["spec"], json!({}));
    }
}

#[test]
fn a_request_without_a_reason_or_a_trace_has_no_such_annotations() {
    let job = build(&json!({ "spec": {} }), &request());
    let annotations = job["metadata"]["annotations"].as_object().unwrap();
    let mut keys: Vec<&str> = annotations.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, [INSTANTIATE, FINGERPRINT, REQUEST_ID, REQUESTED_BY]);
}

#[test]
fn a_template_can_not_claim_another_caller() {
    let forged = json!({
        INSTANTIATE: "no", REQUESTED_BY: "mallory", REQUEST_ID: "forged", FINGERPRINT: "forged", "team": "trading",
    });
    let template = json!({ "metadata": { "annotations": forged }, "spec": {} });
    let job = build(&template, &request());
    let annotations = &job["metadata"]["annotations"];
    for (key, value) in [
        (INSTANTIATE, "manual"),
        (REQUESTED_BY, "jwt:alice"),
        (REQUEST_ID, "request-1"),
        (FINGERPRINT, fingerprint(&request()).as_str()),
        ("team", "trading"),
    ] {
        assert_eq!(annotations[key], value, "{key}");
    }
}

#[test]
fn a_cronjob_without_a_template_gives_no_job() {
    for template in [Value::Null, json!({ "metadata": { "labels": { "app": "sync" } } })] {
        assert_eq!(job_from_template(&cronjob(&template), "sync-a", &request()), None, "{template}");
    }
}

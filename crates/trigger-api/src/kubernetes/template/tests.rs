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
    job_from_template(&cronjob(job_template), "sync-abcdefghij", request, &BTreeMap::new()).unwrap()
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
        via: Some("internal-token".to_owned()),
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
                "tradeops.dev/requested-via": "internal-token",
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
fn added_labels_replace_those_of_the_template_and_keep_the_others() {
    let pod = json!({ "metadata": { "labels": { "of-the-pod": "yes" } } });
    let added = BTreeMap::from([("job-origin".to_owned(), "manual".to_owned())]);
    for (labels, expected) in [
        (json!({ "app": "sync" }), json!({ "app": "sync", "job-origin": "manual" })),
        (json!({ "job-origin": "scheduled" }), json!({ "job-origin": "manual" })),
        // The API server would give the Job the labels of its pods.
        (json!({}), json!({ "of-the-pod": "yes", "job-origin": "manual" })),
        (Value::Null, json!({ "of-the-pod": "yes", "job-origin": "manual" })),
    ] {
        let template = json!({ "metadata": { "labels": labels }, "spec": { "template": pod } });
        let job = job_from_template(&cronjob(&template), "sync-a", &request(), &added).unwrap();
        assert_eq!(job["metadata"]["labels"], expected, "{labels}");
        assert_eq!(job["spec"]["template"], pod, "the pods have no label more");
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
        INSTANTIATE: "no", REQUESTED_BY: "mallory", REQUEST_ID: "forged", FINGERPRINT: "forged", REQUESTED_VIA: "mallory", "team": "trading",
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
    assert_eq!(annotations.get(REQUESTED_VIA), None);
}

#[test]
fn a_cronjob_without_a_template_gives_no_job() {
    for template in [Value::Null, json!({ "metadata": { "labels": { "app": "sync" } } })] {
        assert_eq!(
            job_from_template(&cronjob(&template), "sync-a", &request(), &BTreeMap::new()),
            None,
            "{template}"
        );
    }
}

#[test]
fn a_requested_job_has_the_values_of_its_parameters_in_its_variables_and_in_an_annotation() {
    let env = json!([{ "name": "HOST", "value": "db" }, { "name": "SYNC_DATE" }]);
    let pod = json!({ "containers": [{ "name": "main", "image": "app:1", "env": env }] });
    let template = json!({ "spec": { "template": { "spec": pod } } });
    let mut cronjob = cronjob(&template);
    let declared = [("parameters.tradeops.dev/SYNC_DATE".to_owned(), "{}".to_owned())];
    cronjob.metadata.annotations = Some(declared.into());
    let parameters = |value: Value| serde_json::from_value(value).unwrap();
    let job = |value: Value| {
        requested_job(
            &cronjob,
            "sync-a",
            &RunRequest { parameters: parameters(value), ..request() },
            &BTreeMap::new(),
        )
    };
    let set = job(json!({ "SYNC_DATE": "2026-02-10" })).unwrap();
    let variable = set.pointer("/spec/template/spec/containers/0/env/1");
    assert_eq!(variable, Some(&json!({ "name": "SYNC_DATE", "value": "2026-02-10" })));
    assert_eq!(set["metadata"]["annotations"][PARAMETERS], r#"{"SYNC_DATE":"2026-02-10"}"#);
    let plain = job(json!({})).unwrap();
    assert_eq!((&plain["spec"], plain["metadata"]["annotations"].get(PARAMETERS)), (&template["spec"], None));
    assert!(matches!(job(json!({ "HOST": "x" })), Err(ExecutorError::BadParameters(_))));
}

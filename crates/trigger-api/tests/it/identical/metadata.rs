//! The expected metadata of a manually started Job.

use serde_json::{Map, Value, json};

use super::expected::own_labels;

const OWN_ANNOTATIONS: [&str; 4] = [
    "cronjob.kubernetes.io/instantiate",
    "tradeops.dev/requested-by",
    "tradeops.dev/request-id",
    "tradeops.dev/idempotency-fingerprint",
];

/// Checks the metadata of a Job of this CronJob that was requested without a reason.
pub(super) fn check(job: &Value, cronjob: &Value) {
    let metadata = &job["metadata"];
    let template = &cronjob["spec"]["jobTemplate"];
    let cronjob_name = cronjob["metadata"]["name"].as_str().expect("a name");
    check_name(metadata["name"].as_str().expect("a name"), cronjob_name);
    assert_eq!(metadata.get("generateName"), None, "{cronjob_name}");
    assert_eq!(metadata.get("finalizers"), None, "{cronjob_name}");

    let owner = json!([{ "apiVersion": "batch/v1", "kind": "CronJob", "name": cronjob_name,
                         "uid": cronjob["metadata"]["uid"], "controller": true }]);
    assert_eq!(metadata["ownerReferences"], owner, "only these fields");

    let labels = [&template["metadata"]["labels"], &template["spec"]["template"]["metadata"]["labels"]];
    let labels = labels.into_iter().find_map(Value::as_object).cloned().unwrap_or_default();
    assert_eq!(own_labels(job), labels, "{cronjob_name}");

    let mut annotations = metadata["annotations"].as_object().expect("the Job has annotations").clone();
    let own: Map<String, Value> = OWN_ANNOTATIONS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), annotations.remove(*key)?)))
        .collect();
    let expected = template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    assert_eq!(annotations, expected, "{cronjob_name}");
    assert_eq!(own.len(), OWN_ANNOTATIONS.len(), "{cronjob_name}: {own:?}");
    assert_eq!(own[OWN_ANNOTATIONS[0]], "manual");
    assert_eq!(own[OWN_ANNOTATIONS[1]], "anonymous");
}

fn check_name(name: &str, cronjob: &str) {
    let suffix = name.strip_prefix(cronjob).and_then(|rest| rest.strip_prefix('-')).expect(name);
    assert_eq!(suffix.len(), 10, "{name}");
    assert!(suffix.starts_with(|first: char| first.is_ascii_lowercase()), "{name}");
    assert!(suffix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
}

//! The Kubernetes objects of a deployment: `deploy/manifests/prod`, which is rendered from the charts.

use std::path::Path;

use serde_json::{Value, json};

/// A policy that denies nothing and stays in the cluster of the tests. When the last policy with CronJobs as parameters is
/// deleted, an API server (observed in 1.36) stops watching CronJobs permanently, because `policy_source.go` stops a shared
/// informer. See docs/DEPLOY.md, "Upgrade, roll back, remove".
pub const KEEPS_CRONJOBS_WATCHED: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: tradeops-tests-keep-cronjobs-watched}
spec:
  paramKind: {apiVersion: batch/v1, kind: CronJob}
  matchConstraints:
    resourceRules: [{apiGroups: [batch], apiVersions: [v1], resources: [jobs], operations: [CREATE]}]
  validations: [{expression: "true"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: tradeops-tests-keep-cronjobs-watched}
spec:
  policyName: tradeops-tests-keep-cronjobs-watched
  validationActions: [Audit]
  paramRef: {name: none, parameterNotFoundAction: Allow}
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: none}}
"#;

/// The folder of the manifests.
pub fn folder() -> impl AsRef<Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/manifests/prod")
}

/// The objects of a file, such as `trigger-api.yaml`.
///
/// # Panics
/// When there is no such file, or it is not YAML.
pub fn objects(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().as_ref().join(file)).expect("the file can be read");
    serde_saphyr::from_multiple(&text).expect("it is YAML")
}

/// The ServiceAccount of trigger-api with its Role and `RoleBinding` for these CronJobs, as a List that can be applied to any
/// namespace.
///
/// # Panics
/// When the manifests have no such objects.
pub fn rights(targets: &[&str]) -> String {
    let kinds = ["ServiceAccount", "Role", "RoleBinding"];
    let mut objects = objects("trigger-api.yaml");
    objects.retain(|object| kinds.iter().any(|kind| object["kind"] == *kind));
    assert_eq!(objects.len(), kinds.len(), "{objects:?}");
    let role = objects.iter_mut().find(|object| object["kind"] == "Role").expect("there is a Role");
    let names = &mut role["rules"][0]["resourceNames"];
    assert!(names.is_array(), "its first rule names the targets");
    *names = json!(targets);
    json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()
}

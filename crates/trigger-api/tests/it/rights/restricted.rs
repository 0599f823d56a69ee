//! trigger-api under a Role with fewer rights than the deployed one.

use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, until};

/// A rule of a Role.
pub(super) fn rule(group: &str, resource: &str, verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs })
}

/// The rules of the replaced system: it gets the CronJob and creates Jobs.
pub(super) fn seed_rules() -> Vec<Value> {
    let mut cronjobs = rule("batch", "cronjobs", &["get"]);
    cronjobs["resourceNames"] = json!([CRONJOB]);
    vec![cronjobs, rule("batch", "jobs", &["create"])]
}

/// The rules of the replaced system, and those.
pub(super) fn seed_rules_and(others: &[Value]) -> Vec<Value> {
    [seed_rules(), others.to_vec()].concat()
}

/// Grants the ServiceAccount of trigger-api these rules, and no others.
pub(super) fn grant(namespace: &Namespace, rules: &[Value]) {
    let (name, rbac) = ("restricted", "rbac.authorization.k8s.io");
    let version = format!("{rbac}/v1");
    let objects = json!([
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "trigger-api-sa" } },
        { "apiVersion": version, "kind": "Role", "metadata": { "name": name }, "rules": rules },
        { "apiVersion": version, "kind": "RoleBinding", "metadata": { "name": name },
          "roleRef": { "apiGroup": rbac, "kind": "Role", "name": name },
          "subjects": [{ "kind": "ServiceAccount", "name": "trigger-api-sa" }] },
    ]);
    namespace.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string());
}

/// A namespace with the CronJob and a ServiceAccount with these rules. `spec` has lines of the CronJob's spec.
pub(super) async fn namespace(purpose: &str, rules: &[Value], spec: &str) -> Namespace {
    let namespace = Cluster::shared().namespace(purpose).await;
    grant(&namespace, rules);
    namespace.apply(&cronjob(spec, ""));
    namespace
}

/// Starts the program, which tries again to observe what is denied at least once a second, and waits until it is ready.
pub(super) async fn start(namespace: &Namespace, variables: &[(&str, &str)]) -> TriggerApi {
    let kubeconfig = namespace.kubeconfig_of("trigger-api-sa", None).await;
    let database = format!("sqlite:{}", namespace.folder().join("history.sqlite").display());
    let defaults = [
        ("KUBECONFIG", kubeconfig.to_str().expect("a path in UTF-8")),
        ("CRONJOB_NAME", CRONJOB),
        ("DATABASE_URL", &database),
        ("PERMISSION_RETRY_SECONDS", "1"),
        ("CLUSTER_TIMEOUT_SECONDS", "1"),
    ];
    let api = TriggerApi::spawn(&[&defaults, variables].concat());
    until("trigger-api is ready", async || answer(api.get("/readyz")).await.0 == 200).await;
    api
}

/// The notices of `/readyz?verbose`. The program is ready.
pub(super) async fn notices(api: &TriggerApi) -> Vec<String> {
    let (status, body) = answer(api.get("/readyz?verbose")).await;
    assert_eq!((status.as_u16(), &body["status"]), (200, &json!("ok")), "{body}");
    let notices = body["notices"].as_array().expect("an array").iter();
    notices.map(|notice| notice.as_str().expect("a string").to_owned()).collect()
}

/// Whether a notice names the right.
pub(super) async fn is_missing(api: &TriggerApi, namespace: &Namespace, right: &str) -> bool {
    let text = format!("trigger-api may not {right} in the namespace {}: ", namespace.name);
    notices(api).await.iter().any(|notice| notice.starts_with(&text))
}

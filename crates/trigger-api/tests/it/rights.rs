//! The permissions of trigger-api's ServiceAccount: the Role allows only what the program needs, and trigger-api works with
//! fewer.

mod lost_responses;
mod partial;
mod restricted;
mod seed_role;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use crate::support::{CRONJOB, cronjob, namespace, objects};

/// The requests that the program needs, as method and path. `{ns}` is the namespace.
const ALLOWED: [(&str, &str); 11] = [
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs/kraken-trading-job"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs?fieldSelector=metadata.name%3Dkraken-trading-job"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/jobs"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/jobs/job"),
    ("POST", "/apis/batch/v1/namespaces/{ns}/jobs?dryRun=All"),
    ("DELETE", "/apis/batch/v1/namespaces/{ns}/jobs/job?dryRun=All"),
    ("GET", "/api/v1/namespaces/{ns}/pods"),
    ("GET", "/api/v1/namespaces/{ns}/pods/none"),
    ("GET", "/api/v1/namespaces/{ns}/pods/none/log"),
    ("POST", "/api/v1/namespaces/{ns}/events?dryRun=All"),
    ("GET", "/version"),
];

/// Requests that an attacker with the token would try.
const DENIED: [(&str, &str); 58] = [
    ("GET", "/api/v1/namespaces/{ns}/secrets"),
    ("GET", "/api/v1/namespaces/{ns}/secrets/keys"),
    ("POST", "/api/v1/namespaces/{ns}/secrets"),
    ("GET", "/api/v1/namespaces/{ns}/configmaps"),
    ("GET", "/api/v1/namespaces/{ns}/configmaps/trigger-api-config"),
    ("PATCH", "/api/v1/namespaces/{ns}/configmaps/trigger-api-config"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs/other"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs?fieldSelector=metadata.name%3Dother"),
    ("GET", "/apis/batch/v1/namespaces/{ns}/cronjobs?watch=true"),
    ("POST", "/apis/batch/v1/namespaces/{ns}/cronjobs"),
    ("PUT", "/apis/batch/v1/namespaces/{ns}/cronjobs/kraken-trading-job"),
    ("PATCH", "/apis/batch/v1/namespaces/{ns}/cronjobs/kraken-trading-job"),
    ("PATCH", "/apis/batch/v1/namespaces/{ns}/cronjobs/kraken-trading-job/status"),
    ("DELETE", "/apis/batch/v1/namespaces/{ns}/cronjobs/kraken-trading-job"),
    ("DELETE", "/apis/batch/v1/namespaces/{ns}/cronjobs"),
    ("PUT", "/apis/batch/v1/namespaces/{ns}/jobs/job"),
    ("PATCH", "/apis/batch/v1/namespaces/{ns}/jobs/job"),
    ("PATCH", "/apis/batch/v1/namespaces/{ns}/jobs/job/status"),
    ("DELETE", "/apis/batch/v1/namespaces/{ns}/jobs"),
    ("POST", "/api/v1/namespaces/{ns}/pods"),
    ("PATCH", "/api/v1/namespaces/{ns}/pods/pod"),
    ("DELETE", "/api/v1/namespaces/{ns}/pods/pod"),
    ("DELETE", "/api/v1/namespaces/{ns}/pods"),
    ("POST", "/api/v1/namespaces/{ns}/pods/pod/exec?command=sh"),
    ("POST", "/api/v1/namespaces/{ns}/pods/pod/attach"),
    ("POST", "/api/v1/namespaces/{ns}/pods/pod/portforward"),
    ("GET", "/api/v1/namespaces/{ns}/pods/pod/proxy"),
    ("PATCH", "/api/v1/namespaces/{ns}/pods/pod/ephemeralcontainers"),
    ("POST", "/api/v1/namespaces/{ns}/pods/pod/eviction"),
    ("GET", "/api/v1/namespaces/{ns}/events"),
    ("DELETE", "/api/v1/namespaces/{ns}/events"),
    ("GET", "/api/v1/namespaces/{ns}/services"),
    ("GET", "/api/v1/namespaces/{ns}/persistentvolumeclaims"),
    ("GET", "/api/v1/namespaces/{ns}/resourcequotas"),
    ("GET", "/api/v1/namespaces/{ns}/serviceaccounts"),
    ("GET", "/api/v1/namespaces/{ns}/serviceaccounts/trigger-api-sa"),
    ("POST", "/api/v1/namespaces/{ns}/serviceaccounts/trigger-api-sa/token"),
    ("GET", "/apis/apps/v1/namespaces/{ns}/deployments"),
    ("POST", "/apis/apps/v1/namespaces/{ns}/deployments"),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles"),
    ("PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/trigger-api-job-trigger"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings"),
    ("GET", "/apis/batch/v1/namespaces/default/cronjobs/kraken-trading-job"),
    ("GET", "/apis/batch/v1/namespaces/default/jobs"),
    ("POST", "/apis/batch/v1/namespaces/default/jobs"),
    ("GET", "/api/v1/namespaces/default/pods"),
    ("GET", "/apis/batch/v1/jobs"),
    ("GET", "/api/v1/pods"),
    ("GET", "/api/v1/secrets"),
    ("GET", "/api/v1/namespaces"),
    ("GET", "/api/v1/namespaces/{ns}"),
    ("GET", "/api/v1/nodes"),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
    ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
    ("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/trigger-api-targets-only"),
];

#[tokio::test]
async fn the_token_allows_what_the_program_needs_and_nothing_an_attacker_would_try() {
    let namespace = namespace("rights").await;
    namespace.apply(&cronjob("", ""));
    namespace.kubectl(&["create", "job", "job", &format!("--from=cronjob/{CRONJOB}")]);
    let own = objects::client_of(&namespace, "trigger-api-sa").await;
    for (method, path) in ALLOWED {
        let path = path.replace("{ns}", &namespace.name);
        let body = body(&namespace, &path);
        match objects::call(&own, method, &path, body.as_ref()).await {
            // The pods of the table don't exist. RBAC would deny the request before that is noticed.
            Err(status) if status.code != 404 => panic!("{method} {path}: {status:?}"),
            Ok(_) | Err(_) => {}
        }
    }
    for (method, path) in DENIED {
        let path = path.replace("{ns}", &namespace.name);
        let body = (method != "GET").then(|| json!({}));
        let status = objects::call(&own, method, &path, body.as_ref()).await;
        let status = status.expect_err(&format!("{method} {path}"));
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"), "{method} {path}: {status:?}");
        assert!(status.message.contains("cannot"), "denied by RBAC: {method} {path}: {status:?}");
    }
}

fn body(namespace: &Namespace, path: &str) -> Option<Value> {
    let containers = json!([{ "name": "a", "image": "a" }]);
    if path.contains("/events") {
        let about = json!({ "kind": "CronJob", "namespace": namespace.name, "name": CRONJOB });
        return Some(json!({ "metadata": { "name": "event" }, "involvedObject": about, "reason": "Tried" }));
    }
    path.ends_with("/jobs?dryRun=All").then(|| {
        let pod = json!({ "spec": { "restartPolicy": "Never", "containers": containers } });
        json!({ "metadata": { "name": "another" }, "spec": { "template": pod } })
    })
}

#[tokio::test]
async fn the_api_servers_list_of_the_tokens_permissions_is_exactly_the_role() {
    let namespace = namespace("rules").await;
    let own = objects::client_of(&namespace, "trigger-api-sa").await;
    let review = json!({ "kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
                         "spec": { "namespace": namespace.name } });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let review = objects::call(&own, "POST", path, Some(&review)).await.unwrap();
    assert_eq!(review["status"]["incomplete"], false);
    let rules = review["status"]["resourceRules"].as_array().unwrap();
    // Every user may review its own permissions.
    let is_self_review = |rule: &&Value| {
        rule["resources"]
            .as_array()
            .unwrap()
            .iter()
            .all(|name| name.as_str().unwrap().starts_with("selfsubject"))
    };
    let rules: BTreeSet<String> = rules.iter().filter(|rule| !is_self_review(rule)).map(rule_text).collect();
    let expected = [
        "batch/cronjobs [kraken-trading-job]: get list watch",
        "batch/jobs: create delete get list watch",
        "/pods: get list watch",
        "/pods/log: get",
        "/events: create",
    ];
    assert_eq!(rules, expected.map(str::to_owned).into());
}

fn rule_text(rule: &Value) -> String {
    let joined = |field: &str, separator: &str| {
        let words = rule[field].as_array().into_iter().flatten().map(|word| word.as_str().expect("a string"));
        words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(separator)
    };
    let names = joined("resourceNames", " ");
    let names = if names.is_empty() { names } else { format!(" [{names}]") };
    format!("{}/{}{names}: {}", joined("apiGroups", ","), joined("resources", ","), joined("verbs", " "))
}

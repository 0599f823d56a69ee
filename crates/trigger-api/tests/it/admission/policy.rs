//! The deployed policies for one test: under names of its own, bound to the test's namespace.

use std::sync::Once;
use std::time::Duration;

use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use testkit::cluster::Namespace;
use testkit::manifests;

use crate::support::{PATIENCE, cluster_wide, objects};

const POLICIES: [&str; 2] = ["trigger-api-runs-the-template", "trigger-api-targets-only"];
const TARGET: &str = "kraken-trading-job";
/// What the names of cluster-wide objects end in: the namespace of the release.
const DEPLOYED_TO: &str = ".trading";

/// What a test has of an installed policy.
pub(super) struct Policy {
    /// The stolen token's client.
    pub(super) thief: Client,
}

impl Policy {
    /// Installs the policies for those targets, and waits until each of them holds.
    pub(super) async fn install(namespace: &Namespace, targets: &[String]) -> Self {
        static KEPT: Once = Once::new();
        KEPT.call_once(|| namespace.apply(manifests::KEEPS_CRONJOBS_WATCHED));
        cluster_wide::apply(namespace, documents(namespace, targets)).await;
        let thief = objects::client_of(namespace, "trigger-api-sa").await;
        let held = async {
            until_denied(namespace, &thief, &probe(None), "of its targets alone").await;
            for target in targets {
                until_denied(namespace, &thief, &probe(Some(target)), "owned by the CronJob alone").await;
            }
        };
        tokio::time::timeout(PATIENCE, held).await.expect(
            "the policies begin to hold; where the log has \"no params found\", this API server has stopped watching \
             CronJobs for policies: restart it",
        );
        check_types(namespace).await;
        Self { thief }
    }
}

/// The deployed policies under names of this test's own, with its namespace, its list of targets and a binding for each.
fn documents(namespace: &Namespace, targets: &[String]) -> Vec<Value> {
    let objects = manifests::objects("trigger-api.yaml").into_iter();
    let of_policies = objects.filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        let of_another_target =
            object["spec"]["paramRef"]["name"].as_str().is_some_and(|name| name != TARGET);
        kind.starts_with("ValidatingAdmissionPolicy") && !of_another_target
    });
    let here = |object: Value| {
        let text = POLICIES.iter().fold(object.to_string(), |text, policy| {
            text.replace(policy, &policy.replace("trigger-api", &namespace.name))
        });
        let text = text.replace(DEPLOYED_TO, "").replace(
            "\"kubernetes.io/metadata.name\":\"trading\"",
            &format!("\"kubernetes.io/metadata.name\":\"{}\"", namespace.name),
        );
        serde_json::from_str(&text).expect("still JSON")
    };
    let mut documents: Vec<Value> = of_policies.map(here).collect();
    let list = format!("['{}']", targets.join("', '"));
    let variables = documents.iter_mut().filter_map(|document| document["spec"]["variables"].as_array_mut());
    let lists: Vec<&mut Value> =
        variables.flatten().filter(|variable| variable["name"] == "targets").collect();
    let [known] = lists.try_into().expect("one policy lists the targets");
    known["expression"] = json!(list);
    let each = documents.into_iter().flat_map(|document| {
        if document["spec"]["paramRef"].is_null() {
            return vec![document];
        }
        let copy = |target: &String| document.to_string().replace(TARGET, target);
        targets.iter().map(|target| serde_json::from_str(&copy(target)).expect("still JSON")).collect()
    });
    each.collect()
}

/// A Job that one policy alone denies: of nobody, or of a target's name with another uid.
fn probe(target: Option<&str>) -> Value {
    let owner = |target| json!([{ "apiVersion": "batch/v1", "kind": "CronJob", "name": target, "uid": "another", "controller": true }]);
    let name = target.unwrap_or("nobody");
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": format!("{name}-abcdefghij"),
                      "ownerReferences": target.map(owner) },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] } } },
    })
}

/// Asks again and again, for nothing tells when a policy begins to hold; not so often that the others' requests suffer.
async fn until_denied(namespace: &Namespace, thief: &Client, job: &Value, words: &str) {
    let mut turns = tokio::time::interval(Duration::from_millis(100));
    loop {
        turns.tick().await;
        match try_create(namespace, thief, job).await {
            Err(status) if status.message.contains(words) => return,
            Err(status) => assert!(status.message.contains("ValidatingAdmissionPolicy"), "{status:?}"),
            Ok(_) => {}
        }
    }
}

/// Asks whether the Job may be created, and creates nothing.
pub(super) async fn try_create(
    namespace: &Namespace,
    client: &Client,
    job: &Value,
) -> Result<Value, Box<Status>> {
    let path = format!("{}?dryRun=All", objects::path(namespace, "jobs"));
    objects::call(client, "POST", &path, Some(job)).await.map_err(Box::new)
}

/// The server has read the expressions against the types of Jobs and CronJobs, and has nothing to say.
async fn check_types(namespace: &Namespace) {
    for policy in POLICIES {
        let name = policy.replace("trigger-api", &namespace.name);
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}");
        let policy = objects::call(&namespace.client, "GET", &path, None).await.expect("the policy is there");
        assert_eq!(policy.pointer("/status/typeChecking/expressionWarnings"), None, "{policy}");
    }
}

//! Installs the deployed policies for one test, with unique names and bound to the namespace of the test.

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
/// The suffix of the names of cluster-scoped objects: the namespace of the release.
const RELEASE_SUFFIX: &str = ".trading";

/// The installed policies.
pub(super) struct AdmissionPolicy {
    /// A client with the stolen token of trigger-api.
    pub(super) attacker: Client,
}

impl AdmissionPolicy {
    /// Installs the policies for those targets, and waits until they are enforced.
    pub(super) async fn install(namespace: &Namespace, targets: &[String]) -> Self {
        Self::install_with(namespace, targets, &[]).await
    }

    /// Like [`Self::install`], with other expressions of these variables, which the chart derives from settings.
    pub(super) async fn install_with(
        namespace: &Namespace,
        targets: &[String],
        variables: &[(&str, &str)],
    ) -> Self {
        static KEPT: Once = Once::new();
        KEPT.call_once(|| namespace.apply(manifests::KEEPS_CRONJOBS_WATCHED));
        let mut documents = documents(namespace, targets);
        for (name, expression) in variables {
            set_variable(&mut documents, name, expression);
        }
        cluster_wide::apply(namespace, documents).await;
        let attacker = objects::client_of(namespace, "trigger-api-sa").await;
        let enforced = async {
            until_denied(namespace, &attacker, &probe(None), "only Jobs of its targets").await;
            for target in targets {
                until_denied(namespace, &attacker, &probe(Some(target)), "the CronJob as its only owner")
                    .await;
            }
        };
        tokio::time::timeout(PATIENCE, enforced).await.expect(
            "the policies are enforced; if the log has \"no params found\", the API server no longer watches CronJobs \
             for policies and must be restarted",
        );
        check_types(namespace).await;
        Self { attacker }
    }
}

/// The deployed policies with unique names, the namespace and the targets of the test, and a binding for each target.
fn documents(namespace: &Namespace, targets: &[String]) -> Vec<Value> {
    let objects = manifests::objects("trigger-api.yaml").into_iter();
    let policies = objects.filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        let is_for_another_target =
            object["spec"]["paramRef"]["name"].as_str().is_some_and(|name| name != TARGET);
        kind.starts_with("ValidatingAdmissionPolicy") && !is_for_another_target
    });
    let adapt = |object: Value| {
        let text = POLICIES.iter().fold(object.to_string(), |text, policy| {
            text.replace(policy, &policy.replace("trigger-api", &namespace.name))
        });
        let text = text.replace(RELEASE_SUFFIX, "").replace(
            "\"kubernetes.io/metadata.name\":\"trading\"",
            &format!("\"kubernetes.io/metadata.name\":\"{}\"", namespace.name),
        );
        serde_json::from_str(&text).expect("valid JSON")
    };
    let mut documents: Vec<Value> = policies.map(adapt).collect();
    set_variable(&mut documents, "targets", &format!("['{}']", targets.join("', '")));
    let each = documents.into_iter().flat_map(|document| {
        if document["spec"]["paramRef"].is_null() {
            return vec![document];
        }
        let copy = |target: &String| document.to_string().replace(TARGET, target);
        targets.iter().map(|target| serde_json::from_str(&copy(target)).expect("valid JSON")).collect()
    });
    each.collect()
}

fn set_variable(documents: &mut [Value], name: &str, expression: &str) {
    let variables = documents.iter_mut().filter_map(|document| document["spec"]["variables"].as_array_mut());
    let found: Vec<&mut Value> = variables.flatten().filter(|variable| variable["name"] == name).collect();
    let mut found = found.into_iter();
    let (Some(variable), None) = (found.next(), found.next()) else { panic!("one policy has {name}") };
    variable["expression"] = json!(expression);
}

/// A Job that exactly one policy denies: without an owner, or owned by a CronJob of the target's name with another uid.
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

/// Polls until the Job is denied, because nothing reports when a policy is enforced. The interval limits the load of the API
/// server.
async fn until_denied(namespace: &Namespace, attacker: &Client, job: &Value, text: &str) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        match try_create(namespace, attacker, job).await {
            Err(status) if status.message.contains(text) => return,
            Err(status) => assert!(status.message.contains("ValidatingAdmissionPolicy"), "{status:?}"),
            Ok(_) => {}
        }
    }
}

/// Creates the Job in a dry run.
pub(super) async fn try_create(
    namespace: &Namespace,
    client: &Client,
    job: &Value,
) -> Result<Value, Box<Status>> {
    let path = format!("{}?dryRun=All", objects::path(namespace, "jobs"));
    objects::call(client, "POST", &path, Some(job)).await.map_err(Box::new)
}

/// Asserts that the type check of the policies' expressions has no warnings.
async fn check_types(namespace: &Namespace) {
    for policy in POLICIES {
        let name = policy.replace("trigger-api", &namespace.name);
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}");
        let policy = objects::call(&namespace.client, "GET", &path, None).await.expect("the policy exists");
        assert_eq!(policy.pointer("/status/typeChecking/expressionWarnings"), None, "{policy}");
    }
}

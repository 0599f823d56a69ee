//! With the token, the values of declared parameters can differ from the template, and nothing else.

use serde_json::{Value, json};

use super::changes::changed;
use super::denials::{assert_denied, job_with};
use super::policy::{AdmissionPolicy, try_create};
use crate::support::{cronjobs, namespace};

const TARGET: &str = "parameters";
/// The variables of the container `trader`.
const ENV: &str = "/spec/template/spec/containers/0/env";

#[tokio::test]
async fn values_of_declared_variables_may_differ_and_nothing_else() {
    let namespace = namespace("policy-parameters").await;
    cronjobs::apply(&namespace);
    let policy = AdmissionPolicy::install(&namespace, &[TARGET.to_owned()]).await;
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let values = json!({ "SYNC_DATE": "2026-02-10", "PAIR": "ETH/USD", "WARM_UP": "yes" });
    for job in [job_with(&api, TARGET, &json!({})).await, job_with(&api, TARGET, &values).await] {
        let env = |path: &str| format!("{ENV}/{path}");
        let (prepare, second) =
            ("/spec/template/spec/initContainers/0/env", "/spec/template/spec/containers/1/env");
        for (pointer, value) in [
            (env("2/value"), "anything"),
            (env("2/value"), "$$(TOKEN) $5 $$"),
            (env("3/value"), "ETH/EUR"),
            (format!("{prepare}/0/value"), "maybe"),
        ] {
            let allowed =
                try_create(&namespace, &policy.attacker, &changed(&job, &pointer, &json!(value))).await;
            allowed.unwrap_or_else(|status| panic!("{pointer} {value}: {status:?}"));
        }
        let key = json!({ "secretKeyRef": { "name": "prod", "key": "token" } });
        for (what, pointer, value) in [
            ("a variable that is not declared", env("0/value"), json!("2")),
            (
                "a second variable of the name",
                env("-"),
                json!({ "name": "SYNC_DATE", "value": "2026-02-11" }),
            ),
            ("the name of another variable", env("0/name"), json!("SYNC_DATE")),
            ("valueFrom in place of a value", env("2"), json!({ "name": "SYNC_DATE", "valueFrom": key })),
            ("a value in place of valueFrom", env("1"), json!({ "name": "TOKEN", "value": "x" })),
            ("another key of valueFrom", env("1/valueFrom/secretKeyRef/key"), json!("other")),
            ("the variable of an init container", format!("{prepare}/1/value"), json!("ETH/EUR")),
            ("the variable of another container", format!("{second}/0/value"), json!("ETH/USD")),
            ("a variable that several containers have", env("6/value"), json!("slow")),
            ("the same in the other container", format!("{second}/1/value"), json!("fast")),
            ("a variable that the container has twice", env("5/value"), json!("c")),
            ("a value that refers to a Secret", env("2/value"), json!("$(TOKEN)")),
            ("a reference after an escaped $", env("2/value"), json!("$$$(TOKEN)")),
            ("one more variable", env("-"), json!({ "name": "A", "value": "b" })),
        ] {
            let denied = changed(&job, &pointer, &value);
            assert_denied(&namespace, &policy, what, &denied).await;
            // An administrator can create it, so only the policy denies it.
            let allowed = try_create(&namespace, &namespace.client, &denied).await;
            allowed.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        }
        for (what, rearranged) in [
            ("in another order", rearranged(&job, ENV, |env| env.swap(2, 3))),
            ("one fewer", rearranged(&job, ENV, |env| drop(env.remove(2)))),
            ("no variables", rearranged(&job, ENV, Vec::clear)),
            (
                "containers in another order",
                rearranged(&job, "/spec/template/spec/containers", |all| all.swap(0, 1)),
            ),
            (
                "one container fewer",
                rearranged(&job, "/spec/template/spec/containers", |all| drop(all.pop())),
            ),
        ] {
            assert_denied(&namespace, &policy, what, &rearranged).await;
        }
    }
}

fn rearranged(job: &Value, pointer: &str, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut job = job.clone();
    change(job.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list"));
    job
}

#[tokio::test]
async fn many_parameters_of_a_large_pod_are_within_the_cost_limit_of_the_policy() {
    let namespace = namespace("policy-cost").await;
    cronjobs::apply(&namespace);
    let policy = AdmissionPolicy::install(&namespace, &[TARGET.to_owned()]).await;
    let container = |number: usize| {
        let env =
            (0..50).map(|index| json!({ "name": format!("V{number}_{index}"), "value": "x".repeat(100) }));
        json!({ "name": format!("c{number}"), "image": "registry.example/main:1", "env": env.collect::<Vec<_>>() })
    };
    let declared =
        (0..50).map(|index| (format!("parameters.tradeops.dev/V0_{index}"), json!("{\"title\": \"x\"}")));
    let change = json!({
        "metadata": { "annotations": declared.collect::<serde_json::Map<_, _>>() },
        "spec": { "jobTemplate": { "spec": { "template": { "spec": {
            "initContainers": null, "containers": (0..10).map(container).collect::<Vec<_>>(),
        } } } } },
    });
    crate::support::objects::patch(&namespace, &format!("cronjobs/{TARGET}"), &change).await;
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let values: serde_json::Map<_, _> =
        (0..50).map(|index| (format!("V0_{index}"), json!("y".repeat(100)))).collect();
    let job = job_with(&api, TARGET, &Value::Object(values)).await;
    let created = async {
        // Until the policy has the changed CronJob, it denies the Job.
        while try_create(&namespace, &policy.attacker, &job).await.is_err() {}
    };
    let created = tokio::time::timeout(crate::support::PATIENCE, created).await;
    created.expect("the Job is allowed");
    let other = changed(&job, "/spec/template/spec/containers/9/env/49/value", &json!("other"));
    assert_denied(&namespace, &policy, "a variable that is not declared", &other).await;
}

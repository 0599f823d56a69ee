//! A proptest strategy that generates valid Job templates.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any valid `jobTemplate`.
pub(super) fn template() -> impl Strategy<Value = Value> {
    let numbers = (option::of(0..4_i32), option::of(1..4_i32), option::of(0..9_i32), option::of(1..999_i64));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), option::of(0..999_i32), any::<bool>());
    (labels(), annotations(), labels(), annotations(), numbers, flags, pod()).prop_map(
        |(labels, annotations, pod_labels, pod_annotations, numbers, flags, pod)| {
            let metadata = object([("labels", labels), ("annotations", annotations)]);
            let pod_metadata = object([("labels", pod_labels), ("annotations", pod_annotations)]);
            let mut spec = object([("template", Some(json!({ "metadata": pod_metadata, "spec": pod })))]);
            set_fields(&mut spec, numbers, flags);
            json!({ "metadata": metadata, "spec": spec })
        },
    )
}

type Numbers = (Option<i32>, Option<i32>, Option<i32>, Option<i64>);
type Flags = (bool, bool, bool, Option<i32>, bool);

fn set_fields(spec: &mut Map<String, Value>, numbers: Numbers, flags: Flags) {
    let (parallelism, completions, backoff, deadline) = numbers;
    let (indexed, failure_policy, suspend, ttl, success_policy) = flags;
    let mut set = |field: &str, value: Option<Value>| {
        spec.extend(value.map(|value| (field.to_owned(), value)));
    };
    let indexed = indexed && completions.is_some();
    set("parallelism", parallelism.map(Value::from));
    set("completions", completions.map(Value::from));
    set("activeDeadlineSeconds", deadline.map(Value::from));
    set("ttlSecondsAfterFinished", ttl.map(Value::from));
    set("suspend", suspend.then(|| json!(true)));
    set("completionMode", indexed.then(|| json!("Indexed")));
    set(if indexed { "backoffLimitPerIndex" } else { "backoffLimit" }, backoff.map(Value::from));
    let rule = json!({ "action": "FailJob", "onExitCodes": { "operator": "In", "values": [3, 42] } });
    set("podFailurePolicy", failure_policy.then(|| json!({ "rules": [rule] })));
    set("successPolicy", (indexed && success_policy).then(|| json!({ "rules": [{ "succeededCount": 1 }] })));
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn labels() -> impl Strategy<Value = Option<Value>> {
    let key = "(example[.]com/)?[a-z][a-z0-9_.]{0,8}[a-z0-9]";
    option::of(btree_map(key, "([A-Za-z0-9][A-Za-z0-9_.-]{0,8}[a-z0-9])?", 1..4).prop_map(|map| json!(map)))
}

fn annotations() -> impl Strategy<Value = Option<Value>> {
    option::of(
        btree_map("(example[.]com/)?[a-z][a-z0-9_.]{0,8}[a-z0-9]", text(), 1..4).prop_map(|map| json!(map)),
    )
}

/// Any text that a protobuf string can hold.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,12}", Just("line\n\ttwo \u{1F680} $(VAR) $$(x) \\ \"q\"".to_owned())]
}

fn pod() -> impl Strategy<Value = Value> {
    let pod_fields =
        (option::of("[a-z]{1,6}"), option::of(0..100_i64), any::<bool>(), option::of(1..9999_i64));
    (vec(container(), 1..4), vec(container(), 0..3), any::<bool>(), pod_fields).prop_map(
        |(mut containers, mut init, sidecar, (account, grace, host_network, user))| {
            name_each(&mut containers, "main");
            name_each(&mut init, "init");
            if let Some(first) = init.first_mut().filter(|_| sidecar) {
                first["restartPolicy"] = json!("Always");
            }
            Value::Object(object([
                ("restartPolicy", Some(json!("Never"))),
                ("containers", Some(json!(containers))),
                ("initContainers", (!init.is_empty()).then(|| json!(init))),
                ("serviceAccountName", account.map(Value::from)),
                ("terminationGracePeriodSeconds", grace.map(Value::from)),
                ("hostNetwork", host_network.then(|| json!(true))),
                ("securityContext", user.map(|user| json!({ "runAsUser": user, "runAsNonRoot": true }))),
                ("volumes", Some(json!([{ "name": "scratch", "emptyDir": { "sizeLimit": "10Mi" } }]))),
                ("tolerations", sidecar.then(|| json!([{ "operator": "Exists", "key": "batch" }]))),
            ]))
        },
    )
}

fn name_each(containers: &mut [Value], prefix: &str) {
    for (number, container) in containers.iter_mut().enumerate() {
        container["name"] = json!(format!("{prefix}-{number}"));
    }
}

fn container() -> impl Strategy<Value = Value> {
    let arguments = || option::of(vec(text(), 1..4).prop_map(|texts| json!(texts)));
    let variables = btree_map("[A-Z][A-Z0-9_]{0,8}", text(), 0..5).prop_map(|variables| {
        let each = variables.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        Value::Array(each.collect())
    });
    let image = "registry[.]example/[a-z]{1,8}(:[a-z0-9]{1,5})?";
    let amounts = prop_oneof![Just("100m"), Just("1"), Just("0.25"), Just("1000m"), Just("2e-1")];
    (image, arguments(), arguments(), variables, option::of(amounts), any::<bool>()).prop_map(
        |(image, command, arguments, variables, cpu, mounted)| {
            Value::Object(object([
                ("image", Some(json!(image))),
                ("command", command),
                ("args", arguments),
                ("env", Some(variables)),
                ("resources", cpu.map(|cpu| json!({ "requests": { "cpu": cpu }, "limits": { "cpu": "2" } }))),
                ("volumeMounts", mounted.then(|| json!([{ "name": "scratch", "mountPath": "/scratch" }]))),
            ]))
        },
    )
}

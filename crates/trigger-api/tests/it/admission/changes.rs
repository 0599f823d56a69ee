//! Changes to a target's Job, each of which the policy must deny.

use serde_json::{Value, json};

/// A name, a JSON pointer and the new value at that place. `-` at the end of the pointer appends to an array.
type Change = (&'static str, &'static str, Value);

/// Changes of the containers, of the pods and of the Job.
pub(super) fn changes() -> Vec<Change> {
    let mut all = container_changes();
    all.extend(pod_changes());
    all.extend(job_changes());
    all
}

fn container_changes() -> Vec<Change> {
    let other = json!({ "name": "other", "image": "evil" });
    let key = json!({ "secretKeyRef": { "name": "prod", "key": "token" } });
    vec![
        ("image", "/spec/template/spec/containers/0/image", json!("evil")),
        ("command", "/spec/template/spec/containers/0/command", json!(["sh"])),
        ("arguments", "/spec/template/spec/containers/0/args", json!(["--pair=DOGE"])),
        ("a variable", "/spec/template/spec/containers/0/env/0/value", json!("other")),
        ("one more variable", "/spec/template/spec/containers/0/env/-", json!({ "name": "A", "value": "b" })),
        (
            "a Secret's value",
            "/spec/template/spec/containers/0/env/-",
            json!({ "name": "A", "valueFrom": key }),
        ),
        (
            "a Secret's values",
            "/spec/template/spec/containers/0/envFrom",
            json!([{ "secretRef": { "name": "prod" } }]),
        ),
        ("working folder", "/spec/template/spec/containers/0/workingDir", json!("/etc")),
        ("privileged", "/spec/template/spec/containers/0/securityContext", json!({ "privileged": true })),
        (
            "capabilities",
            "/spec/template/spec/containers/0/securityContext",
            json!({ "capabilities": { "add": ["SYS_ADMIN"] } }),
        ),
        ("container's user", "/spec/template/spec/containers/0/securityContext", json!({ "runAsUser": 0 })),
        ("limits", "/spec/template/spec/containers/0/resources/limits/memory", json!("64Gi")),
        (
            "lifecycle",
            "/spec/template/spec/containers/0/lifecycle",
            json!({ "postStart": { "exec": { "command": ["sh"] } } }),
        ),
        ("probe", "/spec/template/spec/containers/0/livenessProbe", json!({ "exec": { "command": ["sh"] } })),
        ("standard input", "/spec/template/spec/containers/0/stdin", json!(true)),
        ("pull policy", "/spec/template/spec/containers/0/imagePullPolicy", json!("Always")),
        ("an extra container", "/spec/template/spec/containers/-", other.clone()),
        ("an init container", "/spec/template/spec/initContainers", json!([other])),
    ]
}

fn pod_changes() -> Vec<Change> {
    vec![
        (
            "a Secret's volume",
            "/spec/template/spec/volumes",
            json!([{ "name": "v", "secret": { "secretName": "prod" } }]),
        ),
        (
            "the host's disk",
            "/spec/template/spec/volumes",
            json!([{ "name": "v", "hostPath": { "path": "/" } }]),
        ),
        (
            "an ephemeral volume",
            "/spec/template/spec/volumes",
            json!([{ "name": "v", "ephemeral": { "volumeClaimTemplate": { "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "9Ti" } } } } } }]),
        ),
        ("ServiceAccount", "/spec/template/spec/serviceAccountName", json!("admin")),
        ("a token in the pod", "/spec/template/spec/automountServiceAccountToken", json!(true)),
        ("host network", "/spec/template/spec/hostNetwork", json!(true)),
        ("host processes", "/spec/template/spec/hostPID", json!(true)),
        ("host IPC", "/spec/template/spec/hostIPC", json!(true)),
        ("pod's user", "/spec/template/spec/securityContext", json!({ "runAsUser": 0 })),
        ("node", "/spec/template/spec/nodeName", json!("control-plane")),
        ("node selector", "/spec/template/spec/nodeSelector", json!({ "pool": "secure" })),
        ("tolerations", "/spec/template/spec/tolerations", json!([{ "operator": "Exists" }])),
        ("priority", "/spec/template/spec/priorityClassName", json!("system-node-critical")),
        ("runtime", "/spec/template/spec/runtimeClassName", json!("loose")),
        ("names", "/spec/template/spec/hostAliases", json!([{ "ip": "10.6.6.6", "hostnames": ["bank"] }])),
        ("pull secrets", "/spec/template/spec/imagePullSecrets", json!([{ "name": "prod" }])),
        ("shared processes", "/spec/template/spec/shareProcessNamespace", json!(true)),
        ("restart policy", "/spec/template/spec/restartPolicy", json!("Never")),
        ("pod's deadline", "/spec/template/spec/activeDeadlineSeconds", json!(9)),
        (
            "pod annotations",
            "/spec/template/metadata/annotations",
            json!({ "container.apparmor.security.beta.kubernetes.io/trader": "unconfined" }),
        ),
        ("pod labels", "/spec/template/metadata/labels", json!({ "app": "database-client" })),
        ("pod finalizers", "/spec/template/metadata/finalizers", json!(["example.com/stay"])),
    ]
}

fn job_changes() -> Vec<Change> {
    vec![
        ("parallelism", "/spec/parallelism", json!(1000)),
        ("completions", "/spec/completions", json!(1000)),
        ("deadline", "/spec/activeDeadlineSeconds", json!(1)),
        ("time to live", "/spec/ttlSecondsAfterFinished", json!(0)),
        ("retries", "/spec/backoffLimit", json!(1_000_000)),
        ("suspended", "/spec/suspend", json!(true)),
        ("managed elsewhere", "/spec/managedBy", json!("example.com/mine")),
        ("pod replacement", "/spec/podReplacementPolicy", json!("Failed")),
        ("a schedule's name", "/metadata/name", json!("kraken-trading-job-29718000")),
        ("a foreign name", "/metadata/name", json!("billing-abcdefghij")),
        ("Job labels", "/metadata/labels/kueue.x-k8s.io~1queue-name", json!("prod")),
        ("Job finalizers", "/metadata/finalizers", json!(["example.com/stay"])),
    ]
}

/// The Job with the change applied.
pub(super) fn changed(job: &Value, pointer: &str, value: &Value) -> Value {
    let mut job = job.clone();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut place = &mut job;
    for step in parent.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[step],
        };
    }
    let last = last.replace("~1", "/");
    match place {
        Value::Array(items) if last == "-" => items.push(value.clone()),
        Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value.clone(),
        place => place[&last] = value.clone(),
    }
    job
}

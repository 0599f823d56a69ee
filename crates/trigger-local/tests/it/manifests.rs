//! CronJobs in YAML files.

use serde_json::{Value, json};
use tempfile::TempDir;
use trigger_core::cronjob::ConcurrencyPolicy;
use trigger_core::executor::{Executor, ExecutorError, Freshness};
use trigger_core::run::State;
use trigger_core::start::StartError;
use trigger_local::LocalConfig;

use super::test_env::{self, TestEnv, cause, container, cronjob, job, pod, request, store, target};

const MANIFESTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: trades-sync}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: trades-sync, namespace: elsewhere}
spec: {schedule: "* * * * *"}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: trades-sync
spec:
  schedule: "30 17 * * 1-5"
  timeZone: America/New_York
  suspend: true
  concurrencyPolicy: Replace
  jobTemplate:
    metadata: {labels: {app: trades-sync}, annotations: {team: data}}
    spec:
      backoffLimit: 0
      ttlSecondsAfterFinished: 60
      template:
        metadata: {labels: {app: trades-sync}}
        spec:
          restartPolicy: Never
          serviceAccountName: trades-sync
          containers:
            - name: sync
              image: registry.local/trades-sync:2026.1
              args: [run, "$(DAY)", "$$(DAY)", "$(UNKNOWN)"]
              env:
                - {name: DAY, value: "2026-02-11"}
              resources: {limits: {memory: 64Mi}}
"#;

async fn start(folder: &TempDir, yaml: &str) -> TestEnv {
    std::fs::write(folder.path().join("jobs.yml"), yaml).expect("the file can be written");
    let path = folder.path().display();
    let config: LocalConfig = serde_saphyr::from_str(&format!(
        "manifests: {path}\nprograms:\n  registry.local/trades-sync: [/bin/echo, local]\n"
    ))
    .expect("the settings are valid");
    TestEnv::start(config, store(folder.path()).await).await
}

#[tokio::test]
async fn the_cronjob_is_found_by_name_and_namespace_and_a_local_program_replaces_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let env = start(&folder, &MANIFESTS.replace("suspend: true", "suspend: false")).await;
    env.executor.readiness().unwrap();
    let run = env.run().await;
    assert_eq!(env.log(&run.id).await, "local run 2026-02-11 $(DAY) $(UNKNOWN)\n");
}

#[tokio::test]
async fn the_snapshot_and_the_preview_match_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let env = start(&folder, MANIFESTS).await;
    let snapshot = env.executor.inspect(&target(), Freshness::Fresh).await.unwrap();
    assert_eq!(snapshot.cronjob.schedule, "30 17 * * 1-5");
    assert_eq!(snapshot.cronjob.time_zone.as_deref(), Some("America/New_York"));
    assert_eq!(snapshot.cronjob.concurrency_policy, ConcurrencyPolicy::Replace);
    assert!(snapshot.cronjob.suspended && snapshot.active.is_empty() && snapshot.generation.is_empty());
    assert!(matches!(env.request(&request()).await, Err(StartError::Suspended(_))));
    let preview = env.preview().await.unwrap();
    assert!(matches!(preview.rejection, Some(StartError::Suspended(_))));
    let job = preview.job.expect("a CronJob has a Job");
    assert_eq!(job["kind"], "Job");
    assert_eq!(job["metadata"]["namespace"], "trading");
    assert_eq!(
        job["metadata"]["annotations"],
        json!({ "team": "data", "cronjob.kubernetes.io/instantiate": "manual" })
    );
    assert_eq!(job["metadata"]["labels"], json!({ "app": "trades-sync" }));
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 60);
    assert_eq!(
        job["spec"]["template"]["spec"]["containers"][0]["resources"],
        json!({ "limits": { "memory": "64Mi" } })
    );
}

#[tokio::test]
async fn an_edited_file_takes_effect_with_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo before")).await;
    let before = env.run().await;
    test_env::write(&folder, &cronjob(&folder, "echo after; exit 7"));
    let after = env.run().await;
    assert_eq!(env.log(&before.id).await, "before\n");
    assert_eq!(env.log(&after.id).await, "after\n");
    assert_eq!((after.state, cause(&after).exit_code), (State::Failed, Some(7)));
}

async fn error(folder: &TempDir, yaml: &str) -> ExecutorError {
    match start(folder, yaml).await.request(&request()).await {
        Err(StartError::Executor(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_names_the_file_the_document_and_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let missing = error(&folder, "kind: CronJob\nmetadata: {name: other}\n").await;
    assert!(
        matches!(&missing, ExecutorError::NoCronJob { namespace, name } if namespace == "trading" && name == "trades-sync")
    );
    let not_yaml = error(&folder, "kind: [CronJob\n").await.to_string();
    assert!(not_yaml.contains("jobs.yml"), "{not_yaml}");
    let wrong_type = MANIFESTS.replace("backoffLimit: 0", "backoffLimit: none");
    let wrong_type = error(&folder, &wrong_type).await.to_string();
    assert!(wrong_type.contains("jobs.yml, document 3: spec.jobTemplate.spec.backoffLimit"), "{wrong_type}");
    let policy = MANIFESTS.replace("Policy: Replace", "Policy: Never");
    let policy = error(&folder, &policy).await.to_string();
    assert!(policy.contains("jobs.yml, document 3: spec.concurrencyPolicy"), "{policy}");
    let twice = MANIFESTS.replace("namespace: elsewhere", "namespace: trading");
    let twice = error(&folder, &twice).await.to_string();
    assert!(twice.contains("document 2") && twice.contains("document 3"), "{twice}");

    let gone = TestEnv::start(LocalConfig::new(folder.path().join("gone")), store(folder.path()).await).await;
    assert!(gone.executor.readiness().unwrap_err().to_string().contains("gone"));
    let unreachable = gone.executor.inspect(&target(), Freshness::Cached).await.unwrap_err();
    assert!(matches!(&unreachable, ExecutorError::Unreachable(_)), "{unreachable}");
}

/// Returns a part of a CronJob.
type PartOfCronJob = fn(&mut Value) -> &mut Value;

#[tokio::test]
async fn an_unsupported_field_is_named_in_the_error_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let secret = json!([{ "name": "A", "valueFrom": { "secretKeyRef": { "name": "db", "key": "url" } } }]);
    let second = json!({ "name": "second", "image": "second" });
    let action = json!({ "rules": [{ "action": "FailIndex", "onPodConditions": [] }] });
    let cases: [(PartOfCronJob, &str, Value, &str); 13] = [
        (container, "env", secret, "containers[0].env[0].valueFrom"),
        (container, "env", json!([{ "name": "A=B" }]), "containers[0].env[0].name"),
        (container, "envFrom", json!([{ "secretRef": { "name": "db" } }]), "containers[0].envFrom"),
        (
            container,
            "volumeMounts",
            json!([{ "name": "v", "mountPath": "/v" }]),
            "containers[0].volumeMounts",
        ),
        (pod, "volumes", json!([{ "name": "v", "emptyDir": {} }]), "template.spec.volumes"),
        (pod, "initContainers", json!([second]), "template.spec.initContainers"),
        (pod, "restartPolicy", json!("Always"), "template.spec.restartPolicy"),
        (pod, "activeDeadlineSeconds", json!(-1), "template.spec.activeDeadlineSeconds"),
        (job, "parallelism", json!(2), "jobTemplate.spec.parallelism"),
        (job, "completions", json!(2), "jobTemplate.spec.completions"),
        (job, "backoffLimit", json!(-1), "jobTemplate.spec.backoffLimit"),
        (job, "suspend", json!(true), "jobTemplate.spec.suspend"),
        (job, "podFailurePolicy", action, "podFailurePolicy.rules[0].action"),
    ];
    for (part, field, value, named) in cases {
        let mut manifest = cronjob(&folder, "touch started");
        part(&mut manifest)[field] = value;
        let env = TestEnv::new(&folder, &manifest).await;
        match env.request(&request()).await {
            Err(StartError::Executor(ExecutorError::Refused(text))) => {
                assert!(text.contains("jobs.yaml, document 1: spec.jobTemplate.spec"), "{text}");
                assert!(text.contains(named), "{text}");
            }
            other => panic!("{field}: {other:?}"),
        }
        assert!(env.preview().await.is_err());
    }
    assert!(!folder.path().join("started").exists());
}

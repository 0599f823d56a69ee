//! The processes of a run: how they end, and their environment variables.

use std::process::{Command, Stdio};
use trigger_core::executor::Executor;
use trigger_core::run_store::RunStore;

use secrecy::SecretString;
use serde_json::json;
use trigger_core::run::{CANCELLED_ON_REQUEST, RESTARTED, State};

use super::test_env::{self, NamedPipe, TestEnv, cause, container, cronjob, pod, wait_for_close};

/// A program whose child holds a pipe open and ignores SIGTERM.
const WITH_CHILD_THAT_IGNORES_SIGTERM: &str =
    "(trap '' TERM; exec 3> held; echo held >&3; exec sleep 1000) & echo ready; wait";

#[tokio::test]
async fn a_cancelled_run_ends_with_all_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let held = NamedPipe::new(&folder, "held");
    let env = TestEnv::new(&folder, &cronjob(&folder, WITH_CHILD_THAT_IGNORES_SIGTERM)).await;
    let run = env.launch().await;
    let closing = held.watch_for_close().await;
    env.wait_for_output(&run.id, "ready\n").await;
    let cancelled = env.cancel(&run).await.unwrap();
    wait_for_close(closing).await;
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(cause(&cancelled).reason, CANCELLED_ON_REQUEST);
    assert_eq!(env.log(&cancelled.id).await, "ready\n", "the log is stored before the end is published");
    env.recorder.drain(std::time::Duration::from_secs(1)).await;
    let stored = env.store.run(&cancelled.id).await.unwrap().unwrap();
    assert_eq!(cause(&stored).message, "Cancelled by operator.");
    env.executor.cancel(&cancelled).await.unwrap();
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed_after_its_grace_period() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = cronjob(&folder, "trap '' TERM; echo ready; tail -f /dev/null");
    pod(&mut manifest)["terminationGracePeriodSeconds"] = json!(1);
    let env = TestEnv::new(&folder, &manifest).await;
    let run = env.launch().await;
    env.wait_for_output(&run.id, "ready\n").await;
    env.executor.cancel(&run).await.unwrap();
    assert_eq!(env.wait_for_end(&run).await.state, State::Cancelled);
}

#[tokio::test]
async fn processes_that_a_program_leaves_behind_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let held = NamedPipe::new(&folder, "held");
    let gate = NamedPipe::new(&folder, "gate");
    let script = WITH_CHILD_THAT_IGNORES_SIGTERM.replace("; wait", "; cat gate");
    let env = TestEnv::new(&folder, &cronjob(&folder, &script)).await;
    let run = env.launch().await;
    let closing = held.watch_for_close().await;
    gate.open().await;
    assert_eq!(env.wait_for_end(&run).await.state, State::Succeeded);
    wait_for_close(closing).await;
}

#[tokio::test]
async fn a_run_has_its_own_variables_and_only_five_of_trigger_api() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = cronjob(&folder, "");
    container(&mut manifest)["command"] = json!(["env"]);
    container(&mut manifest)["env"] = json!([
        { "name": "SINK", "value": "api" },
        { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "db", "key": "password" } } },
        { "name": "DATABASE_URL", "value": "postgres://reader:$(PASSWORD)@db/$(NAME)" },
        { "name": "LOG_LEVEL", "value": "info" },
        { "name": "JOB", "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['batch.kubernetes.io/job-name']" } } },
        { "name": "VIEW", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "VIEW" } } },
        { "name": "NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
    ]);
    container(&mut manifest)["envFrom"] = json!([
        { "configMapRef": { "name": "settings" }, "prefix": "FROM_" },
        { "configMapRef": { "name": "none", "optional": true } },
    ]);
    test_env::write(&folder, &manifest);
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" },
        "data": { "ZONE": "America/New_York", "VIEW": "a_view" },
    });
    std::fs::write(folder.path().join("settings.yaml"), settings.to_string()).unwrap();
    let mut config = test_env::config(folder.path());
    for (name, value) in [("PASSWORD", "hunter2$(SINK)"), ("LOG_LEVEL", "debug"), ("EXTRA", "1")] {
        config.env.insert(name.to_owned(), SecretString::from(value));
    }
    let env = TestEnv::start(config, test_env::store(folder.path()).await).await;
    let run = env.run().await;
    let log = env.log(&run.id).await;
    let inherited = ["PATH=", "HOME=", "TZ=", "LANG=", "SSL_CERT_FILE="];
    let mut own: Vec<&str> =
        log.lines().filter(|line| !inherited.iter().any(|name| line.starts_with(name))).collect();
    own.sort_unstable();
    assert_eq!(
        own,
        [
            "DATABASE_URL=postgres://reader:hunter2$(SINK)@db/$(NAME)",
            "EXTRA=1",
            "FROM_VIEW=a_view",
            "FROM_ZONE=America/New_York",
            &format!("JOB={}", run.job_name),
            "LOG_LEVEL=debug",
            "NAMESPACE=trading",
            "PASSWORD=hunter2$(SINK)",
            "SINK=api",
            "VIEW=a_view",
        ]
    );
    assert!(log.contains("PATH="), "{log}");
}

#[tokio::test]
async fn a_run_ends_when_its_executor_is_killed_and_is_recorded_as_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let held = NamedPipe::new(&folder, "held");
    test_env::write(&folder, &cronjob(&folder, WITH_CHILD_THAT_IGNORES_SIGTERM));
    // The executor runs in a second process of this test binary, which can be killed.
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::starts_a_run_and_waits_for_its_end", "--ignored"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let closing = held.watch_for_close().await;
    program.kill().unwrap();
    program.wait().unwrap();
    wait_for_close(closing).await;

    let store = test_env::store(folder.path()).await;
    let unfinished = store.unfinished(&test_env::target().name).await.unwrap();
    let [run] = unfinished.try_into().expect("the killed program left a run");
    let next = TestEnv::start(test_env::config(folder.path()), store).await;
    let run = next.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Interrupted, RESTARTED));
}

#[tokio::test]
#[ignore = "another test starts this one as a process and kills it"]
async fn starts_a_run_and_waits_for_its_end() {
    let here = std::path::Path::new(".");
    if here.join("held").exists() {
        let env = TestEnv::start(test_env::config(here), test_env::store(here).await).await;
        let run = env.launch().await;
        env.wait_for_end(&run).await;
    }
}

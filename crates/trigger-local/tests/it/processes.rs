//! What becomes of the processes of a run, and what they can see.

use std::process::{Command, Stdio};

use secrecy::SecretString;
use serde_json::json;
use trigger_core::ports::Executor;
use trigger_core::run::{CANCELLED_ON_REQUEST, RESTARTED, State};

use super::machine::{self, Machine, Pipe, cause, closed, container, cronjob, pod};

/// A program whose child holds a pipe and cares neither for SIGTERM nor for whether somebody reads what it prints.
const WITH_A_STUBBORN_CHILD: &str =
    "(trap '' TERM; exec 3> held; echo held >&3; exec sleep 1000) & echo ready; wait";

#[tokio::test]
async fn a_cancelled_run_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let held = Pipe::new(&folder, "held");
    let machine = Machine::new(&folder, &cronjob(&folder, WITH_A_STUBBORN_CHILD)).await;
    let run = machine.launch().await;
    let closing = held.closes().await;
    machine.printed(&run.id, "ready\n").await;
    let cancelled = machine.dispatcher.cancel(run, "operator").await.unwrap();
    closed(closing).await;
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(cause(&cancelled).reason, CANCELLED_ON_REQUEST);
    assert_eq!(machine.log(&cancelled.id).await, "ready\n", "who sees the end finds the log");
    machine.recorder.drain(std::time::Duration::from_secs(1)).await;
    let remembered = machine.store.run(&cancelled.id).await.unwrap().unwrap();
    assert_eq!(cause(&remembered).message, "Cancelled by operator.");
    machine.executor.cancel(&cancelled).await.unwrap();
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed_after_its_grace_period() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = cronjob(&folder, "trap '' TERM; echo ready; tail -f /dev/null");
    pod(&mut manifest)["terminationGracePeriodSeconds"] = json!(1);
    let machine = Machine::new(&folder, &manifest).await;
    let run = machine.launch().await;
    machine.printed(&run.id, "ready\n").await;
    machine.executor.cancel(&run).await.unwrap();
    assert_eq!(machine.ended(&run).await.state, State::Cancelled);
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let held = Pipe::new(&folder, "held");
    let gate = Pipe::new(&folder, "gate");
    let script = WITH_A_STUBBORN_CHILD.replace("; wait", "; cat gate");
    let machine = Machine::new(&folder, &cronjob(&folder, &script)).await;
    let run = machine.launch().await;
    let closing = held.closes().await;
    gate.open().await;
    assert_eq!(machine.ended(&run).await.state, State::Succeeded);
    closed(closing).await;
}

#[tokio::test]
async fn a_run_has_its_own_variables_and_where_things_are_and_nothing_else_of_the_api() {
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
    machine::write(&folder, &manifest);
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" },
        "data": { "ZONE": "America/New_York", "VIEW": "a_view" },
    });
    std::fs::write(folder.path().join("settings.yaml"), settings.to_string()).unwrap();
    let mut config = machine::config(folder.path());
    for (name, value) in [("PASSWORD", "geheim$(SINK)"), ("LOG_LEVEL", "debug"), ("EXTRA", "1")] {
        config.env.insert(name.to_owned(), SecretString::from(value));
    }
    let machine = Machine::start(config, machine::store(folder.path()).await).await;
    let run = machine.run().await;
    let log = machine.log(&run.id).await;
    let machines = ["PATH=", "HOME=", "TZ=", "LANG=", "SSL_CERT_FILE="];
    let mut own: Vec<&str> =
        log.lines().filter(|line| !machines.iter().any(|name| line.starts_with(name))).collect();
    own.sort_unstable();
    assert_eq!(
        own,
        [
            "DATABASE_URL=postgres://reader:geheim$(SINK)@db/$(NAME)",
            "EXTRA=1",
            "FROM_VIEW=a_view",
            "FROM_ZONE=America/New_York",
            &format!("JOB={}", run.job_name),
            "LOG_LEVEL=debug",
            "NAMESPACE=trading",
            "PASSWORD=geheim$(SINK)",
            "SINK=api",
            "VIEW=a_view",
        ]
    );
    assert!(log.contains("PATH="), "{log}");
}

#[tokio::test]
async fn a_run_ends_when_the_program_that_started_it_is_killed_and_the_next_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let held = Pipe::new(&folder, "held");
    machine::write(&folder, &cronjob(&folder, WITH_A_STUBBORN_CHILD));
    // This very binary once more, as a program that can be killed.
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "local_executor::processes::starts_a_run_and_stays", "--ignored"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let closing = held.closes().await;
    program.kill().unwrap();
    program.wait().unwrap();
    closed(closing).await;

    let store = machine::store(folder.path()).await;
    let left = store.unfinished(&machine::target().name).await.unwrap();
    let [run] = left.try_into().expect("the killed program left a run");
    let next = Machine::start(machine::config(folder.path()), store).await;
    let run = next.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Interrupted, RESTARTED));
}

#[tokio::test]
#[ignore = "is the program that another test kills"]
async fn starts_a_run_and_stays() {
    let here = std::path::Path::new(".");
    if here.join("held").exists() {
        let machine = Machine::start(machine::config(here), machine::store(here).await).await;
        let run = machine.launch().await;
        machine.ended(&run).await;
    }
}

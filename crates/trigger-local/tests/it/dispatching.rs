//! The rules of the dispatcher, kept with real processes.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use trigger_core::dispatcher::StartError;
use trigger_core::ports::{Executor, ExecutorError, Freshness, Launched};
use trigger_core::run::{REPLACED, State};
use trigger_core::target::Target;

use super::machine::{Machine, Pipe, cause, closed, cronjob, keyed, request, target};

fn with_policy(folder: &TempDir, policy: &str, script: &str) -> Value {
    let mut manifest = cronjob(folder, script);
    manifest["spec"]["concurrencyPolicy"] = json!(policy);
    manifest
}

fn started(folder: &TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("started")).expect("something started").lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_requests_at_once_forbid_lets_one_start_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Pipe::new(&folder, "gate");
    let manifest = with_policy(&folder, "Forbid", "echo started >> started; cat gate");
    let machine = Machine::new(&folder, &manifest).await;
    let request = request();
    let answers = join_all((0..50).map(|_| machine.ask(&request))).await;
    let (started_ones, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let [first] = started_ones.try_into().expect("one is started");
    let run = first.unwrap().run;
    for answer in refused {
        assert!(matches!(answer, Err(StartError::ConflictingRun(other)) if other.id == run.id));
    }
    gate.open().await;
    machine.ended(&run).await;
    assert_eq!(started(&folder), 1);
    // What has ended is in nobody's way.
    let next = machine.launch().await;
    assert_ne!((&next.id, &next.job_name), (&run.id, &run.job_name));
    gate.open().await;
    machine.ended(&next).await;
    assert_eq!(started(&folder), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_launches_of_one_name_start_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(&folder, &cronjob(&folder, "echo started >> started")).await;
    let (target, request) = (target(), request());
    let launches = (0..50).map(|_| machine.executor.launch(&target, "trades-sync-a123456789", &request));
    let answers: Vec<_> = join_all(launches).await.into_iter().map(Result::unwrap).collect();
    let (created, found): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| matches!(answer, Launched::Created(_)));
    assert_eq!((created.len(), found.len()), (1, 49));
    let Some(Launched::Created(run)) = created.into_iter().next() else { unreachable!() };
    assert!(found.iter().all(|answer| matches!(answer, Launched::Found(found) if found.id == run.id)));
    machine.ended(&run).await;
    assert_eq!(started(&folder), 1);

    let other = Target { name: "other".parse().unwrap(), ..target.clone() };
    let taken = machine.executor.launch(&other, &run.job_name, &request).await;
    assert!(matches!(taken, Err(ExecutorError::NameTaken(_))), "{taken:?}");
}

#[tokio::test]
async fn without_a_rule_against_it_runs_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Pipe::new(&folder, "gate");
    let machine = Machine::new(&folder, &cronjob(&folder, "echo ready; cat gate")).await;
    let (one, two) = (machine.launch().await, machine.launch().await);
    machine.printed(&one.id, "ready\n").await;
    machine.printed(&two.id, "ready\n").await;
    let snapshot = machine.executor.inspect(&target(), Freshness::Cached).await.unwrap();
    let active: Vec<_> = snapshot.active.iter().map(|run| (&run.id, run.state)).collect();
    assert_eq!(active, [(&one.id, State::Running), (&two.id, State::Running)]);
    assert_eq!(snapshot.generation, two.id.as_str());
    gate.open().await;
    machine.dispatcher.cancel(one, "operator").await.unwrap();
    machine.dispatcher.cancel(two, "operator").await.unwrap();
}

#[tokio::test]
async fn replace_ends_the_earlier_run_before_the_later_one_starts() {
    let folder = tempfile::tempdir().unwrap();
    let held = Pipe::new(&folder, "held");
    let script = "exec 3> held; echo held >&3; exec tail -f /dev/null";
    let machine = Machine::new(&folder, &with_policy(&folder, "Replace", script)).await;
    let first = machine.launch().await;
    let closing = held.closes().await;
    let second = machine.launch().await;
    closed(closing).await;
    let closing = held.closes().await;
    let replaced = machine.ended(&first).await;
    assert_eq!((replaced.state, cause(&replaced).reason.as_str()), (State::Cancelled, REPLACED));
    assert!(cause(&replaced).message.contains(&second.job_name), "{replaced:?}");
    machine.dispatcher.cancel(second, "operator").await.unwrap();
    closed(closing).await;
}

#[tokio::test]
async fn a_repeated_key_finds_the_first_run_and_another_body_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(&folder, &cronjob(&folder, "echo started >> started")).await;
    let first = machine.ask(&keyed("k-1", "monthly report")).await.unwrap();
    assert!(!first.found);
    let run = machine.ended(&first.run).await;
    let again = machine.ask(&keyed("k-1", "monthly report")).await.unwrap();
    assert!(again.found);
    assert_eq!((&again.run.id, again.run.state), (&run.id, State::Succeeded));
    let other = machine.ask(&keyed("k-1", "another report")).await;
    assert!(matches!(other, Err(StartError::KeyReused(_))));
    assert_eq!(started(&folder), 1);
}

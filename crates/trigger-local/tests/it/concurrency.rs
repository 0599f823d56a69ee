//! Concurrency policies and idempotency keys, with real processes.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::{Executor, ExecutorError, Freshness, Launched};
use trigger_core::run::{REPLACED, State};
use trigger_core::start::StartError;

use super::test_env::{NamedPipe, TestEnv, cause, cronjob, keyed, request, target, wait_for_close};

fn with_policy(folder: &TempDir, policy: &str, script: &str) -> Value {
    let mut manifest = cronjob(folder, script);
    manifest["spec"]["concurrencyPolicy"] = json!(policy);
    manifest
}

fn started(folder: &TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("started")).expect("at least one run started").lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_forbid_only_one_of_fifty_concurrent_requests_starts_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let gate = NamedPipe::new(&folder, "gate");
    let manifest = with_policy(&folder, "Forbid", "echo started >> started; cat gate");
    let env = TestEnv::new(&folder, &manifest).await;
    let request = request();
    let answers = join_all((0..50).map(|_| env.request(&request))).await;
    let (accepted, rejected): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let [first] = accepted.try_into().expect("one is started");
    let run = first.unwrap().run;
    for answer in rejected {
        assert!(matches!(answer, Err(StartError::ConflictingRun(other)) if other.id == run.id));
    }
    gate.open().await;
    env.wait_for_end(&run).await;
    assert_eq!(started(&folder), 1);
    // A run that has ended conflicts with no other.
    let next = env.launch().await;
    assert_ne!((&next.id, &next.job_name), (&run.id, &run.job_name));
    gate.open().await;
    env.wait_for_end(&next).await;
    assert_eq!(started(&folder), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_launches_of_one_name_start_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo started >> started")).await;
    let (target, request) = (target(), request());
    let launches = (0..50).map(|_| env.executor.launch(&target, "trades-sync-a123456789", &request));
    let answers: Vec<_> = join_all(launches).await.into_iter().map(Result::unwrap).collect();
    let (created, found): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| matches!(answer, Launched::Created(_)));
    assert_eq!((created.len(), found.len()), (1, 49));
    let Some(Launched::Created(run)) = created.into_iter().next() else { unreachable!() };
    assert!(found.iter().all(|answer| matches!(answer, Launched::Found(found) if found.id == run.id)));
    env.wait_for_end(&run).await;
    assert_eq!(started(&folder), 1);

    let other = CronJobTarget { name: "other".parse().unwrap(), ..target.clone() };
    let result = env.executor.launch(&other, &run.job_name, &request).await;
    assert!(matches!(result, Err(ExecutorError::NameTaken(_))), "{result:?}");
}

#[tokio::test]
async fn with_allow_runs_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let gate = NamedPipe::new(&folder, "gate");
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo ready; cat gate")).await;
    let (one, two) = (env.launch().await, env.launch().await);
    env.wait_for_output(&one.id, "ready\n").await;
    env.wait_for_output(&two.id, "ready\n").await;
    let snapshot = env.executor.inspect(&target(), Freshness::Cached).await.unwrap();
    let active: Vec<_> = snapshot.active.iter().map(|run| (&run.id, run.state)).collect();
    assert_eq!(active, [(&one.id, State::Running), (&two.id, State::Running)]);
    assert_eq!(snapshot.generation, two.id.as_str());
    gate.open().await;
    env.cancel(&one).await.unwrap();
    env.cancel(&two).await.unwrap();
}

#[tokio::test]
async fn replace_cancels_the_earlier_run_before_the_later_one_starts() {
    let folder = tempfile::tempdir().unwrap();
    let held = NamedPipe::new(&folder, "held");
    let script = "exec 3> held; echo held >&3; exec tail -f /dev/null";
    let env = TestEnv::new(&folder, &with_policy(&folder, "Replace", script)).await;
    let first = env.launch().await;
    let closing = held.watch_for_close().await;
    let second = env.launch().await;
    wait_for_close(closing).await;
    let closing = held.watch_for_close().await;
    let replaced = env.wait_for_end(&first).await;
    assert_eq!((replaced.state, cause(&replaced).reason.as_str()), (State::Cancelled, REPLACED));
    assert!(cause(&replaced).message.contains(&second.job_name), "{replaced:?}");
    env.cancel(&second).await.unwrap();
    wait_for_close(closing).await;
}

#[tokio::test]
async fn a_repeated_idempotency_key_finds_the_first_run_and_another_body_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo started >> started")).await;
    let first = env.request(&keyed("k-1", "monthly report")).await.unwrap();
    assert!(!first.found);
    let run = env.wait_for_end(&first.run).await;
    let again = env.request(&keyed("k-1", "monthly report")).await.unwrap();
    assert!(again.found);
    assert_eq!((&again.run.id, again.run.state), (&run.id, State::Succeeded));
    let other = env.request(&keyed("k-1", "another report")).await;
    assert!(matches!(other, Err(StartError::KeyReused(_))));
    assert_eq!(started(&folder), 1);
}

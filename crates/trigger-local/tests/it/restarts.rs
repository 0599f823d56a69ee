//! Runs across a shutdown and a restart of the executor.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trigger_core::executor::ExecutorError;
use trigger_core::request::RunRequest;
use trigger_core::run::{RESTARTED, Run, RunId, State};
use trigger_core::run_store::RunStore;
use trigger_core::start::StartError;

use super::test_env::{
    NamedPipe, TestEnv, cause, config, cronjob, keyed, request, store, target, wait_for_close, write,
};

#[tokio::test]
async fn a_graceful_shutdown_interrupts_active_runs_and_rejects_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let held = NamedPipe::new(&folder, "held");
    let script = "exec 3> held; echo held >&3; echo ready; exec tail -f /dev/null";
    let env = TestEnv::new(&folder, &cronjob(&folder, script)).await;
    let run = env.launch().await;
    let closing = held.watch_for_close().await;
    env.wait_for_output(&run.id, "ready\n").await;
    env.executor.shutdown().await;
    env.recorder.drain(Duration::from_secs(5)).await;
    wait_for_close(closing).await;
    let run = env.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Interrupted, RESTARTED));
    assert_eq!(env.log(&run.id).await, "ready\n");
    let late = env.request(&request()).await;
    assert!(matches!(late, Err(StartError::Executor(ExecutorError::Unreachable(_)))), "{late:?}");
}

#[tokio::test]
async fn unfinished_runs_of_an_earlier_process_are_interrupted_and_finished_ones_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = cronjob(&folder, "echo started >> started");
    manifest["spec"]["concurrencyPolicy"] = json!("Forbid");
    write(&folder, &manifest);
    let store = store(folder.path()).await;
    let before = TestEnv::start(config(folder.path()), Arc::clone(&store)).await;
    let ended = before.request(&keyed("k-1", "before")).await.unwrap().run;
    let ended = before.wait_for_end(&ended).await;
    let lost = before.run().await;
    before.executor.shutdown().await;
    drop(before);
    // The store is now as if the process had been killed during a later run.
    let lost = Run { id: RunId::new("local-lost"), state: State::Running, finished_at: None, ..lost };
    store.save(&lost).await.unwrap();

    let after = TestEnv::start(config(folder.path()), Arc::clone(&store)).await;
    let found = store.run(&lost.id).await.unwrap().unwrap();
    assert_eq!((found.state, cause(&found).reason.as_str()), (State::Interrupted, RESTARTED));
    assert!(found.finished_at.is_some() && cause(&found).message.ends_with('.'), "{found:?}");
    assert!(store.unfinished(&target().name).await.unwrap().is_empty());

    let again = after.request(&keyed("k-1", "before")).await.unwrap();
    assert!(again.found);
    assert_eq!((again.run.id, again.run.state), (ended.id, State::Succeeded));
    // The name derives from the newest run in the store, so it is a new one.
    let next = after.run().await;
    assert_ne!(next.job_name, lost.job_name);
    assert_eq!(next.state, State::Succeeded);
}

#[tokio::test]
async fn a_retry_is_stored_with_the_run_that_it_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo again")).await;
    let earlier = env.run().await;
    let retry = RunRequest { retry_of: Some(earlier.id.clone()), ..request() };
    let run = env.request(&retry).await.unwrap().run;
    let run = env.wait_for_end(&run).await;
    assert_eq!((run.state, run.retry_of.as_ref()), (State::Succeeded, Some(&earlier.id)));
    assert_eq!(env.store.run(&run.id).await.unwrap(), Some(run));
}

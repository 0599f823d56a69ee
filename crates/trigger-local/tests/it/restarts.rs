//! What a stop and a new start of the program leave behind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trigger_core::dispatcher::StartError;
use trigger_core::ports::ExecutorError;
use trigger_core::run::{RESTARTED, Run, RunId, State};

use super::machine::{Machine, Pipe, cause, closed, config, cronjob, keyed, request, store, target, write};

#[tokio::test]
async fn a_graceful_stop_interrupts_what_runs_and_starts_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let held = Pipe::new(&folder, "held");
    let script = "exec 3> held; echo held >&3; echo ready; exec tail -f /dev/null";
    let machine = Machine::new(&folder, &cronjob(&folder, script)).await;
    let run = machine.launch().await;
    let closing = held.closes().await;
    machine.printed(&run.id, "ready\n").await;
    machine.executor.shutdown().await;
    machine.recorder.drain(Duration::from_secs(5)).await;
    closed(closing).await;
    let run = machine.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Interrupted, RESTARTED));
    assert_eq!(machine.log(&run.id).await, "ready\n");
    let late = machine.ask(&request()).await;
    assert!(matches!(late, Err(StartError::Executor(ExecutorError::Unreachable(_)))), "{late:?}");
}

#[tokio::test]
async fn what_an_earlier_process_left_unfinished_is_interrupted_and_what_it_finished_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = cronjob(&folder, "echo started >> started");
    manifest["spec"]["concurrencyPolicy"] = json!("Forbid");
    write(&folder, &manifest);
    let store = store(folder.path()).await;
    let before = Machine::start(config(folder.path()), Arc::clone(&store)).await;
    let ended = before.ask(&keyed("k-1", "before")).await.unwrap().run;
    let ended = before.ended(&ended).await;
    let lost = before.run().await;
    before.executor.shutdown().await;
    drop(before);
    // As if that program had been killed during a later run.
    let lost = Run { id: RunId::new("local-lost"), state: State::Running, finished_at: None, ..lost };
    store.save(&lost).await.unwrap();

    let after = Machine::start(config(folder.path()), Arc::clone(&store)).await;
    let found = store.run(&lost.id).await.unwrap().unwrap();
    assert_eq!((found.state, cause(&found).reason.as_str()), (State::Interrupted, RESTARTED));
    assert!(found.finished_at.is_some() && cause(&found).message.ends_with('.'), "{found:?}");
    assert!(store.unfinished(&target().name).await.unwrap().is_empty());

    let again = after.ask(&keyed("k-1", "before")).await.unwrap();
    assert!(again.found);
    assert_eq!((again.run.id, again.run.state), (ended.id, State::Succeeded));
    // Named after the newest run that the store remembers, so the name is a new one.
    let next = after.run().await;
    assert_ne!(next.job_name, lost.job_name);
    assert_eq!(next.state, State::Succeeded);
}

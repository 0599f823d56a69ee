//! Runs that fail, are cancelled or exceed their deadline.

use std::time::Duration;
use trigger_core::task::TaskTarget;

use trigger_core::run::{CANCELLED_ON_REQUEST, DEADLINE_EXCEEDED, PANICKED, Run, State};

use super::replica::Replica;
use super::scripted_task::{Instruction, scripted};
use crate::support::{both, sqlite};

#[track_caller]
fn assert_ended(run: &Run, state: State, reason: &str) {
    let cause = run.cause.as_ref().expect("the run has a cause");
    assert_eq!((run.state, cause.reason.as_str()), (state, reason), "{cause:?}");
    assert!(run.finished_at.is_some());
}

#[tokio::test]
async fn a_failed_task_reports_its_message_and_not_the_detail_for_the_log() {
    let database = sqlite();
    let (target, mut script) = scripted(true);
    let replica = Replica::start(&database.url, &target).await;
    let run = replica.submit(1).await;
    script.next().await.instruct(Instruction::Fail);
    let run = replica.ended(&run.id).await;
    assert_ended(&run, State::Failed, "Refused");
    assert_eq!(run.cause.unwrap().message, "The test made it fail.");
    assert!(replica.log(&run.id).await.ends_with("failed: The test made it fail.\n"));
    assert_eq!(replica.queue.result(&run.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_panics_has_failed_and_the_next_one_is_executed() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&database.url, &target).await;
        let (panicked, next) = (replica.submit(1).await, replica.submit(2).await);
        script.next().await.instruct(Instruction::Panic);
        assert_ended(&replica.ended(&panicked.id).await, State::Failed, PANICKED);
        script.next().await.succeed();
        assert_eq!(replica.ended(&next.id).await.state, State::Succeeded);
    }
}

#[tokio::test]
async fn a_queued_or_running_run_can_be_cancelled_and_an_ended_one_keeps_its_state() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&database.url, &target).await;
        let (running, queued) = (replica.submit(1).await, replica.submit(2).await);
        let started = script.next().await;
        let cancelled = replica.queue.cancel(queued, "operator").await.unwrap();
        assert_ended(&cancelled, State::Cancelled, CANCELLED_ON_REQUEST);
        assert!(cancelled.cause.unwrap().message.contains("operator"));
        let cancelled = replica.queue.cancel(running, "operator").await.unwrap();
        assert_ended(&cancelled, State::Cancelled, CANCELLED_ON_REQUEST);
        started.dropped().await;
        let done = replica.submit(3).await;
        let started = script.next().await;
        assert_eq!(started.parameters["number"], 3, "a cancelled run is not started");
        started.succeed();
        let done = replica.ended(&done.id).await;
        assert_eq!(replica.queue.cancel(done.clone(), "operator").await.unwrap(), done);
        assert_eq!(
            replica.events_of(&cancelled.id).await,
            ["pending", "running", "cancelled CancelledOnRequest"]
        );
    }
}

#[tokio::test]
async fn a_run_that_exceeds_its_deadline_has_failed_and_is_dropped() {
    let database = sqlite();
    let (target, mut script) = scripted(true);
    let target = TaskTarget { timeout: Duration::from_millis(50), ..target };
    let replica = Replica::start(&database.url, &target).await;
    let run = replica.submit(1).await;
    let started = script.next().await;
    assert_ended(&replica.ended(&run.id).await, State::Failed, DEADLINE_EXCEEDED);
    started.dropped().await;
}

#[tokio::test]
async fn a_run_that_blocks_its_thread_fails_at_its_deadline_but_keeps_its_slot_until_the_thread_ends() {
    let database = sqlite();
    let (target, mut script) = scripted(true);
    let target = TaskTarget { timeout: Duration::from_millis(200), ..target };
    let replica = Replica::start(&database.url, &target).await;
    let (blocked, next) = (replica.submit(1).await, replica.submit(2).await);
    let (end, receiver) = std::sync::mpsc::channel();
    script.next().await.instruct(Instruction::Block(receiver));
    assert_ended(&replica.ended(&blocked.id).await, State::Failed, DEADLINE_EXCEEDED);
    let depth = &replica.queue.depths().await.unwrap()[&target.name];
    assert_eq!((depth.waiting, depth.running), (1, 1));
    assert!(script.is_idle());
    drop(end);
    script.next().await.succeed();
    assert_eq!(replica.ended(&next.id).await.state, State::Succeeded);
    assert_ended(&replica.ended(&blocked.id).await, State::Failed, DEADLINE_EXCEEDED);
}

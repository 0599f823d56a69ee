//! How runs end that do not succeed.

use std::time::Duration;

use trigger_core::run::{CANCELLED_ON_REQUEST, DEADLINE_EXCEEDED, PANICKED, Run, State};
use trigger_core::task::TaskTarget;

use super::replica::Replica;
use super::script::{Order, scripted};
use crate::support::{both, sqlite};

#[track_caller]
fn assert_ended(run: &Run, state: State, reason: &str) {
    let cause = run.cause.as_ref().expect("there is a cause");
    assert_eq!((run.state, cause.reason.as_str()), (state, reason), "{cause:?}");
    assert!(run.finished_at.is_some());
}

#[tokio::test]
async fn a_task_that_fails_says_why_and_what_is_for_the_log_stays_there() {
    let place = sqlite();
    let (target, mut script) = scripted(true);
    let replica = Replica::start(&place.url, &target).await;
    let run = replica.submit(1).await;
    script.next().await.order(Order::Fail);
    let run = replica.ended(&run.id).await;
    assert_ended(&run, State::Failed, "Refused");
    assert_eq!(run.cause.unwrap().message, "It was told to fail.");
    assert!(replica.log(&run.id).await.ends_with("failed: It was told to fail.\n"));
    assert_eq!(replica.queue.result(&run.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_panics_has_failed_and_the_next_one_is_done() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&place.url, &target).await;
        let (breaks, follows) = (replica.submit(1).await, replica.submit(2).await);
        script.next().await.order(Order::Panic);
        assert_ended(&replica.ended(&breaks.id).await, State::Failed, PANICKED);
        script.next().await.succeed();
        assert_eq!(replica.ended(&follows.id).await.state, State::Succeeded);
    }
}

#[tokio::test]
async fn a_run_that_waits_or_goes_on_can_be_cancelled_and_one_that_has_ended_stays() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&place.url, &target).await;
        let (goes_on, waits) = (replica.submit(1).await, replica.submit(2).await);
        let begun = script.next().await;
        let cancelled = replica.queue.cancel(waits, "operator").await.unwrap();
        assert_ended(&cancelled, State::Cancelled, CANCELLED_ON_REQUEST);
        assert!(cancelled.cause.unwrap().message.contains("operator"));
        let cancelled = replica.queue.cancel(goes_on, "operator").await.unwrap();
        assert_ended(&cancelled, State::Cancelled, CANCELLED_ON_REQUEST);
        begun.dropped().await;
        let done = replica.submit(3).await;
        let begun = script.next().await;
        assert_eq!(begun.parameters["number"], 3, "what was cancelled is not begun");
        begun.succeed();
        let done = replica.ended(&done.id).await;
        assert_eq!(replica.queue.cancel(done.clone(), "operator").await.unwrap(), done);
        assert_eq!(replica.told(&cancelled.id).await, ["pending", "running", "cancelled CancelledOnRequest"]);
    }
}

#[tokio::test]
async fn a_run_whose_time_is_over_has_failed_and_is_dropped() {
    let place = sqlite();
    let (target, mut script) = scripted(true);
    let target = TaskTarget { limit: Duration::from_millis(50), ..target };
    let replica = Replica::start(&place.url, &target).await;
    let run = replica.submit(1).await;
    let begun = script.next().await;
    assert_ended(&replica.ended(&run.id).await, State::Failed, DEADLINE_EXCEEDED);
    begun.dropped().await;
}

#[tokio::test]
async fn a_run_that_never_lets_go_ends_in_time_but_keeps_its_place_until_it_really_has() {
    let place = sqlite();
    let (target, mut script) = scripted(true);
    let target = TaskTarget { limit: Duration::from_millis(200), ..target };
    let replica = Replica::start(&place.url, &target).await;
    let (stuck, next) = (replica.submit(1).await, replica.submit(2).await);
    let (end, computing) = std::sync::mpsc::channel();
    script.next().await.order(Order::Compute(computing));
    assert_ended(&replica.ended(&stuck.id).await, State::Failed, DEADLINE_EXCEEDED);
    let depth = &replica.queue.depths().await.unwrap()[&target.name];
    assert_eq!((depth.waiting, depth.running), (1, 1));
    assert!(script.is_idle());
    drop(end);
    script.next().await.succeed();
    assert_eq!(replica.ended(&next.id).await.state, State::Succeeded);
    assert_ended(&replica.ended(&stuck.id).await, State::Failed, DEADLINE_EXCEEDED);
}

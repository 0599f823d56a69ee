//! Replicas that stop, die, or lose the store.

use trigger_core::run::{RESTARTED, State};
use trigger_core::task::TaskTarget;

use super::replica::Replica;
use super::script::scripted;
use crate::relay::{Relay, Way};
use crate::support::{both, postgres};

#[tokio::test]
async fn what_waits_survives_a_death_and_what_went_on_is_begun_again() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let first = Replica::start(&place.url, &target).await;
        let (goes_on, waits) = (first.submit(1).await, first.submit(2).await);
        let begun = script.next().await;
        first.die().await;
        begun.dropped().await;
        let second = Replica::start(&place.url, &target).await;
        let again = script.next().await;
        assert_eq!(again.parameters["number"], 1, "it comes before what waited longer for its first time");
        again.succeed();
        let done = second.ended(&goes_on.id).await;
        assert_eq!((done.state, done.task.unwrap().attempt), (State::Succeeded, 2));
        script.next().await.succeed();
        assert_eq!(second.ended(&waits.id).await.state, State::Succeeded);
        let told = second.told(&goes_on.id).await;
        assert_eq!(told, ["pending", "running", "pending Restarted", "running", "succeeded"]);
    }
}

#[tokio::test]
async fn a_task_that_may_not_be_done_twice_is_interrupted_by_a_death() {
    for (resumable, resume) in [(false, true), (true, false)] {
        let place = postgres().await;
        let (target, mut script) = scripted(resumable);
        let target = TaskTarget { resume, ..target };
        let (first, second) =
            (Replica::start(&place.url, &target).await, Replica::start(&place.url, &target).await);
        let run = first.submit(1).await;
        let _begun = script.next().await;
        // Which of the two does it is theirs to say.
        first.die().await;
        second.die().await;
        let third = Replica::start(&place.url, &target).await;
        let run = third.ended(&run.id).await;
        assert_eq!((run.state, run.cause.unwrap().reason.as_str()), (State::Interrupted, RESTARTED));
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn a_dead_replica_s_run_of_a_task_that_nobody_has_any_more_is_interrupted() {
    let place = postgres().await;
    let (target, mut script) = scripted(true);
    let first = Replica::start(&place.url, &target).await;
    let run = first.submit(1).await;
    let _begun = script.next().await;
    first.die().await;
    let second = Replica::without_tasks(&place.url, &target).await;
    let run = second.ended(&run.id).await;
    assert_eq!((run.state, run.cause.unwrap().reason.as_str()), (State::Interrupted, RESTARTED));
}

#[tokio::test]
async fn a_run_that_takes_its_replica_along_is_begun_three_times_and_no_more() {
    let place = postgres().await;
    let (target, mut script) = scripted(true);
    let mut replica = Replica::start(&place.url, &target).await;
    let run = replica.submit(1).await;
    for _ in 0..3 {
        let _begun = script.next().await;
        replica.die().await;
        replica = Replica::start(&place.url, &target).await;
    }
    let run = replica.ended(&run.id).await;
    assert_eq!((run.state, run.task.unwrap().attempt), (State::Interrupted, 3));
    assert!(run.cause.unwrap().message.contains("3 times"));
}

#[tokio::test]
async fn a_replica_that_stops_in_good_order_hands_its_run_over_at_once() {
    let place = postgres().await;
    let (target, mut script) = scripted(true);
    let first = Replica::start(&place.url, &target).await;
    let run = first.submit(1).await;
    let begun = script.next().await;
    let second = Replica::start(&place.url, &target).await;
    first.stop().await;
    begun.dropped().await;
    script.next().await.succeed();
    let run = second.ended(&run.id).await;
    assert_eq!((run.state, run.task.unwrap().attempt), (State::Succeeded, 1), "the attempt did not count");
}

#[tokio::test]
async fn a_run_is_cancelled_on_a_replica_that_does_not_do_it() {
    let place = postgres().await;
    let (target, mut script) = scripted(true);
    let doing = Replica::start(&place.url, &target).await;
    let run = doing.submit(1).await;
    let begun = script.next().await;
    let other = Replica::start(&place.url, &target).await;
    assert_eq!(other.queue.cancel(run, "operator").await.unwrap().state, State::Cancelled);
    begun.dropped().await;
    let next = other.submit(2).await;
    script.next().await.succeed();
    assert_eq!(other.ended(&next.id).await.state, State::Succeeded);
}

#[tokio::test]
async fn a_worker_without_the_store_stops_before_another_one_begins() {
    let place = postgres().await;
    let server = place.postgres.as_ref().expect("it is on Postgres");
    let (target, mut script) = scripted(true);
    let mut relay = Relay::to(server.port, Way::Open).await;
    let cut_off = Replica::start(&relay.url(&place.url, server.port), &target).await;
    let run = cut_off.submit(1).await;
    let begun = script.next().await;
    relay.turn(Way::Cut);
    relay.somebody_turned_away().await;
    let other = Replica::start(&place.url, &target).await;
    begun.dropped().await;
    assert!(script.is_idle(), "the first one is dropped before the second one begins");
    script.next().await.succeed();
    let done = other.ended(&run.id).await;
    assert_eq!((done.state, done.task.unwrap().attempt), (State::Succeeded, 2));
    // What the first one has to say when it is back changes nothing.
    relay.turn(Way::Open);
    cut_off.stop().await;
    assert_eq!(other.ended(&run.id).await.state, State::Succeeded);
}

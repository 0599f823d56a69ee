//! Replicas that stop, are killed, or lose the connection to the store.

use trigger_core::run::{RESTARTED, State};
use trigger_core::task::TaskTarget;

use super::replica::Replica;
use super::scripted_task::scripted;
use crate::support::{both, postgres};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};

#[tokio::test]
async fn after_a_replica_is_killed_its_queued_runs_remain_and_its_running_one_is_restarted() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let first = Replica::start(&database.url, &target).await;
        let (running, queued) = (first.submit(1).await, first.submit(2).await);
        let started = script.next().await;
        first.kill().await;
        started.dropped().await;
        let second = Replica::start(&database.url, &target).await;
        let again = script.next().await;
        assert_eq!(again.parameters["number"], 1, "the oldest run is started first");
        again.succeed();
        let done = second.ended(&running.id).await;
        assert_eq!((done.state, done.task.unwrap().attempt), (State::Succeeded, 2));
        script.next().await.succeed();
        assert_eq!(second.ended(&queued.id).await.state, State::Succeeded);
        let events = second.events_of(&running.id).await;
        assert_eq!(events, ["pending", "running", "pending Restarted", "running", "succeeded"]);
    }
}

#[tokio::test]
async fn a_run_of_a_task_that_does_not_resume_is_interrupted_when_its_replica_is_killed() {
    for (resumable, resume) in [(false, true), (true, false)] {
        let database = postgres().await;
        let (target, mut script) = scripted(resumable);
        let target = TaskTarget { resume, ..target };
        let (first, second) =
            (Replica::start(&database.url, &target).await, Replica::start(&database.url, &target).await);
        let run = first.submit(1).await;
        let _started = script.next().await;
        // Either of the two can execute it.
        first.kill().await;
        second.kill().await;
        let third = Replica::start(&database.url, &target).await;
        let run = third.ended(&run.id).await;
        assert_eq!((run.state, run.cause.unwrap().reason.as_str()), (State::Interrupted, RESTARTED));
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn a_run_of_a_task_that_is_no_longer_configured_is_interrupted_when_its_lease_expires() {
    let database = postgres().await;
    let (target, mut script) = scripted(true);
    let first = Replica::start(&database.url, &target).await;
    let run = first.submit(1).await;
    let _started = script.next().await;
    first.kill().await;
    let second = Replica::without_tasks(&database.url, &target).await;
    let run = second.ended(&run.id).await;
    assert_eq!((run.state, run.cause.unwrap().reason.as_str()), (State::Interrupted, RESTARTED));
}

#[tokio::test]
async fn a_run_whose_replica_is_killed_each_time_is_started_at_most_three_times() {
    let database = postgres().await;
    let (target, mut script) = scripted(true);
    let mut replica = Replica::start(&database.url, &target).await;
    let run = replica.submit(1).await;
    for _ in 0..3 {
        let _started = script.next().await;
        replica.kill().await;
        replica = Replica::start(&database.url, &target).await;
    }
    let run = replica.ended(&run.id).await;
    assert_eq!((run.state, run.task.unwrap().attempt), (State::Interrupted, 3));
    assert!(run.cause.unwrap().message.contains("attempt 3 of 3"));
}

#[tokio::test]
async fn a_replica_that_shuts_down_releases_its_run_at_once() {
    let database = postgres().await;
    let (target, mut script) = scripted(true);
    let first = Replica::start(&database.url, &target).await;
    let run = first.submit(1).await;
    let started = script.next().await;
    let second = Replica::start(&database.url, &target).await;
    first.stop().await;
    started.dropped().await;
    script.next().await.succeed();
    let run = second.ended(&run.id).await;
    assert_eq!(
        (run.state, run.task.unwrap().attempt),
        (State::Succeeded, 1),
        "the interrupted attempt does not count"
    );
}

#[tokio::test]
async fn a_run_can_be_cancelled_on_a_replica_that_does_not_execute_it() {
    let database = postgres().await;
    let (target, mut script) = scripted(true);
    let executing = Replica::start(&database.url, &target).await;
    let run = executing.submit(1).await;
    let started = script.next().await;
    let other = Replica::start(&database.url, &target).await;
    assert_eq!(other.queue.cancel(run, "operator").await.unwrap().state, State::Cancelled);
    started.dropped().await;
    let next = other.submit(2).await;
    script.next().await.succeed();
    assert_eq!(other.ended(&next.id).await.state, State::Succeeded);
}

#[tokio::test]
async fn a_worker_that_lost_the_store_stops_before_another_one_starts() {
    let database = postgres().await;
    let server = database.postgres();
    let (target, mut script) = scripted(true);
    let mut proxy = TcpProxy::start(server.port, ProxyMode::Open).await;
    let disconnected = Replica::start(&proxy.url(&database.url, server.port), &target).await;
    let run = disconnected.submit(1).await;
    let started = script.next().await;
    proxy.set_mode(ProxyMode::Closed);
    proxy.rejects().await;
    let other = Replica::start(&database.url, &target).await;
    started.dropped().await;
    assert!(script.is_idle(), "the first attempt is dropped before the second one starts");
    script.next().await.succeed();
    let done = other.ended(&run.id).await;
    assert_eq!((done.state, done.task.unwrap().attempt), (State::Succeeded, 2));
    // The first replica changes nothing when it can reach the store again.
    proxy.set_mode(ProxyMode::Open);
    disconnected.stop().await;
    assert_eq!(other.ended(&run.id).await.state, State::Succeeded);
}

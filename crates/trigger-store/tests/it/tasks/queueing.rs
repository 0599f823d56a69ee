//! Which requests are queued, and which are rejected.

use futures_util::future::join_all;
use serde_json::json;
use trigger_core::run::State;
use trigger_core::start::StartError;
use trigger_core::task::TaskTarget;
use trigger_core::task_queue::QueueDepth;

use super::replica::{Replica, keyed, numbered};
use super::scripted_task::{Instruction, scripted};
use crate::support::{PATIENCE, both, sqlite};

#[tokio::test]
async fn a_run_is_queued_and_executed_and_its_result_log_and_events_are_stored() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&database.url, &target).await;
        let run = replica.submit(7).await;
        assert_eq!((run.state, run.requested_by.as_deref()), (State::Pending, Some("admin")));
        let started = script.next().await;
        assert_eq!(started.parameters["number"], 7);
        started.context.report_progress(40, "four of ten");
        let in_progress =
            replica.until(&run.id, |run| run.task.as_ref().is_some_and(|task| task.progress.percent == 40));
        let in_progress = in_progress.await;
        assert_eq!(
            (in_progress.state, in_progress.task.unwrap().progress.note.as_str()),
            (State::Running, "four of ten")
        );
        assert_eq!(replica.queue.result(&run.id).await.unwrap(), None);
        started.instruct(Instruction::Succeed(json!({ "answer": 42 })));
        let run = replica.ended(&run.id).await;
        assert_eq!((run.state, run.cause), (State::Succeeded, None));
        assert!(run.created_at <= run.started_at.unwrap() && run.started_at <= run.finished_at);
        assert_eq!(replica.queue.result(&run.id).await.unwrap(), Some(json!({ "answer": 42 })));
        assert!(replica.log(&run.id).await.contains(" 40% four of ten\n"));
        let task = run.task.unwrap();
        assert_eq!((task.attempt, task.progress.percent), (1, 100));
        assert_eq!(replica.events_of(&run.id).await, ["pending", "running", "running", "succeeded"]);
    }
}

#[tokio::test]
async fn a_full_queue_rejects_requests_and_loses_no_run() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let target = TaskTarget { max_queued: 20, ..target };
        // A thousand concurrent requests can delay a heartbeat.
        let replica = Replica::with_lease(&database.url, &target, PATIENCE).await;
        let in_progress = replica.submit(0).await;
        let started = script.next().await;
        let requests: Vec<_> = (1..=1_000).map(numbered).collect();
        let answers = join_all(requests.iter().map(|request| replica.request(request))).await;
        let (queued, rejected): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(
            rejected.iter().all(|answer| matches!(answer, Err(StartError::QueueFull { max_queued: 20, .. })))
        );
        // On Postgres, requests on several connections at the same moment can exceed the limit.
        let max_queued = if database.postgres.is_some() { 20 + 7 } else { 20 };
        assert!((20..=max_queued).contains(&queued.len()), "{}", queued.len());
        let depth = QueueDepth { waiting: queued.len() as u64, running: 1 };
        assert_eq!(replica.queue.depths().await.unwrap()[&target.name], depth);
        assert!(replica.queue.preview(&target, &numbered(1)).await.unwrap().rejection.is_some());
        started.succeed();
        replica.ended(&in_progress.id).await;
        for _ in &queued {
            script.next().await.succeed();
        }
        for run in queued {
            assert_eq!(replica.ended(&run.unwrap().run.id).await.state, State::Succeeded);
        }
        assert!(replica.queue.preview(&target, &numbered(1)).await.unwrap().rejection.is_none());
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn a_repeated_key_finds_the_run_even_if_the_queue_is_full_and_another_body_is_rejected() {
    for database in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&database.url, &TaskTarget { max_queued: 1, ..target }).await;
        let first = replica.request(&keyed("k-1", 1)).await.unwrap().run;
        let started = script.next().await;
        let second = replica.request(&keyed("k-2", 1)).await.unwrap().run;
        for (key, run) in [("k-1", &first), ("k-2", &second)] {
            let again = replica.request(&keyed(key, 1)).await.unwrap();
            assert!(again.found && again.run.id == run.id);
            let other = replica.request(&keyed(key, 2)).await;
            assert!(matches!(other, Err(StartError::KeyReused(other)) if other.id == run.id));
        }
        assert!(matches!(replica.request(&keyed("k-3", 1)).await, Err(StartError::QueueFull { .. })));
        started.succeed();
        script.next().await.succeed();
        replica.ended(&second.id).await;
        assert!(replica.request(&keyed("k-1", 1)).await.unwrap().found, "even after its end");
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn parameters_that_the_task_does_not_accept_are_rejected_before_they_are_queued() {
    let database = sqlite();
    let (target, _script) = scripted(true);
    let replica = Replica::start(&database.url, &target).await;
    let mut request = numbered(1);
    request.parameters.insert("nonsense".to_owned(), json!(1));
    let rejected = replica.request(&request).await;
    assert!(matches!(rejected, Err(StartError::BadParameters(problem)) if problem.contains("nonsense")));
    assert_eq!(replica.queue.depths().await.unwrap()[&target.name], QueueDepth::default());
}

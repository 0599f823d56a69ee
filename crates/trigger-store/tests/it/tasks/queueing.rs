//! What is queued, and what is not.

use futures_util::future::join_all;
use serde_json::json;
use trigger_core::dispatcher::StartError;
use trigger_core::run::State;
use trigger_core::task::TaskTarget;
use trigger_core::task_queue::QueueDepth;

use super::replica::{Replica, keyed, numbered};
use super::script::{Order, scripted};
use crate::support::PATIENCE;
use crate::support::both;

#[tokio::test]
async fn a_run_waits_is_done_and_leaves_its_result_its_log_and_its_story() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&place.url, &target).await;
        let run = replica.submit(7).await;
        assert_eq!((run.state, run.requested_by.as_deref()), (State::Pending, Some("admin")));
        let begun = script.next().await;
        assert_eq!(begun.parameters["number"], 7);
        begun.context.progress(40, "four of ten");
        let told =
            replica.until(&run.id, |run| run.task.as_ref().is_some_and(|task| task.progress.percent == 40));
        let told = told.await;
        assert_eq!((told.state, told.task.unwrap().progress.note.as_str()), (State::Running, "four of ten"));
        assert_eq!(replica.queue.result(&run.id).await.unwrap(), None);
        begun.order(Order::Succeed(json!({ "answer": 42 })));
        let run = replica.ended(&run.id).await;
        assert_eq!((run.state, run.cause), (State::Succeeded, None));
        assert!(run.created_at <= run.started_at.unwrap() && run.started_at <= run.finished_at);
        assert_eq!(replica.queue.result(&run.id).await.unwrap(), Some(json!({ "answer": 42 })));
        assert!(replica.log(&run.id).await.contains(" 40% four of ten\n"));
        let task = run.task.unwrap();
        assert_eq!((task.attempt, task.progress.percent), (1, 100));
        assert_eq!(replica.told(&run.id).await, ["pending", "running", "running", "succeeded"]);
    }
}

#[tokio::test]
async fn past_the_bound_requests_are_turned_away_and_nothing_is_lost() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let target = TaskTarget { queue: 20, ..target };
        // A thousand requests at once may keep a beat waiting.
        let replica = Replica::with_lease(&place.url, &target, PATIENCE).await;
        let going = replica.submit(0).await;
        let begun = script.next().await;
        let requests: Vec<_> = (1..=1_000).map(numbered).collect();
        let answers = join_all(requests.iter().map(|request| replica.ask(request))).await;
        let (queued, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(
            refused.iter().all(|answer| matches!(answer, Err(StartError::QueueFull { waiting: 20, .. })))
        );
        // Postgres has several connections: those that ask at the very same moment may all get in.
        let most = if place.postgres.is_some() { 20 + 7 } else { 20 };
        assert!((20..=most).contains(&queued.len()), "{}", queued.len());
        let depth = QueueDepth { waiting: queued.len() as u64, running: 1 };
        assert_eq!(replica.queue.depths().await.unwrap()[&target.name], depth);
        assert!(replica.queue.rejection(&target).await.unwrap().is_some());
        begun.succeed();
        replica.ended(&going.id).await;
        for _ in &queued {
            script.next().await.succeed();
        }
        for run in queued {
            assert_eq!(replica.ended(&run.unwrap().run.id).await.state, State::Succeeded);
        }
        assert!(replica.queue.rejection(&target).await.unwrap().is_none());
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn a_repeated_key_finds_the_run_also_when_the_queue_is_full_and_another_body_is_refused() {
    for place in both().await {
        let (target, mut script) = scripted(true);
        let replica = Replica::start(&place.url, &TaskTarget { queue: 1, ..target }).await;
        let begun_by = replica.ask(&keyed("k-1", 1)).await.unwrap().run;
        let begun = script.next().await;
        let waiting = replica.ask(&keyed("k-2", 1)).await.unwrap().run;
        for (key, run) in [("k-1", &begun_by), ("k-2", &waiting)] {
            let again = replica.ask(&keyed(key, 1)).await.unwrap();
            assert!(again.found && again.run.id == run.id);
            let other = replica.ask(&keyed(key, 2)).await;
            assert!(matches!(other, Err(StartError::KeyReused(other)) if other.id == run.id));
        }
        assert!(matches!(replica.ask(&keyed("k-3", 1)).await, Err(StartError::QueueFull { .. })));
        begun.succeed();
        script.next().await.succeed();
        replica.ended(&waiting.id).await;
        assert!(replica.ask(&keyed("k-1", 1)).await.unwrap().found, "also after its end");
        assert!(script.is_idle());
    }
}

#[tokio::test]
async fn parameters_that_the_task_does_not_take_are_refused_before_they_wait() {
    let place = crate::support::sqlite();
    let (target, _script) = scripted(true);
    let replica = Replica::start(&place.url, &target).await;
    let mut request = numbered(1);
    request.parameters.insert("nonsense".to_owned(), json!(1));
    let refused = replica.ask(&request).await;
    assert!(matches!(refused, Err(StartError::BadParameters(problem)) if problem.contains("nonsense")));
    assert_eq!(replica.queue.depths().await.unwrap()[&target.name], QueueDepth::default());
}

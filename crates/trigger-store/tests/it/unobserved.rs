//! Runs that trigger-api may not observe.

use trigger_core::right::MissingRight;
use trigger_core::run::{NOT_OBSERVED, Run, RunId, State};
use trigger_core::run_store::{Retention, RunStore};

use super::support::{at, both, events, failed, pending, running};

fn unobserved(run: &Run) -> Run {
    let right =
        MissingRight { verb: "list", resource: "jobs.batch".to_owned(), namespace: "trading".to_owned() };
    run.clone().unobserved(&right, "")
}

#[tokio::test]
async fn an_active_run_becomes_unknown_and_then_what_is_observed_and_an_ended_one_stays_ended() {
    for database in both().await {
        let store = database.open().await;
        let run = pending("a");
        let ended = failed(&run, 3);
        let observations =
            [unobserved(&run), running(&run), unobserved(&run), run.clone(), ended.clone(), unobserved(&run)];
        for observation in &observations {
            store.save(observation).await.unwrap();
        }
        let states: Vec<State> =
            events(&store).await.iter().map(|event| event.run().unwrap().state).collect();
        let (unknown, pending) = (State::Unknown, State::Pending);
        assert_eq!(states, [unknown, State::Running, unknown, pending, State::Failed]);
        let stored = store.run(&run.id).await.unwrap().unwrap();
        assert_eq!((stored.state, &stored.cause), (State::Failed, &ended.cause));
        assert_eq!(stored.started_at, Some(at(1)));
    }
}

#[tokio::test]
async fn the_cause_names_the_right_and_the_run_counts_neither_as_active_nor_as_kept_for_ever() {
    for database in both().await {
        let store = database.open().await;
        for number in 0..5 {
            let run = Run { created_at: at(number), ..pending(&format!("unknown {number}")) };
            store.save(&unobserved(&run)).await.unwrap();
        }
        let stored = store.run(&RunId::new("unknown 4")).await.unwrap().unwrap();
        let cause = stored.cause.unwrap();
        assert_eq!(cause.reason, NOT_OBSERVED);
        assert!(cause.message.contains("list jobs.batch in the namespace trading"), "{}", cause.message);
        assert_eq!(store.unfinished(&stored.target).await.unwrap(), []);
        // These runs would otherwise accumulate for as long as the right is missing.
        let retention = Retention { runs: 2, events: 100, bytes: u64::MAX };
        assert_eq!(store.prune(retention).await.unwrap(), 3);
        assert!(store.run(&RunId::new("unknown 4")).await.unwrap().is_some());
    }
}

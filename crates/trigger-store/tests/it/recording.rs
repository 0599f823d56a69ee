//! The recorder stores observations of a run in their order.

use trigger_core::run::{Cause, Run, RunId, State};
use trigger_core::run_store::RunFilter;

use super::support::{PATIENCE, both, events, pending, recorder, running, sqlite};

fn waiting(run: &Run) -> Run {
    Run { cause: Some(Cause::new("Unschedulable", "no node is free")), ..run.clone() }
}

/// The cluster can report the pod of a Job before the request that created the Job is stored.
#[tokio::test]
async fn an_observation_before_the_launch_is_stored_is_not_undone_by_the_launch() {
    for database in both().await {
        let (store, recorder) = recorder(&database.url).await;
        for (id, drained) in [("a", false), ("b", true)] {
            let launched = pending(id);
            recorder.observe(launched.clone());
            recorder.observe(waiting(&launched));
            if drained {
                recorder.drain(PATIENCE).await;
            }
            assert_eq!(recorder.flush(launched.clone()).await, waiting(&launched));
            assert_eq!(store.run(&launched.id).await.unwrap(), Some(waiting(&launched)));
        }
    }
}

#[tokio::test]
async fn recording_a_run_also_stores_its_earlier_observations_and_those_of_no_other_run() {
    for database in both().await {
        let (store, recorder) = recorder(&database.url).await;
        let (run, other) = (pending("a"), pending("b"));
        recorder.observe(other.clone());
        recorder.observe(run.clone());
        assert_eq!(recorder.record(running(&run)).await, running(&run));
        assert_eq!(store.run(&other.id).await.unwrap(), None);
        recorder.drain(PATIENCE).await;
        let events = events(&database.open().await).await;
        let reported: Vec<_> =
            events.iter().map(|event| (event.run_id.as_str(), event.run().unwrap().state)).collect();
        assert_eq!(reported, [("a", run.state), ("a", running(&run).state), ("b", other.state)]);
    }
}

#[tokio::test]
async fn runs_that_are_not_stored_yet_are_found_and_listed() {
    let database = sqlite();
    let (store, recorder) = recorder(&database.url).await;
    let (stale, new) = (pending("a"), pending("b"));
    recorder.record(stale.clone()).await;
    let mut other = database.connect().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    recorder.observe(running(&stale));
    assert_eq!(recorder.record(new.clone()).await, new);
    assert_eq!(recorder.find(&stale.id).await.unwrap(), Some(running(&stale)));
    assert_eq!(recorder.find(&new.id).await.unwrap(), Some(new.clone()));
    let page = RunFilter { limit: 5, ..RunFilter::default() };
    assert_eq!(recorder.list(&page).await.unwrap(), [new.clone(), running(&stale)]);
    let of_state = RunFilter { state: Some(State::Pending), ..page.clone() };
    assert!(recorder.list(&of_state).await.unwrap().contains(&new));
    recorder.find(&RunId::new("c")).await.expect_err("another replica can have it");
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    recorder.drain(PATIENCE).await;
    assert_eq!(store.run(&new.id).await.unwrap(), Some(new.clone()));
    assert_eq!(recorder.list(&page).await.unwrap(), [new, running(&stale)]);
    assert_eq!(recorder.find(&RunId::new("c")).await.unwrap(), None);
}

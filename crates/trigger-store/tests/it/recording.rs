//! What is noted of a run goes into the store in the order in which it was seen.

use trigger_core::ports::RunFilter;
use trigger_core::run::{Cause, Run, RunId, State};

use super::support::{PATIENCE, both, events, pending, recorder, running, sqlite};

fn waiting(run: &Run) -> Run {
    Run { cause: Some(Cause::new("Unschedulable", "no node is free")), ..run.clone() }
}

/// The cluster may tell of a Job's pod before the request that made the Job gets to write it down.
#[tokio::test]
async fn what_is_heard_of_a_run_before_its_launch_is_written_down_is_not_undone_by_it() {
    for place in both().await {
        let (store, recorder) = recorder(&place.url).await;
        for (id, written_before) in [("a", false), ("b", true)] {
            let launched = pending(id);
            recorder.observe(launched.clone());
            recorder.observe(waiting(&launched));
            if written_before {
                recorder.drain(PATIENCE).await;
            }
            assert_eq!(recorder.flush(launched.clone()).await, waiting(&launched));
            assert_eq!(store.run(&launched.id).await.unwrap(), Some(waiting(&launched)));
        }
    }
}

#[tokio::test]
async fn a_run_that_is_written_down_at_once_takes_what_waits_of_it_along_and_of_no_other() {
    for place in both().await {
        let (store, recorder) = recorder(&place.url).await;
        let (run, other) = (pending("a"), pending("b"));
        recorder.observe(other.clone());
        recorder.observe(run.clone());
        assert_eq!(recorder.record(running(&run)).await, running(&run));
        assert_eq!(store.run(&other.id).await.unwrap(), None);
        recorder.drain(PATIENCE).await;
        let told: Vec<_> = events(&place.open().await).await;
        let told: Vec<_> = told.iter().map(|event| (event.run_id.as_str(), event.state)).collect();
        assert_eq!(told, [("a", run.state), ("a", running(&run).state), ("b", other.state)]);
    }
}

#[tokio::test]
async fn runs_that_wait_to_be_stored_are_found_and_listed() {
    let place = sqlite();
    let (store, recorder) = recorder(&place.url).await;
    let (stale, new) = (pending("a"), pending("b"));
    recorder.record(stale.clone()).await;
    let mut other = place.connect().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    recorder.observe(running(&stale));
    assert_eq!(recorder.record(new.clone()).await, new);
    assert_eq!(recorder.find(&stale.id).await.unwrap(), Some(running(&stale)));
    assert_eq!(recorder.find(&new.id).await.unwrap(), Some(new.clone()));
    let page = RunFilter { limit: 5, ..RunFilter::default() };
    assert_eq!(recorder.list(&page).await.unwrap(), [new.clone(), running(&stale)]);
    let of_state = RunFilter { state: Some(State::Pending), ..page.clone() };
    assert!(recorder.list(&of_state).await.unwrap().contains(&new));
    recorder.find(&RunId::new("c")).await.expect_err("another replica may know it");
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    recorder.drain(PATIENCE).await;
    assert_eq!(store.run(&new.id).await.unwrap(), Some(new.clone()));
    assert_eq!(recorder.list(&page).await.unwrap(), [new, running(&stale)]);
    assert_eq!(recorder.find(&RunId::new("c")).await.unwrap(), None);
}

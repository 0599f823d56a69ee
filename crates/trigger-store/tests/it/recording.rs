//! The recorder stores observations of a run in their order.

use trigger_core::run::{Cause, Run, RunId, State};
use trigger_core::run_store::RunFilter;

use super::support::{PATIENCE, at, both, ended, events, pending, recorder, running, sqlite};

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
    assert_eq!(recorder.list(&page).await.unwrap().runs, [new.clone(), running(&stale)]);
    let of_state = |state| RunFilter { states: vec![state], ..page.clone() };
    assert_eq!(recorder.list(&of_state(State::Pending)).await.unwrap().runs, std::slice::from_ref(&new));
    assert_eq!(recorder.list(&of_state(State::Running)).await.unwrap().runs, [running(&stale)]);
    recorder.find(&RunId::new("c")).await.expect_err("another replica can have it");
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    recorder.drain(PATIENCE).await;
    assert_eq!(store.run(&new.id).await.unwrap(), Some(new.clone()));
    assert_eq!(recorder.list(&page).await.unwrap().runs, [new, running(&stale)]);
    assert_eq!(recorder.find(&RunId::new("c")).await.unwrap(), None);
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_runs_are_observed_and_written() {
    for database in both().await {
        let (_, recorder) = recorder(&database.url).await;
        // Three runs are created in each second. Of each three, one is not written yet.
        for number in 0..30 {
            let run = ended(&format!("{number:02}"), "trades-sync", number / 3);
            if number % 3 == 1 {
                recorder.observe(run);
            } else {
                recorder.record(run).await;
            }
        }
        let mut filter = RunFilter { limit: 4, ..RunFilter::default() };
        let mut listed: Vec<String> = Vec::new();
        loop {
            let slice = recorder.list(&filter).await.unwrap();
            listed.extend(slice.runs.iter().map(|run| run.id.to_string()));
            let Some(read_to) = slice.read_to else { break };
            filter.after = Some(read_to);
            let new =
                |name: &str| Run { created_at: at(100), ..pending(&format!("{name} {}", listed.len())) };
            recorder.observe(new("unsaved"));
            recorder.record(new("saved")).await;
            if listed.len() > 12 {
                recorder.drain(PATIENCE).await;
            }
        }
        let expected: Vec<String> = (0..30).rev().map(|number| format!("{number:02}")).collect();
        assert_eq!(listed, expected);
    }
}

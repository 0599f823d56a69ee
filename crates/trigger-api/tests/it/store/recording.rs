//! What is noted of a run goes into the store in the order in which it was seen.

use trigger_api::domain::run::{Cause, Run};

use super::support::{both, events, pending, recorder, running};
use crate::support::PATIENCE;

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

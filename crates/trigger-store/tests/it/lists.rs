//! Lists of runs: the order, pages, and filters by target, state and Job.

use trigger_core::run::{Run, State};
use trigger_core::run_store::{Cursor, RunFilter, RunStore};
use trigger_store::SqlStore;

use super::support::{at, both, ended, pending, running, target};

fn ids(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

/// Reads all pages, and calls `between` after each.
async fn pages(store: &SqlStore, filter: RunFilter, between: impl AsyncFn(usize)) -> Vec<Run> {
    let mut filter = filter;
    let mut all: Vec<Run> = Vec::new();
    loop {
        let page = store.runs(&filter).await.expect("the runs can be read");
        let Some(last) = page.last() else { return all };
        filter.after = Some(Cursor { created_at: last.created_at, id: last.id.clone() });
        all.extend(page);
        between(all.len()).await;
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_runs_are_added_and_change() {
    for database in both().await {
        let store = database.open().await;
        // Three runs are created in each second, so some pages end between runs of the same time.
        for number in 0..30 {
            store.save(&ended(&format!("{number:02}"), "trades-sync", number / 3)).await.unwrap();
        }
        let filter = RunFilter { limit: 4, ..RunFilter::default() };
        let all = pages(&store, filter, async |count| {
            let new = Run { created_at: at(100), ..pending(&format!("new {count}")) };
            store.save(&new).await.unwrap();
            store.save(&running(&new)).await.unwrap();
        });
        let expected: Vec<String> = (0..30).rev().map(|number| format!("{number:02}")).collect();
        assert_eq!(ids(&all.await), expected);
    }
}

#[tokio::test]
async fn filters_by_target_state_and_job_work_alone_and_combined() {
    for database in both().await {
        let store = database.open().await;
        let in_progress = Run { created_at: at(4), ..running(&pending("d")) };
        let same_name = Run { created_at: at(5), job_name: "trades-sync-a".to_owned(), ..pending("e") };
        let runs = [
            ended("a", "trades-sync", 1),
            ended("b", "analysis", 2),
            ended("c", "trades-sync", 3),
            in_progress.clone(),
            same_name.clone(),
        ];
        for run in &runs {
            store.save(run).await.unwrap();
        }
        let any = || RunFilter { limit: 10, ..RunFilter::default() };
        let sync = || RunFilter { target: Some(target("trades-sync")), ..any() };
        let after = |run: &Run| Some(Cursor { created_at: run.created_at, id: run.id.clone() });
        let cases: [(RunFilter, &[&str]); 10] = [
            (any(), &["e", "d", "c", "b", "a"]),
            (sync(), &["e", "d", "c", "a"]),
            (RunFilter { state: Some(State::Failed), ..any() }, &["c", "b", "a"]),
            (RunFilter { state: Some(State::Failed), ..sync() }, &["c", "a"]),
            (RunFilter { state: Some(State::Cancelled), ..sync() }, &[]),
            (RunFilter { job_name: Some("trades-sync-a".to_owned()), ..any() }, &["e", "a"]),
            (
                RunFilter {
                    job_name: Some("trades-sync-a".to_owned()),
                    state: Some(State::Pending),
                    ..sync()
                },
                &["e"],
            ),
            (RunFilter { after: after(&in_progress), ..sync() }, &["c", "a"]),
            (RunFilter { target: Some(target("nothing")), ..any() }, &[]),
            (RunFilter { limit: 0, ..any() }, &[]),
        ];
        for (filter, expected) in cases {
            assert_eq!(ids(&store.runs(&filter).await.unwrap()), expected, "{filter:?}");
        }
        let of_job = store.run_of_job(&target("trades-sync"), "trades-sync-a").await.unwrap();
        assert_eq!(of_job, Some(same_name.clone()), "the newest");
        assert_eq!(store.run_of_job(&target("analysis"), "trades-sync-a").await.unwrap(), None);
        assert_eq!(store.unfinished(&target("trades-sync")).await.unwrap(), [in_progress, same_name]);
        assert_eq!(store.unfinished(&target("analysis")).await.unwrap(), []);
    }
}

//! Lists of runs: the order, pages, and filters by target, state and Job.

use jiff::SignedDuration;
use trigger_core::run::{Cause, Run, RunId, State, Trigger};
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
        let slice = store.runs(&filter).await.expect("the runs can be read");
        all.extend(slice.runs);
        let Some(read_to) = slice.read_to else { return all };
        filter.after = Some(read_to);
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

/// Runs of several targets, states, triggers and callers.
fn runs() -> Vec<Run> {
    let run = |number: i64| {
        let place = |count: i64| usize::try_from(number % count).expect("a small number");
        let state = State::ALL[place(5)];
        let message = ["exit code 1", "100%_of the Quota", r"C:\late"][place(3)];
        Run {
            target: target(["trades-sync", "analysis", "report"][place(3)]),
            job_name: format!("job-{}", number % 40),
            trigger: [Trigger::Scheduled, Trigger::Manual][place(2)],
            state,
            cause: state.is_final().then(|| Cause::new("Error", message)),
            requested_by: [None, Some("alice"), Some("bob")][place(3)].map(str::to_owned),
            reason: (number % 7 == 0).then(|| "LATE data".to_owned()),
            created_at: at(number / 2),
            ..pending(&format!("{number:03}"))
        }
    };
    (0..120).map(run).collect()
}

/// Filters with every combination of some conditions.
fn filters() -> Vec<RunFilter> {
    let mut filters = vec![RunFilter { limit: 20, ..RunFilter::default() }];
    let mut also = |change: &dyn Fn(&mut RunFilter)| {
        let mut changed = filters.clone();
        changed.iter_mut().for_each(change);
        filters.extend(changed);
    };
    also(&|filter| filter.targets = vec![target("report"), target("trades-sync"), target("none")]);
    also(&|filter| filter.states = vec![State::Failed, State::Running, State::Failed]);
    also(&|filter| filter.trigger = Some(Trigger::Manual));
    also(&|filter| filter.requested_by = Some("alice".to_owned()));
    also(&|filter| (filter.since, filter.until) = (Some(at(5)), Some(at(50))));
    also(&|filter| filter.text = Some("late".to_owned()));
    also(&|filter| filter.job_name = Some("job-7".to_owned()));
    also(&|filter| filter.after = Some(Cursor { created_at: at(40), id: RunId::new("081") }));
    let only = |filter: RunFilter| RunFilter { limit: 20, ..filter };
    for text in ["%_of the q", "%", "_", r"\", r"C:\LATE", "error", "JOB-1", "nothing"] {
        filters.push(only(RunFilter { text: Some(text.to_owned()), ..RunFilter::default() }));
    }
    filters.push(only(RunFilter { targets: vec![target("analysis")], ..RunFilter::default() }));
    filters.push(only(RunFilter { states: vec![State::Pending], ..RunFilter::default() }));
    filters.push(RunFilter::default());
    let many = || (0..30).map(|number| target(&format!("none-{number}"))).chain([target("report")]).collect();
    filters.push(only(RunFilter { targets: many(), ..RunFilter::default() }));
    let states = vec![State::Failed, State::Running];
    filters.push(only(RunFilter { targets: many(), states, since: Some(at(5)), ..RunFilter::default() }));
    filters
}

#[tokio::test]
async fn conditions_work_alone_and_combined_and_runs_are_counted_per_state() {
    for database in both().await {
        let store = database.open().await;
        let mut stored = runs();
        for run in &stored {
            store.save(run).await.unwrap();
        }
        stored.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        for filter in filters() {
            let selected: Vec<Run> = stored.iter().filter(|run| filter.matches(run)).cloned().collect();
            let slice = store.runs(&filter).await.unwrap();
            let limit = usize::from(filter.limit);
            assert_eq!(ids(&slice.runs), ids(&selected[..limit.min(selected.len())]), "{filter:?}");
            let is_full = limit > 0 && selected.len() >= limit;
            assert_eq!(slice.read_to, is_full.then(|| Cursor::of(&selected[limit - 1])), "{filter:?}");

            let any_state = RunFilter { states: Vec::new(), after: None, ..filter.clone() };
            let counts = store.counts(&filter).await.unwrap();
            assert!(counts.exact, "{filter:?}");
            for state in State::ALL {
                let expected =
                    stored.iter().filter(|run| run.state == state && any_state.matches(run)).count();
                let found = counts.by_state.get(&state).copied().unwrap_or_default();
                assert_eq!(found, expected as u64, "{state} {filter:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_newest_run_of_a_job_and_the_unfinished_runs_of_a_target_are_found() {
    for database in both().await {
        let store = database.open().await;
        let earlier = ended("a", "trades-sync", 1);
        let in_progress = Run { created_at: at(4), ..running(&pending("d")) };
        let same_name = Run { created_at: at(5), job_name: "trades-sync-a".to_owned(), ..pending("e") };
        for run in [&earlier, &in_progress, &same_name] {
            store.save(run).await.unwrap();
        }
        let of_job = store.run_of_job(&target("trades-sync"), "trades-sync-a").await.unwrap();
        assert_eq!(of_job, Some(same_name.clone()), "the newest");
        assert_eq!(store.run_of_job(&target("analysis"), "trades-sync-a").await.unwrap(), None);
        assert_eq!(store.unfinished(&target("trades-sync")).await.unwrap(), [in_progress, same_name]);
        assert_eq!(store.unfinished(&target("analysis")).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_search_reads_a_limited_number_of_runs_at_a_time_and_finds_every_run() {
    for database in both().await {
        let store = database.open().await;
        // All are created at the same time; each statement is a transaction.
        for batch in 0..12 {
            database
                .execute(&format!(
                    "INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, reason, requested_by, \
                     created_at, saved_at, version) \
                     WITH RECURSIVE numbers (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) \
                     SELECT substr(CAST(1000000 + n AS TEXT), 2), 'trades-sync', 'trading', 'job', 'manual', 'failed', \
                     CASE WHEN n IN (0, 3000) THEN 'needle' END, 'alice', \
                     '2026-02-11T12:00:00.000000Z', '2026-02-11T12:00:00.000000Z', 1 FROM numbers",
                    first = batch * 1000,
                    last = batch * 1000 + 999
                ))
                .await;
        }
        let any = RunFilter { text: Some("NEEDLE".to_owned()), limit: 10, ..RunFilter::default() };
        let by_caller = RunFilter { requested_by: Some("alice".to_owned()), ..any.clone() };
        let failed = RunFilter { states: vec![State::Failed], ..any.clone() };
        for filter in [any, by_caller, failed] {
            let slice = store.runs(&filter).await.unwrap();
            assert!(slice.runs.is_empty() && slice.read_to.is_some(), "it ends before the first: {slice:?}");
            let counts = store.counts(&filter).await.unwrap();
            assert!(!counts.exact, "{counts:?}");
            assert_eq!(ids(&pages(&store, filter, async |_| {}).await), ["003000", "000000"]);
        }
        let of_caller = RunFilter { requested_by: Some("alice".to_owned()), ..RunFilter::default() };
        let counts = store.counts(&of_caller).await.unwrap();
        assert!(!counts.exact && counts.by_state[&State::Failed] > 2_000, "{counts:?}");
        let counts = store.counts(&RunFilter::default()).await.unwrap();
        assert_eq!((counts.exact, counts.by_state[&State::Failed]), (true, 12_000));
    }
}

#[tokio::test]
async fn durations_are_those_of_the_newest_ended_runs_that_have_started() {
    for database in both().await {
        let store = database.open().await;
        for number in 0..5 {
            let run = Run { created_at: at(number), ..pending(&number.to_string()) };
            let run = if number == 3 { run } else { Run { started_at: Some(at(number)), ..run } };
            let run = run.ended(State::Failed, Cause::new("Error", "a failure"), at(10));
            store.save(&run).await.unwrap();
        }
        store.save(&Run { created_at: at(9), ..running(&pending("in progress")) }).await.unwrap();
        store.save(&ended("other", "analysis", 9)).await.unwrap();
        let durations = store.durations(&target("trades-sync"), 3).await.unwrap();
        assert_eq!(durations, [6, 8, 9].map(SignedDuration::from_secs));
        assert_eq!(store.durations(&target("none"), 3).await.unwrap(), []);
    }
}

//! The query plans of SQLite: every list uses an index.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::run_store::{Cursor, RunFilter, RunStore};

use super::queries::{durations, events_after, prune_runs, run as run_by_id, unfinished};
use super::run_list::{counts, page as page_of, search_end};
use super::sql_store::SqlStore;
use super::statement::Statement;

fn run(number: i64) -> Run {
    Run {
        state: State::ALL[usize::try_from(number % 6).expect("a small number")],
        ..Run::pending(
            RunId::new(format!("run {number}")),
            ["trades-sync", "analysis"][usize::from(number % 2 == 0)].parse().expect("a name"),
            "trading",
            format!("job-{number}"),
            Trigger::Scheduled,
            Timestamp::from_second(1_770_000_000 + number).expect("a time"),
        )
    }
}

#[tokio::test]
async fn every_list_is_read_in_the_order_of_an_index_without_a_scan_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("runs.sqlite").display());
    let store = SqlStore::connect(&url.clone().into()).await.unwrap();
    for number in 0..200 {
        store.save(&run(number)).await.unwrap();
    }
    let middle = run(100);
    let after = Some(Cursor { created_at: middle.created_at, id: middle.id });
    let page = RunFilter { limit: 50, ..RunFilter::default() };
    let of_target = RunFilter { targets: vec![middle.target.clone()], ..page.clone() };
    let ended = vec![State::Failed, State::Cancelled];
    let failed = RunFilter { states: vec![State::Failed], after: after.clone(), ..page.clone() };
    let of_caller = RunFilter { requested_by: Some("alice".to_owned()), ..page.clone() };
    let search = RunFilter { text: Some("late".to_owned()), ..failed.clone() };
    let lately = RunFilter { since: Some(middle.created_at), ..page.clone() };
    let list = |filter: &RunFilter| page_of(filter, None);
    let single = [
        (list(&page), "runs_newest"),
        (list(&RunFilter { after: after.clone(), ..page.clone() }), "runs_newest"),
        (list(&lately), "runs_newest"),
        (list(&of_target), "runs_of_target"),
        (list(&RunFilter { after: after.clone(), ..of_target.clone() }), "runs_of_target"),
        (list(&RunFilter { job_name: Some(middle.job_name), ..page.clone() }), "runs_of_job"),
        (unfinished(&middle.target), "runs_unfinished"),
        (run_by_id(&RunId::new("run 1")), "sqlite_autoindex_runs_1"),
        (events_after(7, 50), "PRIMARY KEY"),
    ];
    let merged = [
        (list(&failed), "runs_in_state"),
        (
            list(&RunFilter { states: ended.clone(), trigger: Some(Trigger::Manual), ..page.clone() }),
            "runs_in_state",
        ),
        (list(&RunFilter { states: ended, ..of_target.clone() }), "runs_of_target_in_state"),
        (list(&RunFilter { trigger: Some(Trigger::Manual), ..of_target.clone() }), "runs_of_target_in_state"),
        (list(&of_caller), "runs_of_caller"),
        (page_of(&search, after.as_ref()), "runs_in_state"),
        (search_end(&search), "runs_in_state"),
        (counts(&lately).0, "runs_in_state"),
        (counts(&RunFilter { since: lately.since, ..of_target.clone() }).0, "runs_of_target_in_state"),
        (counts(&of_caller).0, "runs_of_caller"),
        (counts(&search).0, "runs_in_state"),
        (counts(&of_target).0, "PRIMARY KEY"),
        (durations(&middle.target, 50), "runs_of_target"),
        (prune_runs(middle.target.as_str(), 7), "runs_of_target"),
    ];
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    // First without statistics, then with those of ANALYZE.
    for _ in 0..2 {
        for (statement, index) in single.iter().chain(&merged) {
            let plan = plan_of(&mut connection, statement).await;
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}: {}", statement.sql);
            // A scan of the parts, or of this index, reads no more entries than the limit.
            let is_scan = |step: &&String| {
                step.starts_with("SCAN") && !step.starts_with("SCAN runs USING INDEX runs_newest")
            };
            let reads_table = |step: &&String| step.contains("SCAN runs") || step.contains("SCAN run_");
            let scan = plan.iter().filter(is_scan).find(reads_table);
            assert_eq!(scan, None, "{plan:?}: {}", statement.sql);
        }
        for (statement, _) in &single {
            let plan = plan_of(&mut connection, statement).await;
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}: {}", statement.sql);
        }
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    }
}

async fn plan_of(connection: &mut SqliteConnection, statement: &Statement) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
    let explain = Statement::new(sql, statement.values.clone());
    let rows: Vec<SqliteRow> = explain.query().fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

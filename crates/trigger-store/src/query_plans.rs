//! The query plans of SQLite: every list uses an index.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::run_store::{Cursor, RunFilter, RunStore};

use super::queries::{events_after, run as run_by_id, runs, unfinished};
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
async fn every_list_is_read_in_the_order_of_an_index_without_scan_or_sort() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("runs.sqlite").display());
    let store = SqlStore::connect(&url.clone().into()).await.unwrap();
    for number in 0..200 {
        store.save(&run(number)).await.unwrap();
    }
    let middle = run(100);
    let after = Some(Cursor { created_at: middle.created_at, id: middle.id });
    let page = RunFilter { limit: 50, ..RunFilter::default() };
    let of_target = RunFilter { target: Some(middle.target.clone()), ..page.clone() };
    let statements = [
        (runs(&page), "runs_newest"),
        (runs(&RunFilter { after: after.clone(), ..page.clone() }), "runs_newest"),
        (runs(&of_target), "runs_of_target"),
        (runs(&RunFilter { after: after.clone(), ..of_target }), "runs_of_target"),
        (runs(&RunFilter { state: Some(State::Failed), after, ..page.clone() }), "runs_in_state"),
        (runs(&RunFilter { job_name: Some(middle.job_name), ..page }), "runs_of_job"),
        (unfinished(&middle.target), "runs_unfinished"),
        (run_by_id(&RunId::new("run 1")), "sqlite_autoindex_runs_1"),
        (events_after(7, 50), "PRIMARY KEY"),
    ];
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    // First without statistics, then with those of ANALYZE.
    for _ in 0..2 {
        for (statement, index) in &statements {
            let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let explain = Statement::new(sql, statement.values.clone());
            let rows: Vec<SqliteRow> = explain.query().fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let plan = plan.join("; ");
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}: {}", statement.sql);
            // A scan of this index reads no more entries than the limit.
            let scan = plan.contains("SCAN") && plan != "SCAN runs USING INDEX runs_newest";
            assert!(!scan, "{plan}: {}", statement.sql);
        }
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    }
}

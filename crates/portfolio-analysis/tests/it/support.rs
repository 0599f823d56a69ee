//! Databases with days, and runs of the task over them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use portfolio_analysis::{DEFAULT_DAYS, PortfolioAnalysis};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::postgres::Database;
pub(crate) use testkit::trading_days::{views, views_with};
use trading_views::Views;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::parameters::Parameters;
use trigger_core::run::RunId;
use trigger_core::task::{Task, TaskError};
use trigger_core::task_context::TaskContext;

/// The day on which most tests report.
pub(crate) const DAY: Date = date(2026, 2, 11);

/// A database whose base tables are filled by the statements, with refreshed views.
pub(crate) async fn views_of(statements: &str) -> Database {
    let database = views().await;
    database.execute(statements).await;
    database.execute(sample::REFRESH).await;
    database
}

/// The last `count` days up to a day.
pub(crate) fn days_up_to(last: Date, count: i32) -> Vec<Date> {
    (0..count).rev().map(|back| last.saturating_sub(jiff::Span::new().days(back))).collect()
}

/// The task over the views of a database.
pub(crate) fn task(url: &str) -> PortfolioAnalysis {
    PortfolioAnalysis::new(SecretString::from(url), Views::default(), TimeZone::UTC, DEFAULT_DAYS)
}

/// A context whose run has no time limit.
pub(crate) fn context() -> TaskContext {
    TaskContext::new(RunId::new("run_of_a_test"), Arc::new(LogBuffers::default()))
}

/// Runs the task. Returns its result and its log.
pub(crate) async fn run(url: &str, parameters: Value) -> (Result<Value, TaskError>, String) {
    run_within(url, parameters, Duration::from_mins(1)).await
}

/// Runs the task with a time limit. Returns its result and its log.
pub(crate) async fn run_within(
    url: &str,
    parameters: Value,
    limit: Duration,
) -> (Result<Value, TaskError>, String) {
    let (run, buffers) = (RunId::new("run_of_a_test"), Arc::new(LogBuffers::default()));
    let context = TaskContext::new(run.clone(), Arc::clone(&buffers)).with_deadline(Instant::now() + limit);
    let result = task(url).run(&object(parameters), &context).await;
    let log = buffers.close(&run).map(|tail| String::from_utf8_lossy(&tail.text).into_owned());
    (result, log.unwrap_or_default())
}

/// The report of a run that succeeds.
pub(crate) async fn report(database: &Database, parameters: Value) -> Value {
    run(&database.url, parameters).await.0.expect("the analysis succeeds")
}

/// The report on a day.
pub(crate) async fn report_on(database: &Database, day: Date) -> Value {
    report(database, json!({ "date": day.to_string() })).await
}

/// The error of a run that fails.
pub(crate) async fn failure(url: &str, parameters: Value) -> TaskError {
    run(url, parameters).await.0.expect_err("the analysis fails")
}

fn object(parameters: Value) -> Parameters {
    match parameters {
        Value::Object(parameters) => parameters,
        other => panic!("{other} is not an object"),
    }
}

/// The count of rows or numbers of a view that were dropped for a reason.
pub(crate) fn dropped(report: &Value, view: &str, reason: &str) -> u64 {
    let entries = report["coverage"]["left_out"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["view"] == view && entry["reason"] == reason);
    entry.map_or(0, |entry| entry["count"].as_u64().expect("a count"))
}

/// An item of the extremes, as a row of values for [`INSERT_ITEMS`]. `rest` starts with the P&L.
pub(crate) fn item(kpi: &str, side: &str, trade: i64, rest: &str) -> String {
    format!("('2026-02-11', '{kpi}', '{side}', 1, {trade}, 'A', 'C{trade}', {rest})")
}

pub(crate) const INSERT_ITEMS: &str = "INSERT INTO utils_statistics.trades_contract_extremes
  (report_date, kpi_name, side, rank, trade_id, symbol, contract_name, individual_pnl, cost_basis, qty, mid_mark_pnl, liquidity_drag, mid_ts) VALUES ";

/// Asserts the reason and parts of the message of an error, and that it contains nothing that callers must not see.
pub(crate) fn assert_error(error: &TaskError, reason: &str, words: &[&str]) {
    assert_eq!(error.reason, reason, "{error:?}");
    for word in words {
        assert!(error.message.contains(word), "{word:?} is not in {error:?}");
    }
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains("postgres://"), "{text}");
    for variable in ["MV_KPI_TABLE", "MV_SERIES_TABLE", "MV_EXTREMES_TABLE", "MV_PORTFOLIO_TABLE"] {
        assert!(error.message.matches(variable).count() < 2, "{variable} is named twice: {error:?}");
    }
}

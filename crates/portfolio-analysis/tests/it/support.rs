//! A database with days, the task over it, and the report it gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use portfolio_analysis::PortfolioAnalysis;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::postgres::Database;
pub(crate) use testkit::trading_days::{views, views_with};
use trading_views::Views;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::run::RunId;
use trigger_core::task::{Parameters, Task, TaskContext, TaskError};

/// The day that most tests report on.
pub(crate) const DAY: Date = date(2026, 2, 11);

/// A database whose views hold what the statements put into the base tables.
pub(crate) async fn views_of(statements: &str) -> Database {
    let database = views().await;
    database.execute(statements).await;
    database.execute(sample::REFRESH).await;
    database
}

/// So many days up to a day.
pub(crate) fn days_up_to(last: Date, number: i32) -> Vec<Date> {
    (0..number).rev().map(|back| last.saturating_sub(jiff::Span::new().days(back))).collect()
}

/// The task over the views of a database.
pub(crate) fn task(url: &str) -> PortfolioAnalysis {
    PortfolioAnalysis::new(
        SecretString::from(url),
        Views::default(),
        TimeZone::UTC,
        PortfolioAnalysis::DEFAULT_DAYS,
    )
}

/// Runs it, and gives what it told its context too.
pub(crate) async fn told(url: &str, parameters: Value) -> (Result<Value, TaskError>, String) {
    told_within(url, parameters, Duration::from_mins(1)).await
}

/// The same for a run that has this much time.
pub(crate) async fn told_within(
    url: &str,
    parameters: Value,
    limit: Duration,
) -> (Result<Value, TaskError>, String) {
    let (run, book) = (RunId::new("run_of_a_test"), Arc::new(LogBuffers::default()));
    let context = TaskContext::new(run.clone(), Arc::clone(&book)).until(Instant::now() + limit);
    let outcome = task(url).run(&object(parameters), &context).await;
    let log = book.close(&run).map(|tail| String::from_utf8_lossy(&tail.text).into_owned());
    (outcome, log.unwrap_or_default())
}

/// The report of a run that succeeds.
pub(crate) async fn report(database: &Database, parameters: Value) -> Value {
    told(&database.url, parameters).await.0.expect("the analysis succeeds")
}

/// The report on a day.
pub(crate) async fn report_on(database: &Database, day: Date) -> Value {
    report(database, json!({ "date": day.to_string() })).await
}

/// The error of a run that fails.
pub(crate) async fn failure(url: &str, parameters: Value) -> TaskError {
    told(url, parameters).await.0.expect_err("the analysis fails")
}

fn object(parameters: Value) -> Parameters {
    match parameters {
        Value::Object(parameters) => parameters,
        other => panic!("{other} is no object"),
    }
}

/// How many were left out of a view for a reason.
pub(crate) fn left_out(report: &Value, view: &str, reason: &str) -> u64 {
    let entries = report["coverage"]["left_out"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["view"] == view && entry["reason"] == reason);
    entry.map_or(0, |entry| entry["count"].as_u64().expect("a count"))
}

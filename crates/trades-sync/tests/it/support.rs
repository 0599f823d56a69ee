//! Shared by the tests: the program, databases with views, receivers, and the content of the sinks.

mod command;
mod receiver;
mod stored;

use jiff::civil::{Date, date};
pub(crate) use testkit::trading_days::{views, views_with};
use testkit::worker::Worker;

pub(crate) use self::command::{CommandOutput, SyncCommand};
pub(crate) use self::receiver::{CONFIRMED, answer_request, one_answer, one_request, receiver};
pub(crate) use self::stored::{comparable, doubles, http, query_d1, stored_in_d1, stored_in_sqlite};

/// The day that most tests ship.
pub(crate) const DAY: Date = date(2026, 2, 11);

/// The tables of a day, and the columns that order their rows.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("metrics_daily", "date"),
    ("metrics_kpi_values", "kpi"),
    ("metrics_series_points", "kpi, t"),
    ("metrics_extremes_items", "kpi, side, rank"),
    ("metrics_portfolio_assets", "trade_id, contract_name"),
];

/// Starts a Worker that only the caller uses.
pub(crate) async fn start_worker() -> Worker {
    tokio::task::spawn_blocking(|| Worker::start(&[])).await.expect("the start does not panic")
}

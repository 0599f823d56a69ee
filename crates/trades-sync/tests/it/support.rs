//! Shared by the tests: the program, databases with views, receivers, and the content of the sinks.

mod command;
mod receiver;
mod stored;

pub(crate) use testkit::trading_days::{views, views_with};
use testkit::worker::Worker;

pub(crate) use self::command::{CommandOutput, DAY, SyncCommand};
pub(crate) use self::receiver::{CONFIRMED, answer_request, one_answer, one_request, receiver};
pub(crate) use self::stored::{TABLES, comparable, doubles, http, query_d1, stored_in_d1, stored_in_sqlite};

/// Starts a Worker that only the caller uses.
pub(crate) async fn start_worker() -> Worker {
    tokio::task::spawn_blocking(|| Worker::start(&[])).await.expect("the start does not panic")
}

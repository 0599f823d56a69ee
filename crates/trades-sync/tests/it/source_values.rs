//! The values of the columns of the views, on a real Postgres.

mod displayed_values;
mod numbers;
mod rows;
mod times;

use serde_json::Value;
use testkit::postgres::Database;

use crate::support::{CommandOutput, SyncCommand, views};

/// Executes the statements on the base tables and ships the day. Returns the stored tables and the output.
async fn shipped(statements: &str) -> (Value, CommandOutput) {
    let database = views().await;
    database.execute(statements).await;
    database.execute(sample::REFRESH).await;
    ship(&database).await
}

/// Ships the day of the database.
async fn ship(database: &Database) -> (Value, CommandOutput) {
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(database);
    let outcome = call.succeeds().await;
    (call.stored().await, outcome)
}

/// The values of a column of a stored table.
fn column(table: &Value, name: &str) -> Vec<Value> {
    table.as_array().expect("a table").iter().map(|row| row[name].clone()).collect()
}

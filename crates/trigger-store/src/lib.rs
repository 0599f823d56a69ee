//! The history of runs and the task queue, in SQLite or Postgres.
//!
//! Both databases execute the same SQL; only the tables are created by separate files (`schema/sqlite_*.sql`,
//! `schema/postgres_*.sql`). Each call executes one statement, and each statement is a transaction, so a program that is
//! killed leaves no partial changes. Every statement can be repeated, and is repeated when its connection fails, so
//! callers do not see errors while Postgres restarts or a standby takes over.

mod address;
mod connections;
mod execute_error;
mod health;
mod log_row;
mod postgres;
mod queries;
#[cfg(test)]
mod query_plans;
mod reserve;
mod retention;
mod row;
mod run_list;
mod run_row;
mod save;
mod schema;
mod schema_connection;
mod sql_store;
mod sqlite;
mod sqlite_file;
mod statement;
mod task_statements;
mod task_store;

pub use sql_store::{OpenError, SqlStore};

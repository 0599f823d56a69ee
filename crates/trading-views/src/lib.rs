//! The four materialized views of the trading stack, as every program of the platform reads them.
//!
//! trades-sync reads whole days row by row, the portfolio analysis aggregates in SQL. What both must agree on is
//! defined here once: which variable names which view ([`Views`]), what "today" is ([`report_time_zone`]), whether a
//! view can be read ([`View::find`]), what went wrong in one sentence ([`ViewError`]), the transaction that reads
//! happen in ([`begin`]), which day a row belongs to ([`Relation::day`]), and what counts as a number, an id, a time and
//! a name. The last four exist twice, as functions over the texts that Postgres shows ([`text`]) and as SQL expressions
//! ([`Relation::number`] and its siblings); a test compares the two on a real server.
//!
//! Everything works through a connection pooler in transaction mode: a caller sends [`begin`] first, and nothing here
//! uses a named prepared statement or changes a setting of the session.

mod error;
mod kind;
mod relation;
mod sql;
pub mod text;
mod time_zone;
mod transaction;
mod views;

pub use self::error::{Failure, ViewError, ViewProblem};
pub use self::kind::Kind;
pub use self::relation::Relation;
pub use self::time_zone::{report_time_zone, today};
pub use self::transaction::begin;
pub use self::views::{VARIABLES, View, Views};

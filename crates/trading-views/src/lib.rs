//! The four materialized views of the trading stack, as every program of the platform reads them.
//!
//! trades-sync reads whole days row by row; the portfolio analysis aggregates in SQL. This crate defines what both must
//! agree on: the variables that name the views ([`Views`]), the report's time zone ([`report_time_zone`]), whether a
//! view can be read ([`View::find`]), the error messages ([`ViewError`]), the transaction in which views are read
//! ([`begin`]), the day that a row belongs to ([`Relation::day`]), and the definitions of a number, an id, a time and a
//! name. These four definitions exist twice: as functions over the texts that Postgres displays ([`text`]), and as SQL
//! expressions ([`Relation::number`] and its siblings). A test compares the two on a real server.
//!
//! The crate works through a connection pooler in transaction mode: a caller sends [`begin`] first, and no function
//! uses a named prepared statement or changes a setting of the session.

mod column_kind;
mod error;
mod relation;
mod sql;
pub mod text;
mod time_zone;
mod transaction;
mod views;

pub use self::column_kind::ColumnKind;
pub use self::error::{Failure, ViewError, ViewProblem};
pub use self::relation::Relation;
pub use self::time_zone::{report_time_zone, today};
pub use self::transaction::begin;
pub use self::views::{VARIABLES, View, Views};

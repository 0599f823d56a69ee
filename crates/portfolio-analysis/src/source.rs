//! Reads the four views: one connection, one read-only repeatable-read transaction, a handful of statements.
//!
//! Sums over positions are Postgres's work, so what travels are groups and not rows. The database is closed again at
//! the end, because an analysis is rare and a connection is not for nothing.

mod error;
mod rows;
mod session;
mod statements;

pub(super) use self::error::{FAILED, UNREACHABLE, no_connection};
pub use self::rows::{DisplayedRow, Drops, GroupRow, HoldingRow, PointRow, Reading};
pub(super) use self::session::{Session, connect};

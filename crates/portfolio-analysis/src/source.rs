//! Reads the four views: one connection, one read-only repeatable-read transaction, a few statements.
//!
//! Postgres sums up the positions, so most of the rows it returns are groups. Each run opens and closes its own
//! connection: analyses are rare, and an idle connection would cost the server memory.

mod error;
mod rows;
mod session;
mod statements;

pub(crate) use self::error::{FAILED, UNREACHABLE, no_connection};
pub(crate) use self::rows::{DisplayedRow, Drops, GroupRow, HoldingRow, PointRow, SourceRows};
pub(crate) use self::session::{Session, connect};

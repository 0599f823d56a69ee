//! Why the store fails.

use super::run::RunId;

/// Why the store can't be written: a short sentence without any text of the database, which everyone may read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(pub &'static str);

/// Why the store can't be read or written. The texts are for the log: a detail can contain text of the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, rejects the connection or does not answer in time.
    #[error("the store: {operation}: {detail}")]
    Unavailable {
        /// What the store was doing.
        operation: &'static str,
        /// The database and what went wrong.
        detail: String,
    },
    /// The database can't store anything now, for example because its disk is full or it is read-only.
    #[error("the store: {operation}: {detail}")]
    NotWritable {
        /// What the store was doing.
        operation: &'static str,
        /// The database and its error.
        detail: String,
    },
    /// The database rejected the statement.
    #[error("the store: {operation}: {detail}")]
    Rejected {
        /// What the store was doing.
        operation: &'static str,
        /// The database and its error.
        detail: String,
    },
    /// A stored row can't be decoded.
    #[error("the store: {operation}: {detail}")]
    Unreadable {
        /// What the store was doing.
        operation: &'static str,
        /// The database, the column and what is wrong with its value.
        detail: String,
    },
    /// Other writers changed the run each time that it was about to be saved.
    #[error("the store: saving a run: other writers kept changing the run {0}")]
    Contended(RunId),
    /// The tables were made by a newer version of this program.
    #[error(
        "the store: the tables in {place} have version {found}, and this program supports versions up to {newest}: it is \
         older than the program that made them; run the newer program, or set another database"
    )]
    NewerSchema {
        /// The database.
        place: String,
        /// The version of its tables.
        found: i64,
        /// The newest version that this program supports.
        newest: i64,
    },
    /// The run is unknown, but the store can't be written, so another replica can have a run that is not stored yet.
    #[error("the store: the run {id} may not be stored yet: {reason}")]
    NotStoredYet {
        /// The run.
        id: RunId,
        /// Why the store can't be written.
        reason: Unwritable,
    },
}

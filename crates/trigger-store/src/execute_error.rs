//! Why a statement was not executed, and whether that means that the store can't be written.

use std::fmt;
use std::time::Duration;

use common::postgres::{ConnectError, is_connection_failure, reason, sqlstate};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;
use trigger_core::store_error::{StoreError, Unwritable};

/// Why a statement was not executed.
#[derive(Debug)]
pub(super) enum ExecuteError {
    /// The database returned an error, or the connection failed.
    Statement(sqlx::Error),
    /// Connecting to Postgres failed.
    Connect(ConnectError),
    /// No connection became available in time.
    NoConnection,
    /// The database did not answer within this time.
    Timeout(Duration),
    /// The tables could not be created yet, because the disk is full.
    NoTables,
}

impl fmt::Display for ExecuteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(error) => formatter.write_str(&reason(error)),
            Self::Connect(error) => error.fmt(formatter),
            Self::NoConnection => formatter.write_str(
                "no connection was available in time; the database is down, unreachable or overloaded",
            ),
            Self::Timeout(limit) => write!(formatter, "no answer within {limit:?}"),
            Self::NoTables => formatter.write_str("its disk is full, so its tables can't be created"),
        }
    }
}

impl ExecuteError {
    /// Whether the statement would have violated a unique index.
    pub(super) fn is_unique_violation(&self) -> bool {
        match self {
            Self::Statement(error) => {
                error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
            }
            Self::Connect(_) | Self::NoConnection | Self::Timeout(_) | Self::NoTables => false,
        }
    }

    /// Whether the disk of the database is full.
    pub(super) fn is_full_disk(&self) -> bool {
        match self {
            Self::Statement(error) => {
                error.as_database_error().and_then(unwritable_database) == Some(FULL_DISK)
                    || sqlstate(error).as_deref() == Some("53100")
            }
            Self::Connect(_) | Self::NoConnection | Self::Timeout(_) | Self::NoTables => false,
        }
    }

    /// Why the store can't be written; None if the error concerns only this statement.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        let reason = match self {
            Self::Connect(ConnectError::LoginRefused { .. } | ConnectError::DatabaseRefused { .. }) => {
                "the database rejects the login"
            }
            Self::Connect(ConnectError::NoSuitableHost { .. }) => {
                "none of the database's servers is suitable"
            }
            Self::Connect(ConnectError::Untrusted { .. } | ConnectError::TlsRefused { .. }) => {
                "the TLS connection to the database fails"
            }
            Self::Connect(_) => UNREACHABLE,
            Self::NoConnection => "no connection to the database was available in time",
            Self::Timeout(_) => "the database does not answer",
            // The reason was recorded when their creation failed.
            Self::NoTables => return None,
            Self::Statement(error) => match error.as_database_error() {
                Some(error) => unwritable_database(error)?,
                None if is_connection_failure(error) => UNREACHABLE,
                None => return None,
            },
        };
        Some(Unwritable(reason))
    }

    /// The error for the store's callers. It does not contain the secrets of the address.
    pub(super) fn into_store_error(self, operation: &'static str, place: &str) -> StoreError {
        match self {
            // The text of this error names the server.
            Self::Connect(error) => StoreError::Unavailable { operation, detail: error.to_string() },
            Self::NoConnection | Self::Timeout(_) | Self::NoTables => {
                StoreError::Unavailable { operation, detail: format!("{place}: {self}") }
            }
            Self::Statement(ref error) => {
                let detail = format!("{place}: {self}");
                if is_connection_failure(error) && !is_read_only(error) {
                    StoreError::Unavailable { operation, detail }
                } else if self.unwritable().is_some() {
                    StoreError::NotWritable { operation, detail }
                } else {
                    StoreError::Rejected { operation, detail }
                }
            }
        }
    }
}

/// Whether the server rejected a write because it is read-only.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    sqlstate(error).as_deref() == Some("25006")
}

const FULL_DISK: &str = "the disk is full";
/// `SQLITE_IOERR_SHMSIZE`: there is no space for the index of the write-ahead log.
const SHMSIZE: u32 = 4874;
const UNREACHABLE: &str = "the database can't be reached";

fn unwritable_database(error: &dyn DatabaseError) -> Option<&'static str> {
    let code = error.code()?;
    if error.try_downcast_ref::<SqliteError>().is_some() {
        unwritable_sqlite(code.parse().ok()?)
    } else {
        unwritable_postgres(&code)
    }
}

/// The meaning of a SQLSTATE; see Appendix A of the Postgres manual.
fn unwritable_postgres(sqlstate: &str) -> Option<&'static str> {
    match sqlstate {
        "25006" => Some("the database is read-only"),
        "53100" => Some("the disk of the database is full"),
        "42501" => Some("the database user is not allowed to write"),
        "42P01" => Some("the database does not contain the tables of trigger-api"),
        "57014" => Some("the database does not answer in time"),
        _ => match sqlstate.get(..2) {
            Some("08" | "57") => Some(UNREACHABLE),
            Some("53") => Some("the database has insufficient resources"),
            Some("58" | "XX") => Some("the database has an internal error"),
            _ => None,
        },
    }
}

/// The meaning of an extended result code of SQLite.
fn unwritable_sqlite(code: u32) -> Option<&'static str> {
    if code == SHMSIZE {
        return Some(FULL_DISK);
    }
    // The lower byte is the primary result code.
    match code & 0xff {
        5 | 6 => Some("the database file is locked by another process"),
        8 => Some("the database file is read-only"),
        10 | 14 => Some("the database file can't be written"),
        11 | 26 => Some("the database file is damaged"),
        13 => Some(FULL_DISK),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_postgres_mean_that_the_store_is_unwritable_or_that_the_statement_is_wrong() {
        let cases = [
            ("25006", Some("the database is read-only")),
            ("53100", Some("the disk of the database is full")),
            ("53300", Some("the database has insufficient resources")),
            ("08006", Some(UNREACHABLE)),
            ("57P01", Some(UNREACHABLE)),
            ("57014", Some("the database does not answer in time")),
            ("XX001", Some("the database has an internal error")),
            ("42501", Some("the database user is not allowed to write")),
            ("42P01", Some("the database does not contain the tables of trigger-api")),
            ("42601", None),
            ("23505", None),
            ("", None),
        ];
        for (code, reason) in cases {
            assert_eq!(unwritable_postgres(code), reason, "{code}");
        }
    }

    #[test]
    fn codes_of_sqlite_mean_the_same_with_and_without_their_upper_bytes() {
        let cases = [
            (5, Some("the database file is locked by another process")),
            (8, Some("the database file is read-only")),
            (10, Some("the database file can't be written")),
            (11, Some("the database file is damaged")),
            (13, Some("the disk is full")),
            (1, None),
            (19, None),
        ];
        for (code, reason) in cases {
            assert_eq!(unwritable_sqlite(code), reason, "{code}");
            assert_eq!(unwritable_sqlite(code | 3 << 8), reason, "{code}");
        }
        assert_eq!(unwritable_sqlite(SHMSIZE), Some(FULL_DISK));
    }

    #[test]
    fn errors_are_unavailable_rejected_or_about_a_write() {
        let no_connection = ExecuteError::NoConnection.into_store_error("reading a run", "the SQLite file a");
        assert!(matches!(no_connection, StoreError::Unavailable { .. }));
        assert_eq!(
            no_connection.to_string(),
            "the store: reading a run: the SQLite file a: no connection was available in time; the database is down, \
             unreachable or overloaded"
        );
        let silent = ExecuteError::Timeout(Duration::from_secs(12)).into_store_error("reading a run", "a");
        assert_eq!(silent.to_string(), "the store: reading a run: a: no answer within 12s");
        let broken = ExecuteError::Statement(sqlx::Error::WorkerCrashed);
        assert_eq!(broken.unwritable(), Some(Unwritable(UNREACHABLE)));
        assert!(matches!(broken.into_store_error("a", "b"), StoreError::Unavailable { .. }));
        let wrong = ExecuteError::Statement(sqlx::Error::RowNotFound);
        assert_eq!(wrong.unwritable(), None);
        assert!(matches!(wrong.into_store_error("a", "b"), StoreError::Rejected { .. }));
    }
}

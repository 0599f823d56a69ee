//! Why a statement was not executed, and whether that means that the store can't be written.

use std::fmt;
use std::time::Duration;

use common::postgres::{ConnectError, is_connection_failure, reason, sqlstate};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

use trigger_core::ports::{StoreError, Unwritable};

/// Why a statement was not executed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database answered with an error, or the connection broke.
    Statement(sqlx::Error),
    /// There is no connection to Postgres.
    Connect(ConnectError),
    /// No connection was free or made in time.
    NoConnection,
    /// The database did not answer in that time.
    NoAnswer(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(error) => formatter.write_str(&reason(error)),
            Self::Connect(error) => error.fmt(formatter),
            Self::NoConnection => {
                formatter.write_str("no connection in time; it is down, out of reach or overloaded")
            }
            Self::NoAnswer(limit) => write!(formatter, "no answer within {limit:?}"),
        }
    }
}

impl Failure {
    /// Whether the statement would put a second row where an index permits one.
    pub(super) fn is_unique_violation(&self) -> bool {
        self.database_error().is_some_and(DatabaseError::is_unique_violation)
    }

    /// What the failure means for writes; None when it concerns the statement alone.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        let reason = match self {
            Self::Connect(ConnectError::LoginRefused { .. } | ConnectError::DatabaseRefused { .. }) => {
                "the database refuses the login"
            }
            Self::Connect(ConnectError::NoSuitableHost { .. }) => {
                "none of the database's servers is suitable"
            }
            Self::Connect(ConnectError::Untrusted { .. } | ConnectError::TlsRefused { .. }) => {
                "the TLS connection to the database fails"
            }
            Self::Connect(_) => "the database can't be reached",
            Self::NoConnection => "there is no connection to the database in time",
            Self::NoAnswer(_) => "the database does not answer",
            Self::Statement(error) => {
                return match error.as_database_error() {
                    Some(error) => of_database(error),
                    None => is_connection_failure(error).then_some("the database can't be reached"),
                }
                .map(Unwritable);
            }
        };
        Some(Unwritable(reason))
    }

    /// The error for callers of the store, without the secrets of the address.
    pub(super) fn store_error(&self, operation: &'static str, place: &str) -> StoreError {
        let detail = match self {
            // Its text names the server.
            Self::Connect(error) => error.to_string(),
            Self::Statement(_) | Self::NoConnection | Self::NoAnswer(_) => format!("{place}: {self}"),
        };
        match self {
            Self::Connect(_) | Self::NoConnection | Self::NoAnswer(_) => {
                StoreError::Unavailable { operation, detail }
            }
            Self::Statement(error) if is_connection_failure(error) && !is_read_only(error) => {
                StoreError::Unavailable { operation, detail }
            }
            Self::Statement(_) if self.unwritable().is_some() => {
                StoreError::NotWritable { operation, detail }
            }
            Self::Statement(_) => StoreError::Rejected { operation, detail },
        }
    }

    fn database_error(&self) -> Option<&dyn DatabaseError> {
        match self {
            Self::Statement(error) => error.as_database_error(),
            Self::Connect(_) | Self::NoConnection | Self::NoAnswer(_) => None,
        }
    }
}

/// Whether the server rejected a write because it is read-only.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    sqlstate(error).as_deref() == Some("25006")
}

fn of_database(error: &dyn DatabaseError) -> Option<&'static str> {
    let code = error.code()?;
    if error.try_downcast_ref::<SqliteError>().is_some() {
        sqlite(code.parse().ok()?)
    } else {
        postgres(&code)
    }
}

fn postgres(code: &str) -> Option<&'static str> {
    match code {
        "25006" => Some("the database is read-only"),
        "53100" => Some("the disk of the database is full"),
        "42501" => Some("the user of the database may not write"),
        "42P01" => Some("the database has no tables of trigger-api"),
        "57014" => Some("the database does not answer in time"),
        _ => match code.get(..2) {
            Some("08" | "57") => Some("the database can't be reached"),
            Some("53") => Some("the database has not enough resources"),
            Some("58" | "XX") => Some("the database fails"),
            _ => None,
        },
    }
}

fn sqlite(code: u32) -> Option<&'static str> {
    // The lower byte is the kind of the error, the upper one says more.
    match code & 0xff {
        5 | 6 => Some("the file of the database is locked by another process"),
        8 => Some("the file of the database is read-only"),
        10 | 14 => Some("the file of the database can't be written"),
        11 | 26 => Some("the file of the database is damaged"),
        13 => Some("the disk is full"),
        _ => None,
    }
}

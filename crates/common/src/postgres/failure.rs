//! Errors of statements: which belong to the connection, and how they are shown.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::text::single_line;

/// How much of a text from a server is shown.
pub(super) const MAX_REASON_BYTES: usize = 1024;

/// The server's five-character code of an error (SQLSTATE).
pub fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// An error on one line of at most 1 KB, without the statement, its parameters or the server's address.
pub fn reason(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    single_line(&text, MAX_REASON_BYTES)
}

/// Whether the error belongs to the connection and not to the statement: the connection must be dropped, and the
/// statement may be repeated on another one.
pub fn is_connection_failure(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        sqlx::Error::Database(error) => {
            // The server closes the connection after such an error, for example when it was idle for too long.
            let postgres = error.try_downcast_ref::<PgDatabaseError>();
            if postgres.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
            {
                return true;
            }
            let code = error.code().unwrap_or_default();
            // A pooler reports a server that went away with class 08. 25006: the server became read-only.
            code.starts_with("08") || ["25006", "57P01", "57P02", "57P03"].contains(&code.as_ref())
        }
        _ => false,
    }
}

//! Errors of statements: which belong to the connection, and how they are shown.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::conninfo::decode;
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
        // Its text may contain characters of the password.
        sqlx::Error::Configuration(_) => "the settings of the connection can't be used".to_owned(),
        other => other.to_string(),
    };
    single_line(&text, MAX_REASON_BYTES)
}

/// A server's text without the password, whether as it is sent or as it is written with percent signs.
///
/// A quoted user name stays, also where it is the password as well: replacing it would show that they are the same.
pub(super) fn redacted(text: &str, password: &str, user: &str) -> String {
    const MASK: &str = "***";

    let encoded: String = password.bytes().fold(String::new(), |encoded, byte| match byte {
        b'-' | b'.' | b'_' | b'~' => encoded + char::from(byte).encode_utf8(&mut [0; 4]),
        _ if byte.is_ascii_alphanumeric() => encoded + char::from(byte).encode_utf8(&mut [0; 4]),
        _ => encoded + &format!("%{byte:02X}"),
    });
    let decoded = decode(password).unwrap_or_default();
    let quoted_user = format!("\"{user}\"");
    let mask = |part: &str| {
        let forms = [password, &encoded, &decoded].into_iter().filter(|form| !form.is_empty());
        forms.fold(part.to_owned(), |part, form| part.replace(form, MASK))
    };
    text.split(&quoted_user).map(mask).collect::<Vec<_>>().join(&quoted_user)
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

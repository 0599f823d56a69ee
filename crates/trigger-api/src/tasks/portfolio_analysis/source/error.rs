//! What can go wrong with the source: a sentence for the caller, and the server's own words for the log alone.

use crate::domain::task::TaskError;

/// There is no connection, or none any more.
pub(in super::super) const UNREACHABLE: &str = "SourceUnreachable";
/// The server answers, and a view or the access to it is not as it must be.
pub(super) const REFUSED: &str = "SourceRefused";
/// Reading failed in the midst.
pub(super) const FAILED: &str = "SourceFailed";

/// An error with the driver's words as detail.
pub(super) fn caused(reason: &'static str, message: impl Into<String>, cause: &sqlx::Error) -> TaskError {
    TaskError { detail: Some(words(cause)), ..plain(reason, message) }
}

/// An error that needs no detail.
pub(super) fn plain(reason: &'static str, message: impl Into<String>) -> TaskError {
    TaskError { reason, message: message.into(), detail: None }
}

/// Why there is no connection to `server`, which names host, port and database.
pub(super) fn no_connection(server: &str, cause: &sqlx::Error) -> TaskError {
    match sqlstate(cause).as_deref() {
        // The classes "invalid authorization" and "invalid catalog name", and a right that is missing.
        Some(code) if code.starts_with("28") => caused(
            REFUSED,
            format!(
                "the database at {server} does not let this user in; check user and password in SOURCE_DATABASE_URL"
            ),
            cause,
        ),
        Some(code) if code.starts_with("3D") || code == "42501" => caused(
            REFUSED,
            format!(
                "there is no such database at {server}, or this user may not connect to it; check SOURCE_DATABASE_URL"
            ),
            cause,
        ),
        _ => caused(
            UNREACHABLE,
            format!(
                "can't connect to Postgres at {server}; check SOURCE_DATABASE_URL and that the server takes connections"
            ),
            cause,
        ),
    }
}

/// Why `what` could not be done in a session that stood.
pub(super) fn interrupted(what: &str, cause: &sqlx::Error) -> TaskError {
    let code = sqlstate(cause);
    let why = match (cause, code.as_deref()) {
        (_, Some("57014")) => {
            "it took too long and was stopped; look for locks and missing indexes on report_date"
        }
        (sqlx::Error::Io(_), _) | (_, Some("57P01" | "57P02" | "57P03" | "08006")) => {
            "the connection was lost; run it again when the server is back"
        }
        _ => "the database reported an error, which is in the service's log",
    };
    caused(FAILED, format!("{what} failed: {why}"), cause)
}

/// The server's five-character code for an error.
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// A driver's error as the log may have it. A configuration error may repeat the URL, so it has no words.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => {
            format!("{} ({})", error.message(), error.code().unwrap_or_default())
        }
        sqlx::Error::Configuration(_) => "the URL can't be used".to_owned(),
        other => other.to_string(),
    }
}

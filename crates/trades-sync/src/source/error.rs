//! What can go wrong with the source, in words for the operator.

use std::time::Duration;

use jiff::civil::Date;

/// The source could not give a day. No variant holds the connection URL.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL can't be used. Its text is not repeated: it may hold a password.
    #[error(
        "DATABASE_URL: can't be read as a Postgres URL; set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded"
    )]
    Url,
    /// There is no connection.
    #[error(
        "can't connect to Postgres at {server}: {reason}; check DATABASE_URL and that the server takes connections"
    )]
    Connect {
        /// Host, port, database and user.
        server: String,
        /// What the attempt met.
        reason: String,
    },
    /// Another run holds the date.
    #[error("another run is shipping {date} and has not ended within {} s; try again when it has", waited.as_secs())]
    Locked {
        /// The date.
        date: Date,
        /// How long this run waited.
        waited: Duration,
    },
    /// The view does not exist.
    #[error("{variable}: there is no view {view} in the database; create it or name the right one")]
    NoView {
        /// The variable that names the view.
        variable: &'static str,
        /// The view.
        view: String,
    },
    /// The view lacks columns.
    #[error("{variable}: {view} has no column {missing}; it needs {needed}")]
    NoColumn {
        /// The variable that names the view.
        variable: &'static str,
        /// The view.
        view: String,
        /// The columns that are missing.
        missing: String,
        /// All that are needed.
        needed: String,
    },
    /// The user may not read the view.
    #[error("{variable}: the database user may not read {view}; GRANT USAGE on its schema and SELECT on it")]
    Denied {
        /// The variable that names the view.
        variable: &'static str,
        /// The view.
        view: String,
    },
    /// The materialized view has never been filled.
    #[error("{variable}: {view} has not been populated; run REFRESH MATERIALIZED VIEW {view}")]
    NotPopulated {
        /// The variable that names the view.
        variable: &'static str,
        /// The view.
        view: String,
    },
    /// Reading a view failed.
    #[error("{variable}: reading {view} for {} failed: {reason}; nothing was sent, run it again", date.map_or("no date".to_owned(), |date| date.to_string()))]
    Read {
        /// The variable that names the view.
        variable: &'static str,
        /// The view.
        view: String,
        /// The date, where one was being read.
        date: Option<Date>,
        /// What the server or the connection said.
        reason: String,
    },
    /// The connection failed between two reads.
    #[error("the Postgres session for {date} failed: {reason}; nothing half-read was sent, run it again")]
    Session {
        /// The date.
        date: Date,
        /// What the server or the connection said.
        reason: String,
    },
    /// The views take too long.
    #[error("reading the views for {date} took longer than {} s; nothing was sent; look for locks and missing indexes on report_date", deadline.as_secs())]
    Slow {
        /// The date.
        date: Date,
        /// The time they had.
        deadline: Duration,
    },
}

/// A driver's error without what a log must not hold.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The server's five-character code for an error (SQLSTATE).
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

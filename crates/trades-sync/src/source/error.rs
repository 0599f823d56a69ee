//! Errors of the source, as messages for operators.

use std::time::Duration;

use common::postgres::ConnectError;
use jiff::civil::Date;
use trading_views::{Failure, ViewError, ViewProblem};

/// A day could not be read. No message contains an address or a password.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The connection failed.
    #[error("can't connect to Postgres: {0}")]
    Connect(#[from] ConnectError),
    /// Another run holds the lock of the date.
    #[error("another run is shipping {date} and has not ended within {} s; run it again when that run has ended", waited.as_secs())]
    Locked {
        /// The date.
        date: Date,
        /// How long this run waited.
        waited: Duration,
    },
    /// A view can't be read.
    #[error("{}", view_message(error, *date))]
    View {
        /// The date that was read; None if the views were only checked.
        date: Option<Date>,
        /// The error of the view.
        error: ViewError,
    },
    /// The connection failed between two reads.
    #[error("the Postgres session for {date} failed: {reason}; nothing was sent; run it again")]
    Session {
        /// The date.
        date: Date,
        /// The error that the server or the connection reported.
        reason: String,
    },
    /// The check of the views could not begin.
    #[error("the Postgres session failed: {reason}; run it again")]
    Check {
        /// The error that the server or the connection reported.
        reason: String,
    },
    /// The views could not be read within the timeout.
    #[error("reading the views for {date} took longer than {} s; nothing was sent; look for locks and missing indexes on report_date", timeout.as_secs())]
    Timeout {
        /// The date.
        date: Date,
        /// The timeout.
        timeout: Duration,
    },
}

impl SourceError {
    pub(super) fn session(date: Date, failure: Failure) -> Self {
        Self::Session { date, reason: failure.detail }
    }
}

/// Messages of trades-sync contain the text that the server reported, because its readers are operators.
fn view_message(error: &ViewError, date: Option<Date>) -> String {
    match (&error.problem, date) {
        (ViewProblem::Unreadable { view, failure }, Some(date)) => format!(
            "{}: reading {view} for {date} failed: {}; nothing was sent; run it again",
            error.variable, failure.detail
        ),
        (ViewProblem::Unreadable { view, failure }, None) => {
            format!("{}: checking {view} failed: {}", error.variable, failure.detail)
        }
        _ => error.to_string(),
    }
}

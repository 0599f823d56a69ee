//! What can go wrong with the source, in words for the operator.

use std::time::Duration;

use common::postgres::ConnectError;
use jiff::civil::Date;
use trading_views::{Failure, ViewError, ViewProblem};

/// The source could not give a day. No text contains an address or a password.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no connection.
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
    #[error("{}", of_view(error, *date))]
    View {
        /// The date that was being read; None if nothing was.
        date: Option<Date>,
        /// Why.
        error: ViewError,
    },
    /// The connection failed between two reads.
    #[error("the Postgres session for {date} failed: {reason}; nothing of the day was sent, run it again")]
    Session {
        /// The date.
        date: Date,
        /// What the server or the connection reported.
        reason: String,
    },
    /// The check of the views could not begin.
    #[error("the Postgres session failed: {reason}; run it again")]
    Check {
        /// What the server or the connection reported.
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

impl SourceError {
    pub(super) fn session(date: Date, failure: Failure) -> Self {
        Self::Session { date, reason: failure.words }
    }
}

/// Operators of trades-sync read the server's own words, which say more than a class of errors.
fn of_view(error: &ViewError, date: Option<Date>) -> String {
    match (&error.problem, date) {
        (ViewProblem::Unreadable { view, failure }, Some(date)) => format!(
            "{}: reading {view} for {date} failed: {}; nothing was sent, run it again",
            error.variable, failure.words
        ),
        (ViewProblem::Unreadable { view, failure }, None) => {
            format!("{}: looking at {view} failed: {}", error.variable, failure.words)
        }
        _ => error.to_string(),
    }
}

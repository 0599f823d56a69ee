//! Why a command failed, and the exit code that says so.

use std::path::PathBuf;

use common::config::ConfigError;
use jiff::civil::Date;

use crate::domain::Refusal;
use crate::sink::SinkError;
use crate::source::SourceError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A setting is missing or wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The file of `--input` can't be used.
    #[error("--input {}: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The views could not be read.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The views hold nothing for the date.
    #[error(
        "the views have nothing for {0}; what is stored stays; check the date, REPORT_TIMEZONE and the views' last refresh"
    )]
    Empty(Date),
    /// The views hold rows for the date, and none that can be stored.
    #[error(
        "none of the {rows} rows that the views have for {date} can be stored; what is stored stays; the warnings above say why"
    )]
    NothingStorable {
        /// The day.
        date: Date,
        /// How many rows there are.
        rows: usize,
    },
    /// The views hold nothing for any date of a backfill.
    #[error("the views have nothing from {from} to {to}; what is stored stays; check the dates")]
    AllEmpty {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
    /// The document of `--input` holds no day.
    #[error("{0}")]
    EmptyInput(Refusal),
    /// A day could not be stored.
    #[error("{date} {}: {error}", error.outcome())]
    Sink {
        /// The day.
        date: Date,
        /// Why.
        error: SinkError,
    },
    /// A day could be stored neither by the API nor by D1.
    #[error("{date} {}: {api}; the fallback failed too: {d1}", d1.outcome())]
    Fallback {
        /// The day.
        date: Date,
        /// Why the API did not store it.
        api: SinkError,
        /// Why D1 did not.
        d1: SinkError,
    },
    /// Some days of a backfill failed; each was logged.
    #[error(
        "{failed} of {days} days were not stored, the first of them {first}; run the backfill again for those days"
    )]
    Backfill {
        /// How many days failed.
        failed: usize,
        /// How many there were.
        days: usize,
        /// The first that failed.
        first: Date,
        /// The exit code of its failure.
        code: u8,
    },
    /// The sink could not be read or checked.
    #[error("{0}")]
    Unread(SinkError),
    /// The sink does not hold what the views hold.
    #[error("{date} is not verified: {count} difference{} between the views and the sink; {}", plural(*count), repair(*date, *surplus))]
    Differs {
        /// The day.
        date: Date,
        /// How many rows differ.
        count: usize,
        /// How many rows, and values of rows, are stored and not in the views.
        surplus: usize,
    },
    /// A precondition does not hold; each was printed.
    #[error("{failed} of {checks} checks failed")]
    Check {
        /// How many failed.
        failed: usize,
        /// How many there were.
        checks: usize,
        /// The exit code of the first failure.
        code: u8,
    },
}

impl SyncError {
    /// The exit code: 1 differs, 2 usage or configuration, 3 source, 4 nothing for the date, 5 rejected, 6 unreachable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Differs { .. } => 1,
            Self::Config(_) | Self::Input { .. } => 2,
            Self::Source(_) => 3,
            Self::Empty(_) | Self::NothingStorable { .. } | Self::AllEmpty { .. } | Self::EmptyInput(_) => 4,
            Self::Sink { error, .. } | Self::Fallback { d1: error, .. } | Self::Unread(error) => {
                match error {
                    SinkError::Refused { .. } | SinkError::Unconfirmed { .. } => 5,
                    SinkError::Unreachable { .. } => 6,
                }
            }
            Self::Backfill { code, .. } | Self::Check { code, .. } => *code,
        }
    }
}

/// What to do about a day that differs. Shipping it again deletes what the views lack, so it is advised only
/// with that said.
fn repair(date: Date, surplus: usize) -> String {
    let run = format!("trades-sync run --date {date}");
    match surplus {
        0 => format!("run {run} to repair it"),
        1 => format!(
            "1 row or value of the sink is not in the views, and {run} would delete it: find out who wrote it first"
        ),
        _ => format!(
            "{surplus} rows or values of the sink are not in the views, and {run} would delete them: find out who wrote them first"
        ),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

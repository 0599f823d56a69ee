//! Why a command failed, and its exit code.

use std::path::PathBuf;

use common::config::ConfigError;
use jiff::civil::Date;

use crate::domain::NormalizeError;
use crate::plural::{counted, was};
use crate::sink::SinkError;
use crate::source::SourceError;

/// Why a command failed.
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
        /// The problem, and what to do about it.
        reason: String,
    },
    /// The views could not be read.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The views have no rows for the date.
    #[error(
        "the views have no rows for {0}; the stored day is unchanged; check the date, REPORT_TIMEZONE and the views' last refresh"
    )]
    Empty(Date),
    /// The views have rows for the date, but none that can be stored.
    #[error("{}; the stored day is unchanged; the warnings above have the reasons", not_storable(*date, *rows))]
    NothingStorable {
        /// The day.
        date: Date,
        /// How many rows there are.
        rows: usize,
    },
    /// The views have no rows for any date of a backfill.
    #[error("the views have no rows from {from} to {to}; the stored days are unchanged; check the dates")]
    AllEmpty {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
    /// The document of `--input` has nothing to store.
    #[error("{0}")]
    EmptyInput(NormalizeError),
    /// A day could not be stored.
    #[error("{date} {}: {error}", error.outcome())]
    Sink {
        /// The day.
        date: Date,
        /// The error of the sink.
        error: SinkError,
    },
    /// Neither the API nor D1 could store a day.
    #[error("{date} {}: {api}; the fallback failed too: {d1}", d1.outcome())]
    Fallback {
        /// The day.
        date: Date,
        /// The error of the API.
        api: SinkError,
        /// The error of D1.
        d1: SinkError,
    },
    /// Some days of a backfill failed. Each was logged.
    #[error(
        "{failed} of {} {} not stored, the first of them {first}; run the backfill again for those days",
        counted(*days, "day"), was(*failed)
    )]
    Backfill {
        /// How many days failed.
        failed: usize,
        /// How many days there were.
        days: usize,
        /// The first day that failed.
        first: Date,
        /// The exit code of its failure.
        code: u8,
    },
    /// The sink could not be read or checked.
    #[error("{0}")]
    Unreadable(SinkError),
    /// The content of the sink differs from the views.
    #[error("{date} is not verified: {} between the views and the sink; {}", counted(*count, "difference"), repair(*date, *surplus))]
    Differs {
        /// The day.
        date: Date,
        /// How many rows differ.
        count: usize,
        /// How many rows, and values of rows, are in the sink and not in the views.
        surplus: usize,
    },
    /// A precondition is not met. Each was printed.
    #[error("{failed} of {} failed", counted(*checks, "check"))]
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
    /// The exit code: 1 the sink differs, 2 usage or configuration, 3 source, 4 no data for the date, 5 rejected,
    /// 6 unreachable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Differs { .. } => 1,
            Self::Config(_) | Self::Input { .. } => 2,
            Self::Source(_) => 3,
            Self::Empty(_) | Self::NothingStorable { .. } | Self::AllEmpty { .. } | Self::EmptyInput(_) => 4,
            Self::Sink { error, .. } | Self::Fallback { d1: error, .. } | Self::Unreadable(error) => {
                match error {
                    SinkError::Rejected { .. } | SinkError::Unconfirmed { .. } => 5,
                    SinkError::Unreachable { .. } => 6,
                }
            }
            Self::Backfill { code, .. } | Self::Check { code, .. } => *code,
        }
    }
}

fn not_storable(date: Date, rows: usize) -> String {
    match rows {
        1 => format!("the only row that the views have for {date} can't be stored"),
        _ => format!("none of the {rows} rows that the views have for {date} can be stored"),
    }
}

/// What to do about a day that differs. Shipping it again deletes what is in the sink and not in the views, so the
/// advice mentions that.
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const DAY: Date = date(2026, 2, 11);

    fn rejected() -> SinkError {
        SinkError::Rejected { sink: "API x".to_owned(), reason: "status 403".to_owned() }
    }

    fn unconfirmed() -> SinkError {
        SinkError::Unconfirmed { sink: "API x".to_owned(), reason: "status 200".to_owned() }
    }

    fn unreachable(may_be_stored: bool) -> SinkError {
        SinkError::Unreachable { sink: "API x".to_owned(), reason: "no answer".to_owned(), may_be_stored }
    }

    #[test]
    fn each_error_has_its_exit_code_and_message() {
        let input = |reason: &str| SyncError::Input { path: "day.json".into(), reason: reason.to_owned() };
        for (error, code, message) in [
            (
                SyncError::Differs { date: DAY, count: 1, surplus: 0 },
                1,
                "2026-02-11 is not verified: 1 difference between",
            ),
            (ConfigError::variable("SINK", "is wrong").into(), 2, "SINK: is wrong"),
            (input("not JSON"), 2, "--input day.json: not JSON"),
            (SyncError::Empty(DAY), 4, "the views have no rows for 2026-02-11; the stored day is unchanged"),
            (
                SyncError::NothingStorable { date: DAY, rows: 1 },
                4,
                "the only row that the views have for 2026-02-11",
            ),
            (SyncError::NothingStorable { date: DAY, rows: 3 }, 4, "none of the 3 rows that the views have"),
            (
                SyncError::AllEmpty { from: DAY, to: DAY },
                4,
                "the views have no rows from 2026-02-11 to 2026-02-11",
            ),
            (
                SyncError::Sink { date: DAY, error: rejected() },
                5,
                "2026-02-11 was not stored: API x: status 403",
            ),
            (
                SyncError::Sink { date: DAY, error: unconfirmed() },
                5,
                "2026-02-11 may not have been stored: API x did",
            ),
            (
                SyncError::Sink { date: DAY, error: unreachable(false) },
                6,
                "2026-02-11 was not stored: API x is unreach",
            ),
            (
                SyncError::Sink { date: DAY, error: unreachable(true) },
                6,
                "2026-02-11 may not have been stored: API x",
            ),
            (
                SyncError::Fallback { date: DAY, api: unreachable(true), d1: rejected() },
                5,
                "2026-02-11 was not stored",
            ),
            (SyncError::Unreadable(unreachable(false)), 6, "API x is unreachable: no answer"),
            (
                SyncError::Backfill { failed: 1, days: 4, first: DAY, code: 5 },
                5,
                "1 of 4 days was not stored",
            ),
            (
                SyncError::Backfill { failed: 2, days: 4, first: DAY, code: 6 },
                6,
                "2 of 4 days were not stored",
            ),
            (SyncError::Check { failed: 1, checks: 8, code: 3 }, 3, "1 of 8 checks failed"),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().starts_with(message), "{message:?}: {error}");
        }
    }

    #[test]
    fn a_repair_that_deletes_rows_is_not_advised_without_a_warning() {
        assert_eq!(repair(DAY, 0), "run trades-sync run --date 2026-02-11 to repair it");
        for (surplus, warning) in [(1, "would delete it: find out"), (2, "would delete them: find out")] {
            assert!(repair(DAY, surplus).contains(warning));
        }
    }
}

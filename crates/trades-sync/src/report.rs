//! Reports the outcome of a command: the last line of the log, the termination message and the exit code.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::backfill::Backfilled;
use crate::config::DEFAULT_TERMINATION_MESSAGE_PATH;
use crate::day::Shipped;
use crate::error::SyncError;
use crate::plural::counted;
use crate::verify::Verified;

/// The maximum length of a termination message that Kubernetes keeps, in bytes.
const MAX_MESSAGE: usize = 4096;

/// The result of a successful command.
#[derive(Clone, Debug)]
pub(crate) enum Summary {
    Day(Shipped),
    Days(Backfilled),
    Checked(usize),
    Verified(Verified),
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write_day(f, day),
            Self::Days(Backfilled { from, to, is_dry_run, days, empty, rows }) => {
                let what = if *is_dry_run { "dry run, nothing stored for" } else { "backfilled" };
                let (days, rows, empty) =
                    (counted(*days, "day"), counted(*rows, "row"), counted(*empty, "day"));
                write!(f, "{what} {from} to {to}: {days} with {rows}; {empty} empty")
            }
            Self::Checked(checks) => write!(f, "all {checks} checks passed"),
            Self::Verified(Verified { date, rows, dropped, what }) => {
                write!(
                    f,
                    "{date} is verified: {} in {what} compared, no differences; {dropped} dropped",
                    counted(*rows, "row")
                )
            }
        }
    }
}

fn write_day(f: &mut fmt::Formatter<'_>, day: &Shipped) -> fmt::Result {
    let Shipped { date, rows, dropped, receipt, read_duration, store_duration } = day;
    match receipt {
        Some(receipt) => {
            write!(f, "stored {date} by {}: {rows}; {};", receipt.sink, counted(receipt.bytes, "byte"))?;
        }
        None => write!(f, "dry run, {date} not stored: {rows};")?,
    }
    let (read_ms, stored_ms) = (read_duration.as_millis(), store_duration.as_millis());
    write!(f, " {dropped} dropped; read in {read_ms} ms, stored in {stored_ms} ms")
}

/// Reports a success. Returns its exit code.
pub(crate) fn succeeded(summary: &Summary, message_path: Option<&Path>) -> u8 {
    let text = summary.to_string();
    match summary {
        Summary::Day(day) => log_day(day, &text),
        _ => tracing::info!(outcome = "done", exit_code = 0, "{text}"),
    }
    write_termination_message(&text, message_path);
    0
}

fn log_day(day: &Shipped, text: &str) {
    let Shipped { date, rows, dropped, receipt, read_duration, store_duration } = day;
    tracing::info!(
        outcome = if receipt.is_some() { "stored" } else { "dry_run" },
        exit_code = 0,
        %date,
        sink = receipt.map(|receipt| receipt.sink),
        rows.kpi_values = rows.kpi_values,
        rows.series_points = rows.series_points,
        rows.extremes_items = rows.extremes_items,
        rows.portfolio_assets = rows.portfolio_assets,
        dropped,
        sent_bytes = receipt.map(|receipt| receipt.bytes),
        read_ms = milliseconds(*read_duration),
        stored_ms = milliseconds(*store_duration),
        "{text}"
    );
}

/// The duration rounded to microseconds, so that the log has no digits from the imprecision of doubles.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Reports a failure. Returns its exit code.
pub(crate) fn failed(error: &SyncError, message_path: Option<&Path>) -> u8 {
    let text = error.to_string();
    let exit_code = error.exit_code();
    tracing::error!(outcome = "failed", exit_code, "{text}");
    write_termination_message(&text, message_path);
    exit_code
}

/// Reports that a signal ended the run. Returns its exit code.
pub(crate) fn interrupted(exit_code: u8, message_path: Option<&Path>) -> u8 {
    let text = "interrupted by a signal; each day is stored completely or not at all; run it again";
    tracing::error!(outcome = "interrupted", exit_code, "{text}");
    write_termination_message(text, message_path);
    exit_code
}

/// Writes the termination message to the file, or else to the default file if that exists.
pub(crate) fn write_termination_message(text: &str, path: Option<&Path>) {
    let default = Path::new(DEFAULT_TERMINATION_MESSAGE_PATH);
    let Some(path) = path.or_else(|| default.exists().then_some(default)) else { return };
    let message = &text[..text.floor_char_boundary(MAX_MESSAGE)];
    if let Err(error) = std::fs::write(path, message) {
        tracing::debug!(%error, "the termination message could not be written");
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::RowCounts;
    use crate::sink::Receipt;

    #[test]
    fn a_summary_has_the_counts_with_the_right_plurals() {
        let (from, to) = (date(2026, 2, 6), date(2026, 2, 9));
        let backfilled = Backfilled { from, to, is_dry_run: false, days: 1, empty: 3, rows: 1 };
        let dry_run = Backfilled { is_dry_run: true, days: 2, empty: 1, ..backfilled };
        let verified = Verified { date: from, rows: 7, dropped: 1, what: "five tables" };
        for (summary, expected) in [
            (
                Summary::Days(backfilled),
                "backfilled 2026-02-06 to 2026-02-09: 1 day with 1 row; 3 days empty",
            ),
            (
                Summary::Days(dry_run),
                "dry run, nothing stored for 2026-02-06 to 2026-02-09: 2 days with 1 row; 1 day empty",
            ),
            (Summary::Checked(8), "all 8 checks passed"),
            (
                Summary::Verified(verified),
                "2026-02-06 is verified: 7 rows in five tables compared, no differences; 1 dropped",
            ),
        ] {
            assert_eq!(summary.to_string(), expected);
        }
    }

    #[test]
    fn the_summary_of_a_day_names_the_sink_or_the_dry_run() {
        let stored = Shipped {
            date: date(2026, 2, 11),
            rows: RowCounts { kpi_values: 1, series_points: 2, ..RowCounts::default() },
            dropped: 0,
            receipt: Some(Receipt { sink: "d1", bytes: 120 }),
            read_duration: Duration::from_micros(2_500),
            store_duration: Duration::from_millis(4),
        };
        let rows = "1 KPI value, 2 series points, 0 extremes items, 0 portfolio assets";
        let durations = "0 dropped; read in 2 ms, stored in 4 ms";
        let expected = format!("stored 2026-02-11 by d1: {rows}; 120 bytes; {durations}");
        assert_eq!(Summary::Day(stored.clone()).to_string(), expected);
        let dry_run = Summary::Day(Shipped { receipt: None, ..stored });
        assert_eq!(dry_run.to_string(), format!("dry run, 2026-02-11 not stored: {rows}; {durations}"));
    }
}

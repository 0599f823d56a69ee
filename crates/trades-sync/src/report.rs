//! How a command ends: the last line of the log, the same line as termination message, the exit code.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::backfill::Backfilled;
use crate::day::Shipped;
use crate::error::SyncError;
use crate::verify::Verified;

/// Where Kubernetes looks for a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// As much of them as Kubernetes keeps, in bytes.
const LONGEST_MESSAGE: usize = 4096;

/// What a command did.
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
                write!(f, "{what} {from} to {to}: {days} days with {rows} rows; {empty} days empty")
            }
            Self::Checked(checks) => write!(f, "all {checks} checks hold"),
            Self::Verified(Verified { date, rows, dropped, what }) => {
                write!(f, "{date} is verified: {rows} rows in {what} are equal; {dropped} dropped")
            }
        }
    }
}

fn write_day(f: &mut fmt::Formatter<'_>, day: &Shipped) -> fmt::Result {
    let Shipped { date, rows, dropped, receipt, read, stored } = day;
    match receipt {
        Some(receipt) => write!(f, "stored {date} by {}: {rows}; {} bytes;", receipt.sink, receipt.bytes)?,
        None => write!(f, "dry run, {date} not stored: {rows};")?,
    }
    write!(f, " {dropped} dropped; read in {} ms, stored in {} ms", read.as_millis(), stored.as_millis())
}

/// Logs a success; gives its exit code.
pub(crate) fn done(summary: &Summary, message_path: Option<&Path>) -> u8 {
    let text = summary.to_string();
    match summary {
        Summary::Day(day) => log_day(day, &text),
        _ => tracing::info!(outcome = "done", exit_code = 0, "{text}"),
    }
    leave_message(&text, message_path);
    0
}

fn log_day(day: &Shipped, text: &str) {
    let Shipped { date, rows, dropped, receipt, read, stored } = day;
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
        read_ms = milliseconds(*read),
        stored_ms = milliseconds(*stored),
        "{text}"
    );
}

/// To the microsecond, without the noise of a double behind it.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Logs a failure; gives its exit code.
pub(crate) fn failed(error: &SyncError, message_path: Option<&Path>) -> u8 {
    let text = error.to_string();
    let exit_code = error.exit_code();
    tracing::error!(outcome = "failed", exit_code, "{text}");
    leave_message(&text, message_path);
    exit_code
}

/// Logs that a signal ended the run; gives its exit code.
pub(crate) fn interrupted(exit_code: u8, message_path: Option<&Path>) -> u8 {
    let text = "interrupted by a signal; a day is stored whole or not at all, run it again";
    tracing::error!(outcome = "interrupted", exit_code, "{text}");
    leave_message(text, message_path);
    exit_code
}

/// Writes the termination message, where there is a place for it.
pub(crate) fn leave_message(text: &str, path: Option<&Path>) {
    let path = match path {
        Some(path) => path,
        None if Path::new(TERMINATION_LOG).exists() => Path::new(TERMINATION_LOG),
        None => return,
    };
    let message = &text[..text.floor_char_boundary(LONGEST_MESSAGE)];
    if let Err(error) = std::fs::write(path, message) {
        tracing::debug!(%error, "the termination message could not be written");
    }
}

//! Ships a range of days one after the other. A terminal displays a progress bar.

use std::io::IsTerminal;

use common::config::ConfigError;
use common::telemetry;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;

use crate::day::{self, Sinks};
use crate::error::SyncError;
use crate::source::Source;

/// The result of a backfill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backfilled {
    pub(crate) from: Date,
    pub(crate) to: Date,
    /// Whether nothing was stored.
    pub(crate) is_dry_run: bool,
    /// Days that were stored, or would have been without `--dry-run`.
    pub(crate) days: usize,
    /// Days for which the views have no rows, such as weekends and holidays.
    pub(crate) empty: usize,
    /// The total number of rows of all days and tables.
    pub(crate) rows: usize,
}

/// The days of a backfill, the first and the last included.
pub(crate) struct Days {
    from: Date,
    to: Date,
}

impl Days {
    /// # Errors
    /// When the first day is after the last one.
    pub(crate) fn new(from: Date, to: Date) -> Result<Self, ConfigError> {
        if from > to {
            let problem = format!("{from} is after --to {to}; swap them");
            return Err(ConfigError::variable("--from", problem));
        }
        Ok(Self { from, to })
    }
}

/// Ships every day from the first to the last.
///
/// A day without rows is skipped. A day that the sink rejects is logged, and the backfill continues with the next day. An
/// error that would occur for every day (of the source, or an unreachable sink) ends the backfill.
pub(crate) async fn ship(
    source: &mut Source,
    sinks: Option<&Sinks>,
    Days { from, to }: Days,
) -> Result<Backfilled, SyncError> {
    let days: Vec<Date> = from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).collect();
    let progress = Progress::new(days.len());
    let mut total = Backfilled { from, to, is_dry_run: sinks.is_none(), days: 0, empty: 0, rows: 0 };
    let mut failures: Vec<(Date, u8)> = Vec::new();
    for day in &days {
        match day::ship(source, sinks, *day).await {
            Ok(shipped) => {
                total.days += 1;
                total.rows += shipped.rows.total();
                progress.finish_day(&format!("{day} {}", shipped.rows));
            }
            Err(SyncError::Empty(_)) => {
                total.empty += 1;
                progress.finish_day(&format!("{day} has no rows in the views"));
            }
            Err(error) if error.exit_code() == 5 => {
                failures.push((*day, error.exit_code()));
                tracing::error!(%error, "a day of the backfill failed");
                progress.finish_day(&format!("{day} was not stored"));
            }
            Err(error) => return Err(error),
        }
    }
    drop(progress);
    match failures.first() {
        Some(&(first, code)) => {
            Err(SyncError::Backfill { failed: failures.len(), days: days.len(), first, code })
        }
        None if total.days == 0 => Err(SyncError::AllEmpty { from, to }),
        None => Ok(total),
    }
}

/// A progress bar on a terminal, or else log lines.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new(days: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{bar:30} {pos}/{len} days  {elapsed} (about {eta} left)  {wide_msg}",
            );
            ProgressBar::with_draw_target(Some(days as u64), ProgressDrawTarget::stderr())
                .with_style(style.expect("the template is a constant"))
        });
        telemetry::progress_shown(bar.is_some());
        Self { bar }
    }

    /// Reports that a day is finished.
    fn finish_day(&self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(text.to_owned());
                bar.inc(1);
            }
            None => tracing::info!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            telemetry::progress_shown(false);
        }
    }
}

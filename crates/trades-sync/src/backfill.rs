//! Ships a range of days, one after the other, with a progress bar on a terminal.

use std::io::IsTerminal;

use common::telemetry;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;

use crate::day::{self, Sinks};
use crate::error::SyncError;
use crate::source::Source;

/// What a backfill came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backfilled {
    pub(crate) from: Date,
    pub(crate) to: Date,
    /// Whether nothing was to be stored.
    pub(crate) is_dry_run: bool,
    /// Days that were stored, or would have been.
    pub(crate) days: usize,
    /// Days that the views have nothing for: weekends, holidays.
    pub(crate) empty: usize,
    /// Rows over all days and tables.
    pub(crate) rows: usize,
}

/// Ships every day from the first to the last.
///
/// A day that the views lack is passed over. A day that is refused is logged, and the others go on; what
/// would fail for every day (the source, an unreachable sink) ends the backfill.
pub(crate) async fn ship(
    source: &mut Source,
    sinks: Option<&Sinks>,
    from: Date,
    to: Date,
) -> Result<Backfilled, SyncError> {
    if from > to {
        return Err(common::config::ConfigError::variable(
            "--from",
            format!("{from} is after --to {to}; swap them"),
        )
        .into());
    }
    let days: Vec<Date> = from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).collect();
    let progress = Progress::new(days.len());
    let mut total = Backfilled { from, to, is_dry_run: sinks.is_none(), days: 0, empty: 0, rows: 0 };
    let mut failures: Vec<(Date, u8)> = Vec::new();
    for day in &days {
        match day::ship(source, sinks, *day).await {
            Ok(shipped) => {
                total.days += 1;
                total.rows += shipped.rows.total();
                progress.day(&format!("{day} {}", shipped.rows));
            }
            Err(SyncError::Empty(_)) => {
                total.empty += 1;
                progress.day(&format!("{day} nothing in the views"));
            }
            Err(error) if error.exit_code() == 5 => {
                failures.push((*day, error.exit_code()));
                tracing::error!(%error, "a day of the backfill failed");
                progress.day(&format!("{day} refused"));
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

/// A bar on a terminal, log lines elsewhere.
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

    /// A day is through.
    fn day(&self, text: &str) {
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

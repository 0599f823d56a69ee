//! `trades-sync verify`: the views against what the sink holds, row by row.

use jiff::civil::Date;

use crate::day::storable;
use crate::domain::{Drops, Part, Table, TableShape, differences, tables};
use crate::error::SyncError;
use crate::sink::SinkReader;
use crate::source::{Source, ViewDay, ViewRows};

/// How many differences of a table are printed.
const SHOWN: usize = 10;

/// A day that the sink holds as the views have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verified {
    pub(crate) date: Date,
    /// Rows compared, over the five tables.
    pub(crate) rows: usize,
    /// Rows and numbers of the views that can't be stored.
    pub(crate) dropped: usize,
    /// What of the sink was compared.
    pub(crate) what: &'static str,
}

/// Compares the five tables, printing a line for each and the first differences.
#[expect(clippy::print_stdout, reason = "these lines are what the command is for")]
pub(crate) async fn run(source: &mut Source, sink: &SinkReader, date: Date) -> Result<Verified, SyncError> {
    let ViewDay { snapshot, drops, rows: view_rows } = storable(source.read(date).await?)?;
    let stored = sink.stored(date).await.map_err(SyncError::Unread)?;
    let (mut rows, mut count, mut surplus) = (0, 0, 0);
    for (wanted, stored) in tables(&snapshot).iter().zip(&stored) {
        let found = differences(wanted, stored);
        let verdict = match found.lines.len() {
            0 => "equal".to_owned(),
            differences => format!("{differences} DIFFERENCES"),
        };
        println!("{}: {verdict}", counts(wanted, stored, view_rows));
        if let Some(losses) = wanted.shape.part.and_then(|part| losses(&drops, part)) {
            println!("  {losses}");
        }
        for line in found.lines.iter().take(SHOWN) {
            println!("  {line}");
        }
        if found.lines.len() > SHOWN {
            println!("  and {} more", found.lines.len() - SHOWN);
        }
        rows += wanted.rows.len();
        count += found.lines.len();
        surplus += found.surplus;
    }
    let what = match sink {
        SinkReader::Api(_) => {
            println!("compared was the document that the API returns; --sink d1 compares each table");
            "the stored document"
        }
        SinkReader::D1(_) | SinkReader::Sqlite(_) => "five tables",
    };
    match count {
        0 => Ok(Verified { date, rows, dropped: drops.total(), what }),
        _ => Err(SyncError::Differs { date, count, surplus }),
    }
}

/// How many rows the view has, those that can't be stored included, and how many the sink has.
fn counts(wanted: &Table, stored: &Table, view_rows: ViewRows) -> String {
    let TableShape { name, part, .. } = wanted.shape;
    let (in_view, unit) = match part {
        None => (wanted.rows.len(), "row for the day,"),
        Some(Part::Kpis) => (view_rows.kpis, "rows in the view,"),
        Some(Part::Series) => (view_rows.series, "rows in the view,"),
        Some(Part::Extremes) => (view_rows.extremes, "rows in the view,"),
        Some(Part::Portfolio) => (view_rows.portfolio, "rows in the view,"),
    };
    format!("{name:24} {in_view:>8} {unit:17} {:>8} in the sink", stored.rows.len())
}

/// What of a view can't be stored, and why; None if all of it can.
fn losses(drops: &Drops, part: Part) -> Option<String> {
    let mut losses: Vec<String> =
        drops.rows(part).map(|(reason, count)| format!("{count} with {reason}")).collect();
    let numbers = drops.numbers(part);
    if numbers > 0 {
        losses.push(format!("{numbers} single numbers of rows that are stored"));
    }
    (!losses.is_empty()).then(|| format!("of these can't be stored: {}", losses.join(", ")))
}

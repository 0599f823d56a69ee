//! `trades-sync verify`: compares the views with the content of the sink, row by row.

use jiff::civil::Date;

use crate::day::storable;
use crate::domain::{Drops, Part, Table, TableShape, differences, tables};
use crate::error::SyncError;
use crate::plural::counted;
use crate::sink::SinkReader;
use crate::source::{Source, ViewDay, ViewRows};

/// How many differences of a table are printed.
const MAX_PRINTED: usize = 10;

/// A day whose content in the sink equals the views.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verified {
    pub(crate) date: Date,
    /// The number of rows compared, in all tables.
    pub(crate) rows: usize,
    /// The number of rows and numbers of the views that can't be stored.
    pub(crate) dropped: usize,
    /// The part of the sink that was compared.
    pub(crate) what: &'static str,
}

/// Compares the five tables. Prints a line and the first differences of each.
#[expect(clippy::print_stdout, reason = "these lines are the output of the command")]
pub(crate) async fn run(source: &mut Source, sink: &SinkReader, date: Date) -> Result<Verified, SyncError> {
    let ViewDay { snapshot, drops, rows: view_rows } = storable(source.read(date).await?)?;
    let stored = sink.stored(date).await.map_err(SyncError::Unreadable)?;
    let (mut rows, mut count, mut surplus) = (0, 0, 0);
    for (expected, stored) in tables(&snapshot).iter().zip(&stored) {
        let found = differences(expected, stored);
        let verdict = match found.lines.len() {
            0 => "equal".to_owned(),
            1 => "1 DIFFERENCE".to_owned(),
            differences => format!("{differences} DIFFERENCES"),
        };
        println!("{}: {verdict}", counts(expected, stored, view_rows));
        if let Some(losses) = expected.shape.part.and_then(|part| losses(&drops, part)) {
            println!("  {losses}");
        }
        for line in found.lines.iter().take(MAX_PRINTED) {
            println!("  {line}");
        }
        if found.lines.len() > MAX_PRINTED {
            println!("  and {} more", found.lines.len() - MAX_PRINTED);
        }
        rows += expected.rows.len();
        count += found.lines.len();
        surplus += found.surplus;
    }
    let what = match sink {
        SinkReader::Api(_) => {
            println!("the document that the API returns was compared; --sink d1 compares each table");
            "the stored document"
        }
        SinkReader::D1(_) | SinkReader::Sqlite(_) => "five tables",
    };
    match count {
        0 => Ok(Verified { date, rows, dropped: drops.total(), what }),
        _ => Err(SyncError::Differs { date, count, surplus }),
    }
}

/// How many rows the view has, including those that can't be stored, and how many rows the sink has.
fn counts(expected: &Table, stored: &Table, view_rows: ViewRows) -> String {
    let TableShape { name, part, .. } = expected.shape;
    let (count, unit) = match part {
        None => (expected.rows.len(), "row for the day,"),
        Some(part) => match view_rows.of(*part) {
            1 => (1, "row in the view,"),
            count => (count, "rows in the view,"),
        },
    };
    format!("{name:24} {count:>8} {unit:17} {:>8} in the sink", stored.rows.len())
}

/// The rows and numbers of a view that can't be stored, with the reasons; None if everything can be stored.
fn losses(drops: &Drops, part: Part) -> Option<String> {
    let mut losses: Vec<String> =
        drops.rows(part).map(|(reason, count)| format!("{} ({reason})", counted(count, "row"))).collect();
    let numbers = drops.numbers(part);
    if numbers > 0 {
        losses.push(format!("{} of stored rows", counted(numbers, "number")));
    }
    (!losses.is_empty()).then(|| format!("can't be stored: {}", losses.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DropReason, TABLES};

    fn line(table: usize, rows: usize, view_rows: ViewRows) -> String {
        let table = || Table { shape: &TABLES[table], rows: vec![Vec::new(); rows] };
        counts(&table(), &table(), view_rows).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_line_has_the_rows_of_the_view_and_of_the_sink() {
        let view_rows = ViewRows { kpis: 26, series: 1, ..ViewRows::default() };
        assert_eq!(line(0, 1, view_rows), "metrics_daily 1 row for the day, 1 in the sink");
        assert_eq!(line(1, 24, view_rows), "metrics_kpi_values 26 rows in the view, 24 in the sink");
        assert_eq!(line(2, 0, view_rows), "metrics_series_points 1 row in the view, 0 in the sink");
    }

    #[test]
    fn losses_are_listed_by_reason() {
        let mut drops = Drops::default();
        assert_eq!(losses(&drops, Part::Extremes), None);
        for reason in [DropReason::NoName, DropReason::NoName, DropReason::NotFinite, DropReason::NoSide] {
            drops.add(Part::Extremes, reason, String::new);
        }
        let expected =
            "can't be stored: 2 rows (no name), 1 row (a side other than hi and lo), 1 number of stored rows";
        assert_eq!(losses(&drops, Part::Extremes).as_deref(), Some(expected));
    }
}

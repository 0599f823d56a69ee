//! `trades-sync verify`: the views against what the sink holds, row by row.

use jiff::civil::Date;

use crate::domain::{differences, tables};
use crate::error::SyncError;
use crate::sink::Sink;
use crate::source::Source;

/// How many differences of a table are printed.
const SHOWN: usize = 10;

/// A day that the sink holds as the views have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verified {
    pub(crate) date: Date,
    /// Rows compared, over the five tables.
    pub(crate) rows: usize,
}

/// Compares the five tables, printing a line for each and the first differences.
#[expect(clippy::print_stdout, reason = "these lines are what the command is for")]
pub(crate) async fn run(source: &mut Source, sink: &Sink, date: Date) -> Result<Verified, SyncError> {
    let snapshot = source.read(date).await?.snapshot;
    if snapshot.is_empty() {
        return Err(SyncError::Empty(date));
    }
    let stored = sink.stored(date).await.map_err(SyncError::Unread)?;
    let (mut rows, mut count) = (0, 0);
    for (wanted, stored) in tables(&snapshot).iter().zip(&stored) {
        let lines = differences(wanted, stored);
        let verdict =
            if lines.is_empty() { "equal".to_owned() } else { format!("{} DIFFERENCES", lines.len()) };
        println!(
            "{:24} {:>8} rows in the views, {:>8} in the sink: {verdict}",
            wanted.shape.name,
            wanted.rows.len(),
            stored.rows.len()
        );
        for line in lines.iter().take(SHOWN) {
            println!("  {line}");
        }
        if lines.len() > SHOWN {
            println!("  and {} more", lines.len() - SHOWN);
        }
        rows += wanted.rows.len();
        count += lines.len();
    }
    if count > 0 { Err(SyncError::Differs { date, count }) } else { Ok(Verified { date, rows }) }
}

//! Ships one day: locks its date, reads and checks it, and stores it. D1 is used if the API is unreachable.

use std::path::Path;
use std::time::{Duration, Instant};

use common::config::input_file;
use common::text::single_line;
use jiff::civil::Date;
use tracing::Instrument;

use crate::domain::{Drops, NormalizeError, RowCounts, Snapshot, normalize};
use crate::error::SyncError;
use crate::sink::{Receipt, Sink, SinkError};
use crate::source::{Source, ViewDay};

/// The maximum length of the error of an invalid document, in bytes. It contains names of the document's fields.
const MAX_REASON: usize = 1024;
/// The maximum size of a document of `--input`, in bytes. A day of a million points has a quarter of it.
const MAX_DOCUMENT: u64 = 256 * 1024 * 1024;

/// The sinks that days are stored in.
pub(crate) struct Sinks {
    pub(crate) primary: Sink,
    /// Used if the primary sink is unreachable.
    pub(crate) fallback: Option<Sink>,
}

/// A shipped day.
#[derive(Clone, Debug)]
pub(crate) struct Shipped {
    pub(crate) date: Date,
    pub(crate) rows: RowCounts,
    pub(crate) dropped: usize,
    /// None after a dry run.
    pub(crate) receipt: Option<Receipt>,
    pub(crate) read_duration: Duration,
    pub(crate) store_duration: Duration,
}

/// Ships the day of the views. Without sinks, the day is only read and checked.
pub(crate) async fn ship(
    source: &mut Source,
    sinks: Option<&Sinks>,
    date: Date,
) -> Result<Shipped, SyncError> {
    let span = tracing::info_span!("ship", %date);
    async {
        let Some(sinks) = sinks else {
            let (snapshot, drops, duration) = read(source, date).await?;
            return Ok(shipped(&snapshot, &drops, duration, None, Duration::ZERO));
        };
        source.lock(date).await?;
        let outcome = read_and_store(source, sinks, date).await;
        // After a failed read the connection has been dropped, which releases the lock.
        if !matches!(outcome, Err(SyncError::Source(_))) {
            source.unlock(date).await;
        }
        outcome
    }
    .instrument(span)
    .await
}

async fn read_and_store(source: &mut Source, sinks: &Sinks, date: Date) -> Result<Shipped, SyncError> {
    let (snapshot, drops, duration) = read(source, date).await?;
    store(sinks, &snapshot, &drops, duration).await
}

/// Ships the day of a snapshot document.
pub(crate) async fn ship_document(path: &Path, sinks: Option<&Sinks>) -> Result<Shipped, SyncError> {
    let started = Instant::now();
    let invalid = |reason: String| SyncError::Input { path: path.to_owned(), reason };
    let document = input_file::read(path, MAX_DOCUMENT).map_err(|error| invalid(error.to_string()))?;
    let normalized = normalize(&document).map_err(|error| match error {
        NormalizeError::EmptyDay(_) => SyncError::EmptyInput(error),
        _ => invalid(single_line(&error.to_string(), MAX_REASON)),
    })?;
    log_drops(&normalized.drops);
    let read_duration = started.elapsed();
    match sinks {
        Some(sinks) => store(sinks, &normalized.snapshot, &normalized.drops, read_duration).await,
        None => Ok(shipped(&normalized.snapshot, &normalized.drops, read_duration, None, Duration::ZERO)),
    }
}

async fn read(source: &mut Source, date: Date) -> Result<(Snapshot, Drops, Duration), SyncError> {
    let started = Instant::now();
    let day = source.read(date).instrument(tracing::info_span!("read")).await?;
    log_drops(&day.drops);
    let ViewDay { snapshot, drops, .. } = storable(day)?;
    Ok((snapshot, drops, started.elapsed()))
}

/// The day, or an error if there is nothing to store.
pub(crate) fn storable(day: ViewDay) -> Result<ViewDay, SyncError> {
    let date = day.snapshot.date;
    match day.rows.total() {
        _ if !day.snapshot.is_empty() => Ok(day),
        0 => Err(SyncError::Empty(date)),
        rows => Err(SyncError::NothingStorable { date, rows }),
    }
}

async fn store(
    sinks: &Sinks,
    snapshot: &Snapshot,
    drops: &Drops,
    read_duration: Duration,
) -> Result<Shipped, SyncError> {
    let started = Instant::now();
    let date = snapshot.date;
    let outcome = sinks.primary.store(snapshot).instrument(tracing::info_span!("store")).await;
    let receipt = match (outcome, &sinks.fallback) {
        (Ok(receipt), _) => receipt,
        (Err(api @ SinkError::Unreachable { .. }), Some(fallback)) => {
            tracing::warn!(error = %api, "falling back to D1");
            let outcome = fallback.store(snapshot).instrument(tracing::info_span!("fallback")).await;
            outcome.map_err(|d1| SyncError::Fallback { date, api, d1 })?
        }
        (Err(error), _) => return Err(SyncError::Sink { date, error }),
    };
    Ok(shipped(snapshot, drops, read_duration, Some(receipt), started.elapsed()))
}

fn shipped(
    snapshot: &Snapshot,
    drops: &Drops,
    read_duration: Duration,
    receipt: Option<Receipt>,
    store_duration: Duration,
) -> Shipped {
    Shipped {
        date: snapshot.date,
        rows: RowCounts::of(snapshot),
        dropped: drops.total(),
        receipt,
        read_duration,
        store_duration,
    }
}

fn log_drops(drops: &Drops) {
    for line in drops.lines() {
        tracing::warn!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::{KpiRow, Moment, Overlay};
    use crate::source::ViewRows;

    fn day(rows: Vec<KpiRow>, kpis: usize) -> ViewDay {
        let date = date(2026, 2, 11);
        let (headline, summary) = (Snapshot::default_headline(date), String::new());
        let updated_at = Moment::Instant(0);
        let snapshot = Snapshot { date, updated_at, headline, summary, rows, overlay: Overlay::default() };
        ViewDay { snapshot, drops: Drops::default(), rows: ViewRows { kpis, ..ViewRows::default() } }
    }

    #[test]
    fn a_day_without_rows_and_a_day_without_storable_rows_are_different_errors() {
        assert!(matches!(storable(day(Vec::new(), 0)), Err(SyncError::Empty(_))));
        let error = storable(day(Vec::new(), 2)).expect_err("nothing can be stored");
        assert!(matches!(error, SyncError::NothingStorable { rows: 2, .. }), "{error}");
        let row = KpiRow { kpi: "A".to_owned(), value: "1".to_owned() };
        assert!(storable(day(vec![row], 1)).is_ok());
    }
}

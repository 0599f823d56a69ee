//! Ships one day: lock, read, check, store, and D1 where the API is unreachable.

use std::path::Path;
use std::time::{Duration, Instant};

use common::text::single_line;
use jiff::civil::Date;
use tracing::Instrument;

use crate::domain::{Drops, Refusal, RowCounts, Snapshot, normalize};
use crate::error::SyncError;
use crate::sink::{Receipt, Sink, SinkError};
use crate::source::{Source, ViewDay};

/// How much of a refusal, which names fields of a document, an error shows, in bytes.
const MAX_REFUSAL: usize = 1024;

/// Where days go.
pub(crate) struct Sinks {
    /// The first choice.
    pub(crate) first: Sink,
    /// The other way when the first is unreachable.
    pub(crate) fallback: Option<Sink>,
}

/// What a day came to.
#[derive(Clone, Debug)]
pub(crate) struct Shipped {
    pub(crate) date: Date,
    pub(crate) rows: RowCounts,
    pub(crate) dropped: usize,
    /// None after a dry run.
    pub(crate) receipt: Option<Receipt>,
    pub(crate) read: Duration,
    pub(crate) stored: Duration,
}

/// Ships the day that the views hold; without sinks it only reads and checks it.
pub(crate) async fn ship(
    source: &mut Source,
    sinks: Option<&Sinks>,
    date: Date,
) -> Result<Shipped, SyncError> {
    let span = tracing::info_span!("ship", %date);
    async {
        let Some(sinks) = sinks else {
            let (snapshot, drops, read) = read(source, date).await?;
            return Ok(shipped(&snapshot, &drops, read, None, Duration::ZERO));
        };
        source.lock(date).await?;
        let outcome = read_and_store(source, sinks, date).await;
        // A session in which reading failed is of no more use; it ends, and its lock with it.
        if !matches!(outcome, Err(SyncError::Source(_))) {
            source.unlock(date).await;
        }
        outcome
    }
    .instrument(span)
    .await
}

async fn read_and_store(source: &mut Source, sinks: &Sinks, date: Date) -> Result<Shipped, SyncError> {
    let (snapshot, drops, read) = read(source, date).await?;
    store(sinks, &snapshot, &drops, read).await
}

/// Ships the day of a document in the contract's shape.
pub(crate) async fn ship_document(path: &Path, sinks: Option<&Sinks>) -> Result<Shipped, SyncError> {
    let started = Instant::now();
    let bad = |reason: String| SyncError::Input { path: path.to_owned(), reason };
    let document = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let normalized = normalize(&document).map_err(|refusal| match refusal {
        Refusal::EmptyDay(_) => SyncError::EmptyInput(refusal),
        _ => bad(single_line(&refusal.to_string(), MAX_REFUSAL)),
    })?;
    warn_of(&normalized.drops);
    let read = started.elapsed();
    match sinks {
        Some(sinks) => store(sinks, &normalized.snapshot, &normalized.drops, read).await,
        None => Ok(shipped(&normalized.snapshot, &normalized.drops, read, None, Duration::ZERO)),
    }
}

async fn read(source: &mut Source, date: Date) -> Result<(Snapshot, Drops, Duration), SyncError> {
    let started = Instant::now();
    let day = source.read(date).instrument(tracing::info_span!("read")).await?;
    warn_of(&day.drops);
    let ViewDay { snapshot, drops, .. } = storable(day)?;
    Ok((snapshot, drops, started.elapsed()))
}

/// The day, unless there is nothing to store.
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
    read: Duration,
) -> Result<Shipped, SyncError> {
    let started = Instant::now();
    let date = snapshot.date;
    let first = sinks.first.store(snapshot).instrument(tracing::info_span!("store")).await;
    let receipt = match (first, &sinks.fallback) {
        (Ok(receipt), _) => receipt,
        (Err(api @ SinkError::Unreachable { .. }), Some(fallback)) => {
            tracing::warn!(error = %api, "falling back to D1");
            let second = fallback.store(snapshot).instrument(tracing::info_span!("fallback")).await;
            second.map_err(|d1| SyncError::Fallback { date, api, d1 })?
        }
        (Err(error), _) => return Err(SyncError::Sink { date, error }),
    };
    Ok(shipped(snapshot, drops, read, Some(receipt), started.elapsed()))
}

fn shipped(
    snapshot: &Snapshot,
    drops: &Drops,
    read: Duration,
    receipt: Option<Receipt>,
    stored: Duration,
) -> Shipped {
    Shipped {
        date: snapshot.date,
        rows: RowCounts::of(snapshot),
        dropped: drops.total(),
        receipt,
        read,
        stored,
    }
}

fn warn_of(drops: &Drops) {
    for line in drops.lines() {
        tracing::warn!("{line}");
    }
}

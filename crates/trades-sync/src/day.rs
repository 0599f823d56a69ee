//! Ships one day: lock, read, check, store, and D1 where the API is unreachable.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use tracing::Instrument;

use crate::domain::{Drops, Refusal, Snapshot, normalize};
use crate::error::SyncError;
use crate::sink::{Receipt, Sink, SinkError};
use crate::source::{Source, ViewDay};

/// Where days go.
pub(crate) struct Sinks {
    /// The first choice.
    pub(crate) first: Sink,
    /// The other way when the first is unreachable.
    pub(crate) fallback: Option<Sink>,
}

/// How many rows a day has in each of the derived tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) kpi_values: usize,
    pub(crate) series_points: usize,
    pub(crate) extremes_items: usize,
    pub(crate) portfolio_assets: usize,
}

impl Rows {
    fn of(snapshot: &Snapshot) -> Self {
        let overlay = &snapshot.overlay;
        Self {
            kpi_values: snapshot.rows.len(),
            series_points: overlay.series.values().map(Vec::len).sum(),
            extremes_items: overlay.extremes.values().map(|lists| lists.hi.len() + lists.lo.len()).sum(),
            portfolio_assets: overlay.assets.len(),
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kpi_values, series_points, extremes_items, portfolio_assets } = self;
        write!(
            f,
            "{kpi_values} KPI values, {series_points} series points, {extremes_items} extremes items, \
             {portfolio_assets} portfolio assets"
        )
    }
}

/// What a day came to.
#[derive(Clone, Debug)]
pub(crate) struct Shipped {
    pub(crate) date: Date,
    pub(crate) rows: Rows,
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
        _ => bad(refusal.to_string()),
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
    let ViewDay { snapshot, drops, .. } = source.read(date).instrument(tracing::info_span!("read")).await?;
    warn_of(&drops);
    if snapshot.is_empty() {
        return Err(SyncError::Empty(date));
    }
    Ok((snapshot, drops, started.elapsed()))
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
    Shipped { date: snapshot.date, rows: Rows::of(snapshot), dropped: drops.total(), receipt, read, stored }
}

fn warn_of(drops: &Drops) {
    for line in drops.lines() {
        tracing::warn!("{line}");
    }
}

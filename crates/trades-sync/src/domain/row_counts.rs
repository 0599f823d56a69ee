//! The number of rows that a day has in each of the derived tables.

use std::fmt;

use super::Snapshot;
use crate::plural::counted;

/// The number of rows in each derived table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RowCounts {
    /// Rows of `metrics_kpi_values`.
    pub kpi_values: usize,
    /// Rows of `metrics_series_points`.
    pub series_points: usize,
    /// Rows of `metrics_extremes_items`.
    pub extremes_items: usize,
    /// Rows of `metrics_portfolio_assets`.
    pub portfolio_assets: usize,
}

impl RowCounts {
    /// The counts of a day.
    pub fn of(snapshot: &Snapshot) -> Self {
        let overlay = &snapshot.overlay;
        Self {
            kpi_values: snapshot.rows.len(),
            series_points: overlay.series.values().map(Vec::len).sum(),
            extremes_items: overlay.extremes.values().map(|lists| lists.hi.len() + lists.lo.len()).sum(),
            portfolio_assets: overlay.assets.len(),
        }
    }

    /// The number of rows in all four tables.
    pub fn total(self) -> usize {
        self.kpi_values + self.series_points + self.extremes_items + self.portfolio_assets
    }
}

impl fmt::Display for RowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kpi_values, series_points, extremes_items, portfolio_assets } = self;
        let counts = [
            counted(*kpi_values, "KPI value"),
            counted(*series_points, "series point"),
            counted(*extremes_items, "extremes item"),
            counted(*portfolio_assets, "portfolio asset"),
        ];
        f.write_str(&counts.join(", "))
    }
}

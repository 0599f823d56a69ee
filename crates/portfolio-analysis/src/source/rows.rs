//! What the statements give, row by row.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// All that is read for a report.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The days with data, oldest first; the last is the report's. One day before the window may lead.
    pub days: Vec<Date>,
    /// What the dashboard showed, by row.
    pub displayed: Vec<DisplayedRow>,
    /// Points of the series, by row.
    pub points: Vec<PointRow>,
    /// Sums by day, and by day and symbol.
    pub groups: Vec<GroupRow>,
    /// Positions of the report's day and the day before it.
    pub holdings: Vec<HoldingRow>,
    /// What could not be used.
    pub drops: Drops,
}

/// A displayed KPI.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DisplayedRow {
    /// The day.
    pub day: String,
    /// The text; None where it is absent, or where `not_finite`.
    pub displayed: Option<String>,
    /// Whether it is a number that is not finite.
    pub not_finite: bool,
}

/// A point of a series.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PointRow {
    /// The day.
    pub day: String,
    /// Microseconds since 1970; None where the time can't be read.
    pub at: Option<i64>,
    /// The value; None where it is absent or not finite.
    pub value: Option<f64>,
    /// Whether it is absent.
    pub absent: bool,
}

/// Sums over a group of positions; [`super::super::report::GroupFigures`] says what they are for.
#[expect(missing_docs, reason = "the columns of groups.sql, and the report's fields document them")]
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub struct GroupRow {
    pub day: String,
    /// Of all positions of the day, and not of those of one symbol.
    pub is_total: bool,
    /// None where the positions have no symbol, too.
    pub symbol: Option<String>,
    pub positions: i64,
    pub listed: i64,
    pub priced: i64,
    pub quantity: Option<f64>,
    pub cost_basis: Option<f64>,
    pub gross_cost_basis: Option<f64>,
    pub cost_basis_squares: Option<f64>,
    pub largest_cost_basis: Option<f64>,
    pub pnl: Option<f64>,
    pub gross_pnl: Option<f64>,
    pub pnl_squares: Option<f64>,
    pub largest_pnl: Option<f64>,
    pub winners: i64,
    pub losers: i64,
    pub gross_profit: Option<f64>,
    pub gross_loss: Option<f64>,
    pub largest_win: Option<f64>,
    pub largest_loss: Option<f64>,
    pub returned: Option<f64>,
    pub invested: Option<f64>,
    pub mid_mark_pnl: Option<f64>,
    pub liquidity_drag: Option<f64>,
    pub dragged: Option<f64>,
    pub draggable: Option<f64>,
    /// Positions with an amount that is too large to be summed.
    pub too_large: i64,
    /// Numbers that are not finite.
    pub not_finite: Option<i64>,
}

/// A position, or a contract with figures that is not held.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub struct HoldingRow {
    /// The day.
    pub day: String,
    /// The trade.
    pub trade_id: i64,
    /// The contract.
    pub contract: String,
    /// The symbol, where it has one.
    pub symbol: Option<String>,
    /// Whether the portfolio has it.
    pub is_held: bool,
    /// Contracts.
    pub quantity: Option<f64>,
    /// Cost basis.
    pub cost_basis: Option<f64>,
    /// P&L.
    pub pnl: Option<f64>,
    /// Bid price.
    pub bid: Option<f64>,
    /// Ask price.
    pub ask: Option<f64>,
    /// Mid price.
    pub mid: Option<f64>,
    /// P&L at the mid price.
    pub mid_mark_pnl: Option<f64>,
    /// P&L minus P&L at the mid price.
    pub liquidity_drag: Option<f64>,
}

/// How many rows of a view can't be used, and how many can.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(super) struct DropsRow {
    no_name: i64,
    no_side: i64,
    no_id: i64,
    no_time: i64,
    usable: i64,
}

impl DropsRow {
    /// Counts what can't be used; where `distinct` rows were left of the usable ones, the others were repeats.
    pub(super) fn into_drops(self, view: &'static str, distinct: Option<i64>, drops: &mut Drops) {
        for (reason, count) in [
            ("repeated", self.usable - distinct.unwrap_or(self.usable)),
            ("no_name", self.no_name),
            ("no_side", self.no_side),
            ("no_id", self.no_id),
            ("no_time", self.no_time),
        ] {
            drops.add(view, reason, count.unsigned_abs());
        }
    }
}

/// Counts of what was left out, by view and reason.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Drops {
    /// Counts so many more.
    pub fn add(&mut self, view: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            *self.counts.entry((view, reason)).or_default() += count;
        }
    }

    /// View, reason and count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        self.counts.iter().map(|((view, reason), count)| (*view, *reason, *count))
    }
}

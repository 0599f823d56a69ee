//! The rows that the statements return.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// All rows that are read for a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceRows {
    /// The days with data, oldest first; the last is the report's. The first can be the day before the window.
    pub(crate) days: Vec<Date>,
    pub(crate) displayed: Vec<DisplayedRow>,
    pub(crate) points: Vec<PointRow>,
    pub(crate) groups: Vec<GroupRow>,
    /// Positions of the report's day and the day before it.
    pub(crate) holdings: Vec<HoldingRow>,
    pub(crate) drops: Drops,
}

/// A row of `displayed.sql`: the KPI as the dashboard displays it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct DisplayedRow {
    pub(crate) day: String,
    /// The text; None if it is NULL or `not_finite`.
    pub(crate) displayed: Option<String>,
    /// Whether it is a number that is not finite.
    pub(crate) not_finite: bool,
}

/// A row of `points.sql`: a point of the series.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PointRow {
    pub(crate) day: String,
    /// Microseconds since 1970; None if the time is NULL or can't be parsed.
    pub(crate) at: Option<i64>,
    /// The value; None if it is `absent` or not finite.
    pub(crate) value: Option<f64>,
    /// Whether the value is NULL.
    pub(crate) absent: bool,
}

/// A row of `groups.sql`: sums over a group of positions. [`crate::report::GroupFigures`] defines most of the figures.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(crate) struct GroupRow {
    pub(crate) day: String,
    /// Whether the group is all positions of the day, rather than those of one symbol.
    pub(crate) is_total: bool,
    /// None for the total and for the positions without a symbol.
    pub(crate) symbol: Option<String>,
    pub(crate) positions: i64,
    pub(crate) listed: i64,
    pub(crate) priced: i64,
    pub(crate) quantity: Option<f64>,
    pub(crate) cost_basis: Option<f64>,
    pub(crate) gross_cost_basis: Option<f64>,
    pub(crate) cost_basis_squares: Option<f64>,
    pub(crate) largest_cost_basis: Option<f64>,
    pub(crate) pnl: Option<f64>,
    pub(crate) gross_pnl: Option<f64>,
    pub(crate) pnl_squares: Option<f64>,
    pub(crate) largest_pnl: Option<f64>,
    pub(crate) winners: i64,
    pub(crate) losers: i64,
    pub(crate) gross_profit: Option<f64>,
    pub(crate) gross_loss: Option<f64>,
    pub(crate) largest_win: Option<f64>,
    pub(crate) largest_loss: Option<f64>,
    /// P&L of the positions that have a cost basis too.
    pub(crate) returned: Option<f64>,
    /// Gross cost basis of the positions that have a P&L too.
    pub(crate) invested: Option<f64>,
    pub(crate) mid_mark_pnl: Option<f64>,
    pub(crate) liquidity_drag: Option<f64>,
    /// Liquidity drag of the positions that have a cost basis too.
    pub(crate) dragged: Option<f64>,
    /// Gross cost basis of the positions that have a liquidity drag too.
    pub(crate) draggable: Option<f64>,
    /// Positions with an amount that is too large for the sums.
    pub(crate) too_large: i64,
    /// Numbers that are not finite.
    pub(crate) not_finite: Option<i64>,
}

/// A row of `holdings.sql`: a position, or a contract with figures that the portfolio does not hold.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(crate) struct HoldingRow {
    pub(crate) day: String,
    pub(crate) trade_id: i64,
    pub(crate) contract: String,
    pub(crate) symbol: Option<String>,
    pub(crate) is_held: bool,
    pub(crate) quantity: Option<f64>,
    pub(crate) cost_basis: Option<f64>,
    pub(crate) pnl: Option<f64>,
    pub(crate) bid: Option<f64>,
    pub(crate) ask: Option<f64>,
    pub(crate) mid: Option<f64>,
    pub(crate) mid_mark_pnl: Option<f64>,
    pub(crate) liquidity_drag: Option<f64>,
}

/// The row of `portfolio_drops.sql` or `extremes_drops.sql`: counts of unusable rows, and of usable ones.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(super) struct DropsRow {
    no_name: i64,
    no_side: i64,
    no_id: i64,
    no_time: i64,
    usable: i64,
}

impl DropsRow {
    /// Adds the counts to `drops`. If `distinct` is the number of different usable rows, the others are repeats.
    pub(super) fn add_to(&self, drops: &mut Drops, view: &'static str, distinct: Option<i64>) {
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

/// Counts of dropped rows and numbers, by view and reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops {
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Drops {
    pub(crate) fn add(&mut self, view: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            *self.counts.entry((view, reason)).or_default() += count;
        }
    }

    /// View, reason and count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        self.counts.iter().map(|((view, reason), count)| (*view, *reason, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_rows_that_are_not_distinct_are_repeats_and_counts_of_zero_are_not_listed() {
        let mut drops = Drops::default();
        let row = DropsRow { no_id: 2, usable: 10, ..DropsRow::default() };
        row.add_to(&mut drops, "portfolio", Some(7));
        row.add_to(&mut drops, "extremes", None);
        drops.add("portfolio", "no_id", 1);
        let expected = [("extremes", "no_id", 2), ("portfolio", "no_id", 3), ("portfolio", "repeated", 3)];
        assert_eq!(drops.iter().collect::<Vec<_>>(), expected);
    }
}

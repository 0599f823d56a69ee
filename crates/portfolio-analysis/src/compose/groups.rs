//! The sums of groups of positions, and the figures that are computed from them.

use std::collections::BTreeMap;

use crate::figures::{Concentration, count, percent, ratio};
use crate::report::GroupFigures;
use crate::source::{Drops, GroupRow};

/// The sums by day, and by day and symbol.
pub(super) struct Groups {
    days: BTreeMap<String, DaySums>,
}

/// The sums of a day.
#[derive(Default)]
struct DaySums {
    total: Option<GroupRow>,
    symbols: BTreeMap<SymbolKey, GroupRow>,
}

/// A symbol as a key of a sorted map. The key of the positions without a symbol is the last.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct SymbolKey {
    is_missing: bool,
    name: String,
}

impl SymbolKey {
    fn new(symbol: Option<&str>) -> Self {
        Self { is_missing: symbol.is_none(), name: symbol.unwrap_or_default().to_owned() }
    }

    fn symbol(&self) -> Option<&str> {
        (!self.is_missing).then_some(self.name.as_str())
    }
}

/// A selection of the positions of a day.
#[derive(Clone, Copy)]
pub(super) enum PositionFilter<'s> {
    /// All positions.
    All,
    /// The positions of a symbol, or those without one.
    Symbol(Option<&'s str>),
}

impl Groups {
    pub(super) fn from_rows(rows: Vec<GroupRow>, drops: &mut Drops) -> Self {
        let mut days: BTreeMap<String, DaySums> = BTreeMap::new();
        for row in rows {
            let day = days.entry(row.day.clone()).or_default();
            if row.is_total {
                drops.add("extremes", "not_finite", row.not_finite.unwrap_or(0).unsigned_abs());
                day.total = Some(row);
            } else {
                day.symbols.insert(SymbolKey::new(row.symbol.as_deref()), row);
            }
        }
        Self { days }
    }

    /// All positions of a day.
    pub(super) fn total(&self, day: &str) -> Option<&GroupRow> {
        self.days.get(day)?.total.as_ref()
    }

    /// A symbol's positions of a day.
    pub(super) fn symbol(&self, day: &str, symbol: Option<&str>) -> Option<&GroupRow> {
        self.days.get(day)?.symbols.get(&SymbolKey::new(symbol))
    }

    /// The symbols of a day, sorted by name.
    pub(super) fn symbols(&self, day: &str) -> impl Iterator<Item = (Option<&str>, &GroupRow)> {
        let symbols = self.days.get(day).into_iter().flat_map(|day| &day.symbols);
        symbols.map(|(key, row)| (key.symbol(), row))
    }

    /// P&L by day; days without one are skipped.
    pub(super) fn pnl_by_day(&self, filter: PositionFilter<'_>, days: &[String]) -> Vec<(String, f64)> {
        let row = |day: &str| match filter {
            PositionFilter::Symbol(symbol) => self.symbol(day, symbol),
            PositionFilter::All => self.total(day),
        };
        days.iter().filter_map(|day| Some((day.clone(), row(day)?.pnl?))).collect()
    }
}

/// The figures of a group. The fields of [`GroupFigures`] define them.
pub(super) fn figures(row: &GroupRow) -> GroupFigures {
    let whole = |count: i64| count.unsigned_abs();
    let (priced, winners, losers) = (whole(row.priced), whole(row.winners), whole(row.losers));
    GroupFigures {
        positions: whole(row.positions),
        priced,
        quantity: row.quantity,
        cost_basis: row.cost_basis,
        gross_cost_basis: row.gross_cost_basis,
        pnl: row.pnl,
        return_pct: percent(row.returned, row.invested),
        winners,
        losers,
        flat: priced - winners - losers,
        win_rate_pct: percent(Some(count(winners)), Some(count(priced))),
        gross_profit: row.gross_profit.filter(|_| priced > 0),
        gross_loss: row.gross_loss.filter(|_| priced > 0),
        profit_factor: ratio(row.gross_profit, row.gross_loss),
        largest_win: row.largest_win,
        largest_loss: row.largest_loss,
        mid_mark_pnl: row.mid_mark_pnl,
        liquidity_drag: row.liquidity_drag,
        liquidity_drag_pct: percent(row.dragged, row.draggable),
        cost_basis_concentration: Concentration::of_sums(
            row.gross_cost_basis,
            row.cost_basis_squares,
            row.largest_cost_basis,
        ),
        pnl_concentration: Concentration::of_sums(row.gross_pnl, row.pnl_squares, row.largest_pnl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_three_positions_equal_a_calculation_by_hand() {
        // Cost bases 100, -50 and 50, P&L 30, -10 and -10, drag -2, -1 and unknown.
        let figures = figures(&GroupRow {
            positions: 4,
            priced: 3,
            cost_basis: Some(100.0),
            gross_cost_basis: Some(200.0),
            cost_basis_squares: Some(15_000.0),
            largest_cost_basis: Some(100.0),
            pnl: Some(10.0),
            gross_pnl: Some(50.0),
            pnl_squares: Some(1100.0),
            largest_pnl: Some(30.0),
            winners: 1,
            losers: 2,
            gross_profit: Some(30.0),
            gross_loss: Some(20.0),
            returned: Some(10.0),
            invested: Some(200.0),
            dragged: Some(-3.0),
            draggable: Some(150.0),
            ..GroupRow::default()
        });
        assert_eq!(figures.return_pct, Some(5.0));
        assert_eq!((figures.winners, figures.losers, figures.flat), (1, 2, 0));
        assert_eq!(figures.win_rate_pct, Some(100.0 / 3.0));
        assert_eq!(figures.profit_factor, Some(1.5));
        assert_eq!(figures.liquidity_drag_pct, Some(-2.0));
        assert_eq!(figures.cost_basis_concentration.hhi, Some(0.375));
        assert_eq!(figures.pnl_concentration.hhi, Some(0.44));
        assert_eq!(figures.pnl_concentration.largest_share_pct, Some(60.0));
    }

    #[test]
    fn a_group_without_prices_has_no_figures_and_a_group_without_losses_has_no_profit_factor() {
        let unpriced = figures(&GroupRow { positions: 2, gross_profit: Some(0.0), ..GroupRow::default() });
        assert_eq!(unpriced, GroupFigures { positions: 2, ..GroupFigures::default() });
        let row = GroupRow {
            priced: 1,
            winners: 1,
            gross_profit: Some(5.0),
            gross_loss: Some(0.0),
            ..GroupRow::default()
        };
        assert_eq!(figures(&row).profit_factor, None);
        assert_eq!(figures(&row).gross_loss, Some(0.0));
    }
}

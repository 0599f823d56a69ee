//! The positions that the report lists one by one.

use std::cmp::Ordering;

use crate::figures::percent;
use crate::report::Position;
use crate::source::HoldingRow;

/// The maximum number of winners, losers and movers in a report.
pub(super) const MAX_LISTED: usize = 10;

/// The positions with the largest profits.
pub(super) fn winners(rows: &[HoldingRow]) -> Vec<Position> {
    ranked(rows, |pnl| pnl > 0.0, |a, b| b.total_cmp(a))
}

/// The positions with the largest losses.
pub(super) fn losers(rows: &[HoldingRow]) -> Vec<Position> {
    ranked(rows, |pnl| pnl < 0.0, f64::total_cmp)
}

/// The first positions in the order of P&L. The sort is stable, so equal ones keep the order of trade and contract.
fn ranked(
    rows: &[HoldingRow],
    included: impl Fn(f64) -> bool,
    order: impl Fn(&f64, &f64) -> Ordering,
) -> Vec<Position> {
    let mut ranked: Vec<(f64, &HoldingRow)> =
        rows.iter().filter_map(|row| row.pnl.filter(|pnl| included(*pnl)).map(|pnl| (pnl, row))).collect();
    ranked.sort_by(|(a, _), (b, _)| order(a, b));
    ranked.into_iter().take(MAX_LISTED).map(|(_, row)| position(row)).collect()
}

fn position(row: &HoldingRow) -> Position {
    Position {
        trade_id: row.trade_id,
        symbol: row.symbol.clone(),
        contract: row.contract.clone(),
        quantity: row.quantity,
        cost_basis: row.cost_basis,
        pnl: row.pnl,
        return_pct: percent(row.pnl, row.cost_basis.map(f64::abs)),
        bid: row.bid,
        ask: row.ask,
        mid: row.mid,
        mid_mark_pnl: row.mid_mark_pnl,
        liquidity_drag: row.liquidity_drag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(amounts: &[Option<f64>]) -> Vec<HoldingRow> {
        let row = |(trade_id, pnl): (i64, &Option<f64>)| HoldingRow {
            trade_id,
            pnl: *pnl,
            ..HoldingRow::default()
        };
        (1..).zip(amounts).map(row).collect()
    }

    fn trades(positions: &[Position]) -> Vec<i64> {
        positions.iter().map(|position| position.trade_id).collect()
    }

    #[test]
    fn positions_are_ranked_by_pnl_and_equal_ones_by_trade() {
        let rows = rows(&[Some(1.0), Some(-2.0), None, Some(0.0), Some(5.0), Some(1.0), Some(-3.0)]);
        assert_eq!(trades(&winners(&rows)), [5, 1, 6]);
        assert_eq!(trades(&losers(&rows)), [7, 2]);
    }

    #[test]
    fn at_most_ten_positions_are_listed_and_the_return_of_a_short_position_has_the_sign_of_its_pnl() {
        assert_eq!(winners(&rows(&[Some(1.0); 12])).len(), MAX_LISTED);
        let row = HoldingRow { pnl: Some(5.0), cost_basis: Some(-50.0), ..HoldingRow::default() };
        assert_eq!(winners(&[row])[0].return_pct, Some(10.0));
    }
}

//! The change since the day before.

use std::collections::BTreeMap;

use super::groups::Groups;
use super::positions::MAX_LISTED;
use crate::figures::change;
use crate::report::{Change, Mover};
use crate::source::{GroupRow, HoldingRow};

/// The change from the day `from` to the day `to`, with the positions of these days in `before` and `now`.
pub(super) fn since(
    from: &str,
    to: &str,
    groups: &Groups,
    now: &[HoldingRow],
    before: &[HoldingRow],
) -> Change {
    let of = |day, figure: fn(&GroupRow) -> Option<f64>| groups.total(day).and_then(figure);
    let key = |row: &'_ HoldingRow| (row.trade_id, row.contract.clone());
    let earlier: BTreeMap<(i64, String), &HoldingRow> = before.iter().map(|row| (key(row), row)).collect();
    let both: Vec<(&HoldingRow, &HoldingRow)> =
        now.iter().filter_map(|row| Some((row, *earlier.get(&key(row))?))).collect();
    let length = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    Change {
        from: from.to_owned(),
        pnl: change(of(to, |row| row.pnl), of(from, |row| row.pnl)),
        cost_basis: change(of(to, |row| row.cost_basis), of(from, |row| row.cost_basis)),
        positions: length(now.len()) - length(before.len()),
        opened: (now.len() - both.len()) as u64,
        closed: (before.len() - both.len()) as u64,
        held: both.len() as u64,
        movers: movers(&both),
    }
}

/// The positions whose P&L changed the most. Positions without a P&L on one of the days are skipped. The sort is stable, so
/// equal ones keep the order of trade and contract.
fn movers(both: &[(&HoldingRow, &HoldingRow)]) -> Vec<Mover> {
    let mover = |(now, before): &(&HoldingRow, &HoldingRow)| {
        let (pnl, pnl_before) = (now.pnl?, before.pnl?);
        Some(Mover {
            trade_id: now.trade_id,
            symbol: now.symbol.clone(),
            contract: now.contract.clone(),
            pnl,
            pnl_before,
            pnl_change: change(Some(pnl), Some(pnl_before)).filter(|change| *change != 0.0)?,
        })
    };
    let mut movers: Vec<Mover> = both.iter().filter_map(mover).collect();
    movers.sort_by(|a, b| b.pnl_change.abs().total_cmp(&a.pnl_change.abs()));
    movers.truncate(MAX_LISTED);
    movers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Drops;

    fn row(trade_id: i64, pnl: Option<f64>) -> HoldingRow {
        HoldingRow { trade_id, pnl, ..HoldingRow::default() }
    }

    #[test]
    fn positions_are_opened_closed_or_held_and_movers_are_ranked_by_the_size_of_the_change() {
        let before =
            [row(1, Some(1.0)), row(2, Some(2.0)), row(3, None), row(4, Some(4.0)), row(5, Some(5.0))];
        let now =
            [row(2, Some(3.0)), row(3, Some(9.0)), row(4, Some(4.0)), row(5, Some(0.0)), row(6, Some(7.0))];
        let groups = Groups::from_rows(Vec::new(), &mut Drops::default());
        let change = since("2026-02-10", "2026-02-11", &groups, &now, &before);
        assert_eq!((change.positions, change.opened, change.closed, change.held), (0, 1, 1, 4));
        assert_eq!((change.pnl, change.cost_basis), (None, None));
        let movers: Vec<(i64, f64)> =
            change.movers.iter().map(|mover| (mover.trade_id, mover.pnl_change)).collect();
        assert_eq!(movers, [(5, -5.0), (2, 1.0)]);
    }
}

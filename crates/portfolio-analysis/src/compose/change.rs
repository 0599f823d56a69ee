//! What is different from the day before.

use std::collections::BTreeMap;

use super::super::figures::change;
use super::super::report::{Change, Mover};
use super::super::source::{GroupRow, HoldingRow};
use super::LISTED;
use super::group::Groups;

/// The change from the day `from` to the day `to`, whose positions are `before` and `now`.
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

/// The positions whose P&L changed the most; those without a change are none, nor those without a P&L on either day.
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
    // They come by trade and contract, and the sort is stable.
    movers.sort_by(|a, b| b.pnl_change.abs().total_cmp(&a.pnl_change.abs()));
    movers.truncate(LISTED);
    movers
}

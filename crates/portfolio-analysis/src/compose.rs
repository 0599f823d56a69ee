//! Makes the report out of what was read.

mod change;
mod days;
mod group;
mod notes;

use std::cmp::Ordering;

use self::group::Of;
use super::figures::{Concentration, Scale, SeriesFigures, percent};
use super::report::{
    BookConcentration, Coverage, GroupFigures, KIND, LeftOut, Point, Position, Report, Series, SymbolReport,
    VERSION, Window,
};
use super::source::{HoldingRow, Reading};

/// How many winners, losers and movers are named.
const LISTED: usize = 10;

/// The report on the last day that was read; `requested` days were asked for.
pub(super) fn report(reading: Reading, requested: usize) -> Report {
    let days: Vec<String> = reading.days.iter().map(ToString::to_string).collect();
    let date = days.last().cloned().unwrap_or_default();
    let previous_date = days.iter().rev().nth(1).cloned();
    let window = &days[days.len().saturating_sub(requested)..];
    let mut drops = reading.drops;
    let groups = group::Groups::of(reading.groups, &mut drops);
    let mut by_day = days::series_by_day(&reading.points, &mut drops);
    let displayed = days::displayed_by_day(&reading.displayed, &mut drops);
    let day_reports = window
        .iter()
        .map(|day| {
            days::day_report(day, displayed.get(day.as_str()), by_day.get(day.as_str()), groups.total(day))
        })
        .collect();
    let (held, not_held): (Vec<HoldingRow>, Vec<HoldingRow>) =
        reading.holdings.into_iter().partition(|row| row.is_held);
    let (now, before): (Vec<HoldingRow>, Vec<HoldingRow>) = held.into_iter().partition(|row| row.day == date);
    let total = groups.total(&date).map(group::figures).unwrap_or_default();
    let symbols = symbols(&groups, window, &date, previous_date.as_deref());
    let too_large: Vec<(&str, i64)> = days
        .iter()
        .filter_map(|day| Some((day.as_str(), groups.total(day)?.too_large)))
        .filter(|(_, positions)| *positions > 0)
        .collect();
    let change = previous_date.as_deref().map(|from| change::since(from, &date, &groups, &now, &before));
    let coverage = Coverage {
        positions: total.positions,
        listed: groups.total(&date).map_or(0, |row| row.listed.unsigned_abs()),
        priced: total.priced,
        priced_pct: percent(
            Some(super::figures::count(total.priced)),
            Some(super::figures::count(total.positions)),
        ),
        not_held: not_held.iter().filter(|row| row.day == date).count() as u64,
        left_out: drops
            .iter()
            .map(|(view, reason, count)| LeftOut { view: view.to_owned(), reason: reason.to_owned(), count })
            .collect(),
    };
    let mut report = Report {
        kind: KIND.to_owned(),
        version: VERSION,
        window: Window {
            first: window.first().cloned().unwrap_or_default(),
            last: date.clone(),
            days: window.len() as u64,
            requested: requested as u64,
        },
        notes: Vec::new(),
        coverage,
        symbol_concentration: symbol_concentration(&symbols, &total),
        intraday: series(by_day.remove(date.as_str()).unwrap_or_default(), Scale::Intraday),
        book: series(groups.pnl_by_day(Of::All, window), Scale::Days),
        days: day_reports,
        winners: extremes(&now, |pnl| pnl > 0.0, |a, b| b.total_cmp(a)),
        losers: extremes(&now, |pnl| pnl < 0.0, f64::total_cmp),
        total,
        symbols,
        change,
        date,
        previous_date,
    };
    report.notes = notes::of(&report, &too_large);
    report
}

/// How the symbols share the book. Shares of a sum that is unknown are unknown too.
fn symbol_concentration(symbols: &[SymbolReport], total: &GroupFigures) -> BookConcentration {
    let of = |sum: Option<f64>, amount: fn(&GroupFigures) -> Option<f64>| {
        let amounts = symbols.iter().filter_map(|symbol| amount(&symbol.figures));
        sum.map(|_| Concentration::of(amounts)).unwrap_or_default()
    };
    BookConcentration {
        cost_basis: of(total.gross_cost_basis, |figures| figures.gross_cost_basis),
        pnl: of(total.pnl, |figures| figures.pnl),
    }
}

fn symbols(groups: &group::Groups, window: &[String], date: &str, before: Option<&str>) -> Vec<SymbolReport> {
    let gross = groups.total(date).and_then(|row| row.gross_cost_basis);
    let symbols = groups.symbols(date).map(|(symbol, row)| {
        let earlier = before.and_then(|before| groups.symbol(before, symbol));
        SymbolReport {
            symbol: symbol.map(str::to_owned),
            figures: group::figures(row),
            cost_basis_share_pct: percent(row.gross_cost_basis, gross),
            pnl_by_day: SeriesFigures::of(&groups.pnl_by_day(Of::Symbol(symbol), window), Scale::Days),
            pnl_change: super::figures::change(row.pnl, earlier.and_then(|row| row.pnl)),
            cost_basis_change: super::figures::change(row.cost_basis, earlier.and_then(|row| row.cost_basis)),
        }
    });
    symbols.collect()
}

fn series(points: Vec<(String, f64)>, scale: Scale) -> Series {
    let figures = SeriesFigures::of(&points, scale);
    Series { points: points.into_iter().map(|(at, value)| Point { at, value }).collect(), figures }
}

/// The first positions in the order of P&L; among equals the one of the lower trade comes first.
fn extremes(
    rows: &[HoldingRow],
    wanted: impl Fn(f64) -> bool,
    order: impl Fn(&f64, &f64) -> Ordering,
) -> Vec<Position> {
    let mut ranked: Vec<(f64, &HoldingRow)> =
        rows.iter().filter_map(|row| row.pnl.filter(|pnl| wanted(*pnl)).map(|pnl| (pnl, row))).collect();
    // The rows come by trade and contract, and the sort is stable.
    ranked.sort_by(|(a, _), (b, _)| order(a, b));
    ranked.into_iter().take(LISTED).map(|(_, row)| position(row)).collect()
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

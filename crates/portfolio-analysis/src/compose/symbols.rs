//! The symbols held on the day, and how they share the book.

use super::groups::{Groups, PositionFilter, figures};
use crate::figures::{Concentration, Scale, SeriesFigures, change, percent};
use crate::report::{BookConcentration, GroupFigures, SymbolReport};

/// The symbols of `date`, compared with the day `before`.
pub(super) fn reports(
    groups: &Groups,
    window: &[String],
    date: &str,
    before: Option<&str>,
) -> Vec<SymbolReport> {
    let gross = groups.total(date).and_then(|row| row.gross_cost_basis);
    let reports = groups.symbols(date).map(|(symbol, row)| {
        let earlier = before.and_then(|before| groups.symbol(before, symbol));
        let pnl_by_day = groups.pnl_by_day(PositionFilter::Symbol(symbol), window);
        SymbolReport {
            symbol: symbol.map(str::to_owned),
            figures: figures(row),
            cost_basis_share_pct: percent(row.gross_cost_basis, gross),
            pnl_by_day: SeriesFigures::of(&pnl_by_day, Scale::Days),
            pnl_change: change(row.pnl, earlier.and_then(|row| row.pnl)),
            cost_basis_change: change(row.cost_basis, earlier.and_then(|row| row.cost_basis)),
        }
    });
    reports.collect()
}

/// How the symbols share the book. Shares of an unknown sum are unknown too.
pub(super) fn concentration(symbols: &[SymbolReport], total: &GroupFigures) -> BookConcentration {
    let of = |sum: Option<f64>, amount: fn(&GroupFigures) -> Option<f64>| {
        let amounts = symbols.iter().filter_map(|symbol| amount(&symbol.figures));
        sum.map(|_| Concentration::of(amounts)).unwrap_or_default()
    };
    BookConcentration {
        cost_basis: of(total.gross_cost_basis, |figures| figures.gross_cost_basis),
        pnl: of(total.pnl, |figures| figures.pnl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_an_unknown_sum_are_unknown() {
        let symbol = SymbolReport {
            figures: GroupFigures { gross_cost_basis: Some(5.0), pnl: Some(5.0), ..GroupFigures::default() },
            ..SymbolReport::default()
        };
        let total = GroupFigures { gross_cost_basis: Some(5.0), ..GroupFigures::default() };
        let concentration = concentration(&[symbol], &total);
        assert_eq!(concentration.cost_basis.hhi, Some(1.0));
        assert_eq!(concentration.pnl, Concentration::default());
    }
}

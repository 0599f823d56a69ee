//! The headline figures at the top of the page.

use super::format::{self, FormattedFigure};
use crate::plural::counted;
use crate::report::Report;

/// A headline figure.
pub(super) struct HeadlineFigure {
    pub(super) name: &'static str,
    pub(super) value: FormattedFigure,
    /// How the figure is composed, or a figure to compare it with.
    pub(super) explanation: String,
}

/// The headline figures, in the order of the page.
pub(super) fn headline(report: &Report) -> Vec<HeadlineFigure> {
    amounts(report).into_iter().chain(ratios(report)).collect()
}

fn figure(name: &'static str, value: FormattedFigure, explanation: String) -> HeadlineFigure {
    HeadlineFigure { name, value, explanation }
}

fn amounts(report: &Report) -> Vec<HeadlineFigure> {
    let (total, change) = (&report.total, report.change.as_ref());
    let displayed = report.days.last().and_then(|day| day.displayed.as_deref()).unwrap_or("—");
    let symbols = report.symbols.iter().filter(|symbol| symbol.symbol.is_some()).count() as u64;
    vec![
        figure(
            "P&L of open positions",
            format::signed_money(total.pnl),
            format!("Daily PnL displayed: {displayed}"),
        ),
        figure(
            "Since the day before",
            format::signed_money(change.and_then(|change| change.pnl)),
            change
                .map_or("no earlier day".to_owned(), |change| format!("change of P&L from {}", change.from)),
        ),
        figure(
            "Return",
            format::signed_percent(total.return_pct),
            format!("on {} gross cost basis", format::money(total.gross_cost_basis).text),
        ),
        figure(
            "Positions",
            FormattedFigure::plain(total.positions.to_string()),
            format!("{} with a P&L, {}", total.priced, counted(symbols, "symbol")),
        ),
    ]
}

fn ratios(report: &Report) -> Vec<HeadlineFigure> {
    let total = &report.total;
    let drawdown = report.intraday.figures.max_drawdown.as_ref().map(|drawdown| -drawdown.amount);
    vec![
        figure(
            "Win rate",
            format::percent(total.win_rate_pct),
            format!("{} up, {} down, {} flat", total.winners, total.losers, total.flat),
        ),
        figure(
            "Profit factor",
            format::number(total.profit_factor),
            format!(
                "{} against {}",
                format::money(total.gross_profit).text,
                format::money(total.gross_loss).text
            ),
        ),
        figure(
            "Intraday drawdown",
            format::signed_money(drawdown),
            "maximum drawdown of Daily PnL".to_owned(),
        ),
        figure(
            "Sharpe ratio",
            format::number(report.book.figures.sharpe_ratio),
            format!("annualized, over {}", counted(report.book.figures.points, "day")),
        ),
        figure(
            "Concentration",
            format::number(report.symbol_concentration.cost_basis.effective_number),
            "effective number of symbols".to_owned(),
        ),
        figure(
            "Liquidity drag",
            format::signed_money(total.liquidity_drag),
            format!("{} of gross cost basis", format::percent(total.liquidity_drag_pct).text),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{DayReport, SymbolReport};

    #[test]
    fn unknown_figures_are_dashes_and_counts_of_one_are_singular() {
        let report = Report {
            days: vec![DayReport::default()],
            symbols: vec![SymbolReport { symbol: Some("A".to_owned()), ..SymbolReport::default() }],
            ..Report::default()
        };
        let headline = headline(&report);
        assert_eq!(headline.len(), 10);
        assert_eq!(
            (headline[0].value.text.as_str(), headline[0].explanation.as_str()),
            ("—", "Daily PnL displayed: —")
        );
        assert_eq!(headline[1].explanation, "no earlier day");
        assert_eq!(
            (headline[3].value.text.as_str(), headline[3].explanation.as_str()),
            ("0", "0 with a P&L, 1 symbol")
        );
    }
}

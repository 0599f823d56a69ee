//! The report as a page for people: one HTML document that needs nothing else, no script, font, image or style sheet.
//!
//! All texts of the report go through askama, which escapes them, in plots too: those are templates as well, and only
//! their coordinates are worked out in Rust. A plotting crate would bring fonts to measure texts with, and colours
//! written into each element, which could not follow the reader's light or dark.

mod format;
mod plots;

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use self::format::Shown;
use self::plots::{Bars, Line};
use super::figures::Concentration;
use super::report::{GroupFigures, KIND, Position, Report, VERSION};

/// The page of a report; None when the value is no report of this version.
pub(super) fn page(result: &Value) -> Option<String> {
    let known = result["kind"] == KIND && result["version"] == VERSION;
    let report = known.then(|| Report::deserialize(result).ok()).flatten()?;
    Page::of(&report).render().ok()
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'r> {
    report: &'r Report,
    total: &'r GroupFigures,
    headline: Vec<Figure>,
    intraday: Line,
    book: Line,
    by_symbol: Bars,
    shares: Bars,
    concentrations: [(&'static str, &'r Concentration); 4],
    lists: [(&'static str, &'r [Position]); 2],
}

/// A headline figure.
struct Figure {
    name: &'static str,
    shown: Shown,
    /// What it is made of, or what to hold it against.
    beside: String,
}

impl<'r> Page<'r> {
    fn of(report: &'r Report) -> Self {
        Self {
            total: &report.total,
            headline: headline(report),
            intraday: Line::of_times(&report.intraday),
            book: Line::of_days(&report.book),
            by_symbol: Bars::of_amounts(
                report
                    .symbols
                    .iter()
                    .filter_map(|symbol| Some((label(symbol.symbol.as_deref()), symbol.figures.pnl?))),
            ),
            shares: Bars::of_shares(
                report.symbols.iter().filter_map(|symbol| {
                    Some((label(symbol.symbol.as_deref()), symbol.cost_basis_share_pct?))
                }),
            ),
            concentrations: [
                ("gross cost basis, by symbol", &report.symbol_concentration.cost_basis),
                ("P&L, by symbol", &report.symbol_concentration.pnl),
                ("gross cost basis, by position", &report.total.cost_basis_concentration),
                ("P&L, by position", &report.total.pnl_concentration),
            ],
            lists: [("Top winners", &report.winners), ("Top losers", &report.losers)],
            report,
        }
    }
}

/// A symbol as it is shown.
fn label(symbol: Option<&str>) -> &str {
    symbol.unwrap_or("no symbol")
}

fn headline(report: &Report) -> Vec<Figure> {
    let (total, change) = (&report.total, report.change.as_ref());
    let figure = |name, shown, beside| Figure { name, shown, beside };
    let drawdown = report.intraday.figures.max_drawdown.as_ref().map(|drawdown| -drawdown.amount);
    let displayed = report.days.last().and_then(|day| day.displayed.as_deref()).unwrap_or("—");
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
            Shown::plain(total.positions.to_string()),
            format!(
                "{} with a P&L, {} symbols",
                total.priced,
                report.symbols.iter().filter(|symbol| symbol.symbol.is_some()).count()
            ),
        ),
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
            "Deepest fall of the day",
            format::signed_money(drawdown),
            "drawdown of intraday Daily PnL".to_owned(),
        ),
        figure(
            "Sharpe ratio",
            format::number(report.book.figures.sharpe_ratio),
            format!("annualized, over {} days", report.book.figures.points),
        ),
        figure(
            "Concentration",
            format::number(report.symbol_concentration.cost_basis.effective_number),
            "equal symbols would be as concentrated".to_owned(),
        ),
        figure(
            "Liquidity drag",
            format::signed_money(total.liquidity_drag),
            format!("{} of gross cost basis", format::percent(total.liquidity_drag_pct).text),
        ),
    ]
}

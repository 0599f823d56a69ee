//! The report as a page: one HTML document that loads no script, font, image or style sheet.
//!
//! All texts of the report go through askama, which escapes them. The plots are templates too; only their coordinates
//! are computed in Rust. A plotting crate would need fonts to measure texts, and would write fixed colors into each
//! element, which could not follow the reader's light or dark mode.

mod format;
mod headline;
mod plots;

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use self::headline::{HeadlineFigure, headline};
use self::plots::{Bars, Line};
use super::report::{Concentration, GroupFigures, KIND, Position, Report, VERSION};

/// The page of a report; None if the value is not a report of this version.
pub(crate) fn page(result: &Value) -> Option<String> {
    let is_report = result["kind"] == KIND && result["version"] == VERSION;
    let report = is_report.then(|| Report::deserialize(result).ok()).flatten()?;
    Page::new(&report).render().ok()
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'r> {
    report: &'r Report,
    total: &'r GroupFigures,
    headline: Vec<HeadlineFigure>,
    intraday: Line,
    book: Line,
    by_symbol: Bars,
    shares: Bars,
    concentrations: [(&'static str, &'r Concentration); 4],
    lists: [(&'static str, &'r [Position]); 2],
}

impl<'r> Page<'r> {
    fn new(report: &'r Report) -> Self {
        let symbols = || report.symbols.iter().map(|symbol| (label(symbol.symbol.as_deref()), symbol));
        Self {
            total: &report.total,
            headline: headline(report),
            intraday: Line::of_times(&report.intraday),
            book: Line::of_days(&report.book),
            by_symbol: Bars::of_amounts(
                symbols().filter_map(|(label, symbol)| Some((label, symbol.figures.pnl?))),
            ),
            shares: Bars::of_shares(
                symbols().filter_map(|(label, symbol)| Some((label, symbol.cost_basis_share_pct?))),
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

/// The text that represents a symbol on the page.
fn label(symbol: Option<&str>) -> &str {
    symbol.unwrap_or("no symbol")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_of_this_version_have_a_page() {
        let report = Report { kind: KIND.to_owned(), version: VERSION, ..Report::default() };
        let mut value = serde_json::to_value(report).expect("it is JSON");
        assert!(page(&value).is_some_and(|page| page.starts_with("<!doctype html>")));
        value["version"] = (VERSION + 1).into();
        assert_eq!(page(&value), None);
        assert_eq!(page(&Value::Null), None);
    }
}

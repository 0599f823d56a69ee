//! The SQL texts, filled in with the views' names, the ways to read their columns, and the days.

use jiff::civil::Date;

use super::view::View;

/// Texts come in one spelling whatever the server's defaults are, rows in the order they are stored in, and nothing is
/// compiled or spread over processes for statements this short.
pub(super) fn begin(timeout_s: u64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '{timeout_s}s'; \
         SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; \
         SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1"
    )
}

/// The statements over a span of days.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Displayed KPIs of the window.
    pub(super) displayed: String,
    /// Points of the window.
    pub(super) points: String,
    /// Sums of the window and the day before the report's.
    pub(super) groups: String,
    /// Positions of the report's day and the one before.
    pub(super) holdings: String,
    /// What the portfolio view has that can't be used.
    pub(super) portfolio_drops: String,
    /// What the extremes view has that can't be used.
    pub(super) extremes_drops: String,
}

impl Plan {
    /// The statements for days with data, oldest first, of which the last is the report's.
    pub(super) fn of([kpis, series, extremes, portfolio]: &[View; 4], days: &[Date]) -> Option<Self> {
        let (first, last) = (*days.first()?, *days.last()?);
        let before = days.len().checked_sub(2).and_then(|place| days.get(place)).copied().unwrap_or(last);
        let positions = filled(
            include_str!("sql/positions.sql"),
            &[position_columns(extremes, portfolio), figures(extremes)].concat(),
        );
        let names = position_columns(extremes, portfolio);
        let over = |sql: &str, first: Date| within(sql, first, last);
        Some(Self {
            displayed: over(&on(include_str!("sql/displayed.sql"), kpis), first),
            points: over(
                &filled(
                    &on(include_str!("sql/points.sql"), series),
                    &[
                        ("{at}", super::columns::microseconds(&series.moment("ts"))),
                        ("{value}", series.number("value")),
                    ],
                ),
                first,
            ),
            groups: over(&format!("{positions}{}", include_str!("sql/groups.sql")), first),
            holdings: over(&format!("{positions}{}", include_str!("sql/holdings.sql")), before),
            portfolio_drops: over(&filled(include_str!("sql/portfolio_drops.sql"), &names), first),
            extremes_drops: over(&filled(include_str!("sql/extremes_drops.sql"), &names), first),
        })
    }

    /// All of them, in the order they are run.
    pub(super) fn all(self) -> [String; 6] {
        [self.displayed, self.points, self.portfolio_drops, self.extremes_drops, self.groups, self.holdings]
    }
}

/// The newest days of a view, not after `bound`.
pub(super) fn days(view: &View, bound: Option<Date>, limit: usize) -> String {
    let bound = bound.map_or("true".to_owned(), |bound| format!("report_date <= '{bound}'"));
    filled(&on(include_str!("sql/days.sql"), view), &[("{bound}", bound), ("{limit}", limit.to_string())])
}

fn on(sql: &str, view: &View) -> String {
    let kpi = ("{kpi}", view.name("kpi_name"));
    filled(sql, &[("{view}", view.relation.clone()), ("{day}", view.day()), kpi])
}

fn position_columns(extremes: &View, portfolio: &View) -> Vec<(&'static str, String)> {
    vec![
        ("{portfolio.day}", portfolio.day()),
        ("{portfolio.trade_id}", portfolio.id("trade_id")),
        ("{portfolio.contract}", portfolio.name("contract_name")),
        ("{portfolio.symbol}", portfolio.name("symbol")),
        ("{portfolio}", portfolio.relation.clone()),
        ("{extremes.day}", extremes.day()),
        ("{extremes.trade_id}", extremes.id("trade_id")),
        ("{extremes.contract}", extremes.name("contract_name")),
        ("{extremes.mid_ts}", extremes.moment("mid_ts")),
        ("{extremes.kpi}", extremes.name("kpi_name")),
        ("{extremes.side}", extremes.name("side")),
        ("{extremes}", extremes.relation.clone()),
    ]
}

fn figures(extremes: &View) -> Vec<(&'static str, String)> {
    [
        ("{quantity}", "qty"),
        ("{cost_basis}", "cost_basis"),
        ("{pnl}", "individual_pnl"),
        ("{bid}", "bid_price"),
        ("{ask}", "ask_price"),
        ("{mid}", "mid_price"),
        ("{mid_mark_pnl}", "mid_mark_pnl"),
        ("{liquidity_drag}", "liquidity_drag"),
    ]
    .map(|(place, column)| (place, extremes.number(column)))
    .to_vec()
}

fn within(sql: &str, first: Date, last: Date) -> String {
    filled(sql, &[("{first}", first.to_string()), ("{last}", last.to_string())])
}

fn filled(sql: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(sql.to_owned(), |sql, (place, value)| sql.replace(place, value))
}

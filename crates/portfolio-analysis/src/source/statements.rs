//! The SQL texts, filled in with the views' names, the ways to read their columns, and the days.

use jiff::civil::{Date, date};

use trading_views::{ColumnKind, Relation};

/// The columns that are read of the view of extremes.
pub(super) const EXTREMES: &[&str] = &[
    "kpi_name",
    "side",
    "rank",
    "trade_id",
    "contract_name",
    "mid_ts",
    "qty",
    "cost_basis",
    "individual_pnl",
    "bid_price",
    "ask_price",
    "mid_price",
    "mid_mark_pnl",
    "liquidity_drag",
];

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
    pub(super) fn of([kpis, series, extremes, portfolio]: &[Relation; 4], days: &[Date]) -> Option<Self> {
        let (first, last) = (*days.first()?, *days.last()?);
        let before = days.len().checked_sub(2).and_then(|place| days.get(place)).copied().unwrap_or(last);
        let names = position_columns(extremes, portfolio);
        let positions =
            filled(include_str!("sql/positions.sql"), &[names.clone(), figures(extremes)].concat());
        let over = |sql: &str, relation: &Relation| {
            filled(&on(sql, relation), &[("{within}", relation.is_between(first, last))])
        };
        let positions_over = |sql: &str, first: Date| {
            let within = |relation: &Relation| relation.is_between(first, last);
            filled(sql, &[("{portfolio.within}", within(portfolio)), ("{extremes.within}", within(extremes))])
        };
        Some(Self {
            displayed: filled(
                &over(include_str!("sql/displayed.sql"), kpis),
                &[("{is_numeric}", kpis.kind("display_value").is_numeric().to_string())],
            ),
            points: filled(
                &over(include_str!("sql/points.sql"), series),
                &[("{at}", series.microseconds("ts")), ("{value}", series.number("value"))],
            ),
            groups: positions_over(
                &format!("{positions}{}", filled(include_str!("sql/groups.sql"), &summands())),
                first,
            ),
            holdings: positions_over(&format!("{positions}{}", include_str!("sql/holdings.sql")), before),
            portfolio_drops: positions_over(&filled(include_str!("sql/portfolio_drops.sql"), &names), first),
            extremes_drops: positions_over(&filled(include_str!("sql/extremes_drops.sql"), &names), first),
        })
    }

    /// All of them, in the order they are run.
    pub(super) fn all(self) -> [String; 6] {
        [self.displayed, self.points, self.portfolio_drops, self.extremes_drops, self.groups, self.holdings]
    }
}

/// The newest days of a view, not after `bound`.
pub(super) fn days(relation: &Relation, bound: Option<Date>, limit: usize) -> String {
    let sql = match relation.kind("report_date") {
        ColumnKind::Date | ColumnKind::Time => include_str!("sql/days.sql"),
        _ => include_str!("sql/days_of_texts.sql"),
    };
    let bound = bound.map_or("true".to_owned(), |bound| relation.is_between(date(1, 1, 1), bound));
    filled(&on(sql, relation), &[("{bound}", bound), ("{limit}", limit.to_string())])
}

fn on(sql: &str, relation: &Relation) -> String {
    let kpi = ("{kpi}", relation.text("kpi_name"));
    filled(sql, &[("{view}", relation.name.clone()), ("{day}", relation.day()), kpi])
}

fn position_columns(extremes: &Relation, portfolio: &Relation) -> Vec<(&'static str, String)> {
    vec![
        ("{portfolio.day}", portfolio.day()),
        ("{portfolio.trade_id}", portfolio.id("trade_id")),
        ("{portfolio.contract}", portfolio.text("contract_name")),
        ("{portfolio.symbol}", portfolio.text("symbol")),
        ("{portfolio}", portfolio.name.clone()),
        ("{extremes.day}", extremes.day()),
        ("{extremes.trade_id}", extremes.id("trade_id")),
        ("{extremes.contract}", extremes.text("contract_name")),
        ("{extremes.mid_ts}", extremes.time("mid_ts")),
        ("{extremes.kpi}", extremes.text("kpi_name")),
        ("{extremes.side}", extremes.text("side")),
        ("{extremes}", extremes.name.clone()),
    ]
}

fn figures(extremes: &Relation) -> Vec<(&'static str, String)> {
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

/// Amounts as they are summed. No sum of them, nor of their squares, leaves the range of `float8`, which would make the
/// statement fail: an amount beyond 1e100 makes the sums NaN, and one within 1e-100 of zero counts as zero.
fn summands() -> [(&'static str, String); 5] {
    [
        ("{summed quantity}", "quantity"),
        ("{summed cost_basis}", "cost_basis"),
        ("{summed pnl}", "pnl"),
        ("{summed mid_mark_pnl}", "mid_mark_pnl"),
        ("{summed liquidity_drag}", "liquidity_drag"),
    ]
    .map(|(place, amount)| {
        let summand = format!(
            "CASE WHEN abs({amount}) > 1e100 THEN 'NaN' WHEN abs({amount}) < 1e-100 THEN 0 ELSE {amount} END"
        );
        (place, summand)
    })
}

fn filled(sql: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(sql.to_owned(), |sql, (place, value)| sql.replace(place, value))
}

//! The SQL statements: templates in which placeholders are replaced by the views' names, expressions for their columns,
//! and the days.

use jiff::civil::{Date, date};
use trading_views::{ColumnKind, Relation};

/// The columns of the view of extremes that are read.
pub(super) const EXTREMES_COLUMNS: &[&str] = &[
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

/// The statements of a report.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    /// Displayed KPIs of all days.
    pub(super) displayed: String,
    /// Points of all days.
    pub(super) points: String,
    /// Sums of all days.
    pub(super) groups: String,
    /// Positions of the last two days.
    pub(super) holdings: String,
    /// Counts of unusable rows of the portfolio view.
    pub(super) portfolio_drops: String,
    /// Counts of unusable rows of the extremes view.
    pub(super) extremes_drops: String,
}

impl Statements {
    /// The statements over days with data, oldest first, the last of which is the report's. None if there are no days.
    pub(super) fn over([kpis, series, extremes, portfolio]: &[Relation; 4], days: &[Date]) -> Option<Self> {
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

    /// All statements, in the order in which they are executed.
    pub(super) fn in_order(self) -> [String; 6] {
        [self.displayed, self.points, self.portfolio_drops, self.extremes_drops, self.groups, self.holdings]
    }
}

/// The newest `limit` days of a view up to `bound`.
pub(super) fn days(relation: &Relation, bound: Option<Date>, limit: usize) -> String {
    let sql = match relation.kind("report_date") {
        ColumnKind::Date | ColumnKind::Time => include_str!("sql/days.sql"),
        _ => include_str!("sql/days_from_text.sql"),
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

/// The expressions of the amounts that are summed. A sum of squares beyond the range of `float8` would make the statement
/// fail, so an amount beyond 1e100 makes the sums NaN, and one within 1e-100 of zero counts as zero.
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

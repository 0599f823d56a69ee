//! A trading day.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::civil::Date;
use serde::Serialize;

use super::Moment;

/// The maximum absolute value of a `trade_id`, 2^53. A larger JSON number does not identify exactly one id.
pub const MAX_ID: i64 = 1 << 53;

/// One trading day that can be stored: names are trimmed, keys are unique, numbers are finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The day. It is a part of every key.
    pub date: Date,
    /// When the day was read.
    pub updated_at: Moment,
    /// The headline, one line.
    pub headline: String,
    /// A sentence about the day. It can be empty.
    pub summary: String,
    /// The KPIs, in the order in which they are displayed.
    pub rows: Vec<KpiRow>,
    /// The series, extremes and holdings.
    pub overlay: Overlay,
}

impl Snapshot {
    /// Whether the day has nothing to store. Such a day must never replace a stored one.
    pub fn is_empty(&self) -> bool {
        let Overlay { series, extremes, assets } = &self.overlay;
        self.rows.is_empty()
            && series.values().all(Vec::is_empty)
            && extremes.values().all(|lists| lists.hi.is_empty() && lists.lo.is_empty())
            && assets.is_empty()
    }

    /// The headline of a day without one.
    pub fn default_headline(date: Date) -> String {
        format!("Haiphen metrics for {date}")
    }
}

/// A KPI and its displayed value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KpiRow {
    /// The KPI's name.
    pub kpi: String,
    /// The displayed value, such as `$1,234.56`. [`super::DisplayedValue`] reads its number.
    pub value: String,
}

/// Series, extremes and holdings of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Points over the day, by KPI.
    pub series: IndexMap<String, Vec<Point>>,
    /// The most extreme contracts, by KPI.
    pub extremes: IndexMap<String, HiLo>,
    /// The holdings of the portfolio.
    pub assets: Vec<Asset>,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The time.
    pub t: Moment,
    /// The KPI's value at that time, in the KPI's unit. It is finite.
    pub v: f64,
    /// The source of the point, such as `real` or `synthetic`. The text is shared because a day has few sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<Arc<str>>,
}

/// The two lists of a KPI's extremes, in the order of their ranks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HiLo {
    /// The contracts with the highest values.
    pub hi: Vec<ExtremesItem>,
    /// The contracts with the lowest values.
    pub lo: Vec<ExtremesItem>,
}

impl HiLo {
    /// Both lists, with their value of the `side` column.
    pub fn sides(&self) -> [(&'static str, &[ExtremesItem]); 2] {
        [("hi", &self.hi), ("lo", &self.lo)]
    }
}

/// A contract in a KPI's list of extremes. Money is in the account's currency. An absent number is unknown, not 0.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExtremesItem {
    /// The id of the trade.
    pub trade_id: i64,
    /// The ticker of the underlying.
    pub symbol: Option<String>,
    /// The name of the contract, for options in OCC notation.
    pub contract_name: String,
    /// The KPI's value for this contract.
    pub metric_raw: Option<f64>,
    /// Its absolute value, by which the lists are ranked.
    pub metric_abs: Option<f64>,
    /// Profit and loss of the contract.
    pub individual_pnl: Option<f64>,
    /// Its absolute value.
    pub abs_individual_pnl: Option<f64>,
    /// Profit and loss as a percentage of the cost basis.
    pub percent_change: Option<f64>,
    /// The cost of the position.
    pub cost_basis: Option<f64>,
    /// Contracts held.
    pub qty: Option<f64>,
    /// Best bid, per share.
    pub bid_price: Option<f64>,
    /// Best ask, per share.
    pub ask_price: Option<f64>,
    /// The midpoint of bid and ask, per share.
    pub mid_price: Option<f64>,
    /// The time of the prices.
    pub mid_ts: Option<Moment>,
    /// Profit and loss at the mid price.
    pub mid_mark_pnl: Option<f64>,
    /// The cost of closing the position at the market instead of at the mid price.
    pub liquidity_drag: Option<f64>,
    /// Fields of the document that are not part of the contract.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Reads one number of an item.
type ReadMetric = fn(&ExtremesItem) -> Option<f64>;
/// Borrows one number of an item for writing.
type BorrowMetric = fn(&mut ExtremesItem) -> &mut Option<f64>;

macro_rules! metrics {
    ($($name:ident),+ $(,)?) => {
        [$((stringify!($name), |item: &ExtremesItem| item.$name, |item: &mut ExtremesItem| &mut item.$name)),+]
    };
}

/// The numbers of an item, in the order of the table's columns: column name, read access and write access.
pub const METRICS: [(&str, ReadMetric, BorrowMetric); 12] = metrics![
    metric_raw,
    metric_abs,
    individual_pnl,
    abs_individual_pnl,
    percent_change,
    cost_basis,
    qty,
    bid_price,
    ask_price,
    mid_price,
    mid_mark_pnl,
    liquidity_drag,
];

/// One holding of the portfolio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asset {
    /// The id of the trade.
    pub trade_id: i64,
    /// The ticker of the underlying, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The name of the contract.
    pub contract_name: String,
}

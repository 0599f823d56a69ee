//! A trading day in memory.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::civil::Date;
use serde::Serialize;

use super::Moment;

/// The largest size of a `trade_id`, 2^53: past it a JSON number no longer says which id it is.
pub const MAX_ID: i64 = 1 << 53;

/// One trading day, ready to be stored: names trimmed, repeats resolved, numbers finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The day, the key of everything stored.
    pub date: Date,
    /// When the day was read.
    pub updated_at: Moment,
    /// One line that heads the day.
    pub headline: String,
    /// A sentence about the day; may be empty.
    pub summary: String,
    /// The KPIs, in the order they are shown.
    pub rows: Vec<KpiRow>,
    /// Everything drawn over the KPIs.
    pub overlay: Overlay,
}

impl Snapshot {
    /// Whether there is nothing to store. Such a day must never replace a stored one.
    pub fn is_empty(&self) -> bool {
        let Overlay { series, extremes, assets } = &self.overlay;
        self.rows.is_empty()
            && series.values().all(Vec::is_empty)
            && extremes.values().all(|lists| lists.hi.is_empty() && lists.lo.is_empty())
            && assets.is_empty()
    }

    /// The headline of a day that has none of its own.
    pub fn default_headline(date: Date) -> String {
        format!("Haiphen metrics for {date}")
    }
}

/// A KPI and its value as it is displayed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KpiRow {
    /// The KPI's name.
    pub kpi: String,
    /// The displayed value, such as `$1,234.56`; see [`super::Value`] for its reading.
    pub value: String,
}

/// Series, extremes and holdings of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Points over the day, by KPI.
    pub series: IndexMap<String, Vec<Point>>,
    /// The most extreme contracts, by KPI.
    pub extremes: IndexMap<String, HiLo>,
    /// What the portfolio holds.
    pub assets: Vec<Asset>,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When.
    pub t: Moment,
    /// The KPI's value then, in the KPI's unit; finite.
    pub v: f64,
    /// Where the point comes from, such as `real` or `synthetic`. Shared: a day has a handful of sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<Arc<str>>,
}

/// The two lists of a KPI's extremes, best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HiLo {
    /// The highest.
    pub hi: Vec<ExtremesItem>,
    /// The lowest.
    pub lo: Vec<ExtremesItem>,
}

impl HiLo {
    /// Both lists with the `side` they are stored under.
    pub fn sides(&self) -> [(&'static str, &[ExtremesItem]); 2] {
        [("hi", &self.hi), ("lo", &self.lo)]
    }
}

/// A contract that stands out in a KPI. Money is in the account's currency; absent numbers are unknown, not 0.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExtremesItem {
    /// The trade.
    pub trade_id: i64,
    /// The underlying's ticker.
    pub symbol: Option<String>,
    /// The contract, in OCC notation for options.
    pub contract_name: String,
    /// The KPI's value for this contract.
    pub metric_raw: Option<f64>,
    /// Its absolute value, by which lists are ranked.
    pub metric_abs: Option<f64>,
    /// Profit and loss of the contract.
    pub individual_pnl: Option<f64>,
    /// Its absolute value.
    pub abs_individual_pnl: Option<f64>,
    /// Profit and loss as a percentage of the cost basis.
    pub percent_change: Option<f64>,
    /// What the position cost.
    pub cost_basis: Option<f64>,
    /// Contracts held.
    pub qty: Option<f64>,
    /// Best bid, per share.
    pub bid_price: Option<f64>,
    /// Best ask, per share.
    pub ask_price: Option<f64>,
    /// The middle of bid and ask, per share.
    pub mid_price: Option<f64>,
    /// When the prices were taken.
    pub mid_ts: Option<Moment>,
    /// Profit and loss at the middle price.
    pub mid_mark_pnl: Option<f64>,
    /// What closing at the market would cost against the middle.
    pub liquidity_drag: Option<f64>,
    /// Fields outside the contract that a document brought along.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Reads one number of an item.
type Get = fn(&ExtremesItem) -> Option<f64>;
/// Gives access to one number of an item.
type Slot = fn(&mut ExtremesItem) -> &mut Option<f64>;

macro_rules! metrics {
    ($($name:ident),+ $(,)?) => {
        [$((stringify!($name), |item: &ExtremesItem| item.$name, |item: &mut ExtremesItem| &mut item.$name)),+]
    };
}

/// The numbers of an item: column name, reader and slot, in the order of the table's columns.
pub const METRICS: [(&str, Get, Slot); 12] = metrics![
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
    /// The trade.
    pub trade_id: i64,
    /// The underlying's ticker, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The contract.
    pub contract_name: String,
}

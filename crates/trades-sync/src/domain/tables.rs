//! The expected rows of a day, computed without SQL. `verify` compares the stored rows with them.

mod compare;
mod documents;

use super::{DisplayedValue, Part, Snapshot, overlay_json, rows_json, to_json};

pub use self::compare::{Differences, differences};

/// One value of a stored row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER or REAL. A double represents all ids exactly, because they are at most 2^53.
    Number(f64),
    /// TEXT.
    Text(String),
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn id(id: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "ids are at most 2^53")]
        Self::Number(id as f64)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Null, Into::into)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A table and the columns that are compared. `date` is not compared because it is equal in all rows; `updated_at`,
/// `headline` and `summary` are not compared because the views do not contain them.
#[derive(Debug)]
pub struct TableShape {
    /// The table's name in D1.
    pub name: &'static str,
    /// The part of the day that it contains; None for the table of documents.
    pub part: Option<Part>,
    /// The compared columns, in the order of the cells of a row.
    pub columns: &'static [&'static str],
    /// The columns that form the key within a day.
    pub key: &'static [&'static str],
}

/// The five tables, in the order in which they are reported.
pub static TABLES: [TableShape; 5] = [
    TableShape { name: "metrics_daily", part: None, columns: &["rows_json", "overlay_json"], key: &[] },
    TableShape {
        name: "metrics_kpi_values",
        part: Some(Part::Kpis),
        columns: &["kpi", "value_text", "value_num", "value_kind"],
        key: &["kpi"],
    },
    TableShape {
        name: "metrics_series_points",
        part: Some(Part::Series),
        columns: &["kpi", "t", "v", "src"],
        key: &["kpi", "t"],
    },
    TableShape {
        name: "metrics_extremes_items",
        part: Some(Part::Extremes),
        columns: &[
            "kpi",
            "side",
            "rank",
            "trade_id",
            "symbol",
            "contract_name",
            "metric_raw",
            "metric_abs",
            "individual_pnl",
            "abs_individual_pnl",
            "percent_change",
            "cost_basis",
            "qty",
            "bid_price",
            "ask_price",
            "mid_price",
            "mid_mark_pnl",
            "liquidity_drag",
            "mid_ts",
            "item_json",
        ],
        key: &["kpi", "side", "rank", "contract_name", "trade_id"],
    },
    TableShape {
        name: "metrics_portfolio_assets",
        part: Some(Part::Portfolio),
        columns: &["trade_id", "symbol", "contract_name"],
        key: &["trade_id", "contract_name"],
    },
];

/// Rows of one table for one day.
#[derive(Debug)]
pub struct Table {
    /// The table and its columns.
    pub shape: &'static TableShape,
    /// Rows with one cell per column, in no particular order.
    pub rows: Vec<Vec<Cell>>,
}

/// The expected rows of the five tables for this day.
pub fn tables(snapshot: &Snapshot) -> [Table; 5] {
    let mut rows = [
        vec![daily(snapshot)],
        snapshot.rows.iter().map(|row| kpi_value(&row.kpi, &row.value)).collect(),
        series_points(snapshot),
        extremes_items(snapshot),
        portfolio_assets(snapshot),
    ]
    .into_iter();
    TABLES.each_ref().map(|shape| Table { shape, rows: rows.next().unwrap_or_default() })
}

/// The tables of a day that is not stored.
pub fn no_rows() -> Vec<Table> {
    TABLES.iter().map(|shape| Table { shape, rows: Vec::new() }).collect()
}

fn daily(snapshot: &Snapshot) -> Vec<Cell> {
    vec![Cell::text(rows_json(snapshot)), Cell::text(overlay_json(snapshot))]
}

fn kpi_value(kpi: &str, text: &str) -> Vec<Cell> {
    let value = DisplayedValue::of(text);
    vec![Cell::text(kpi), Cell::text(text), value.number.into(), Cell::text(value.kind.as_str())]
}

fn series_points(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let series = snapshot.overlay.series.iter();
    series
        .flat_map(|(kpi, points)| {
            points.iter().map(move |point| {
                let src = point.src.as_deref().map(str::to_owned);
                vec![Cell::text(kpi), Cell::text(point.t.to_string()), point.v.into(), src.into()]
            })
        })
        .collect()
}

fn extremes_items(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for (kpi, lists) in &snapshot.overlay.extremes {
        for (side, items) in lists.sides() {
            for (rank, item) in (1..).zip(items) {
                let mut row = vec![
                    Cell::text(kpi),
                    Cell::text(side),
                    Cell::id(rank),
                    Cell::id(item.trade_id),
                    item.symbol.clone().into(),
                    Cell::text(&item.contract_name),
                ];
                row.extend(super::METRICS.iter().map(|(_, get, _)| Cell::from(get(item))));
                row.push(item.mid_ts.as_ref().map(ToString::to_string).into());
                row.push(Cell::Text(String::from_utf8_lossy(&to_json(item)).into_owned()));
                rows.push(row);
            }
        }
    }
    rows
}

fn portfolio_assets(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let assets = snapshot.overlay.assets.iter();
    assets
        .map(|asset| {
            vec![Cell::id(asset.trade_id), asset.symbol.clone().into(), Cell::text(&asset.contract_name)]
        })
        .collect()
}

//! The five tables, their columns and their cells.

use crate::domain::Part;

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
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn id(id: i64) -> Self {
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

/// The tables of a day that is not stored.
pub fn no_rows() -> Vec<Table> {
    TABLES.iter().map(|shape| Table { shape, rows: Vec::new() }).collect()
}

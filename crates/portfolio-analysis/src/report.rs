//! The result of a run: a JSON document about a trading day.
//!
//! Amounts are in USD, the currency of the views. Undefined and unknown figures are null.

use serde::{Deserialize, Serialize};

pub use super::figures::{Concentration, Drawdown, SeriesFigures};

/// The value of [`Report::kind`].
pub const KIND: &str = "portfolio-analysis";
/// The value of [`Report::version`]. It is incremented when a field changes its meaning or is removed.
pub const VERSION: u32 = 1;

/// The analysis of a day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// Always [`KIND`].
    pub kind: String,
    /// Always [`VERSION`].
    pub version: u32,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The latest earlier day with data; null if there is none.
    pub previous_date: Option<String>,
    /// The days that figures by day cover.
    pub window: Window,
    /// Sentences about missing data and unusual figures.
    pub notes: Vec<String>,
    /// How much of the data of the day the figures cover.
    pub coverage: Coverage,
    /// The figures of all positions.
    pub total: GroupFigures,
    /// How the symbols share the book.
    pub symbol_concentration: BookConcentration,
    /// Each symbol held, sorted by name; the positions without a symbol are the last.
    pub symbols: Vec<SymbolReport>,
    /// The series of the KPI `Daily PnL` on the day.
    pub intraday: Series,
    /// The P&L of the whole book by day, over the window.
    pub book: Series,
    /// Each day of the window, oldest first.
    pub days: Vec<DayReport>,
    /// The change since the day before; null if there is none.
    pub change: Option<Change>,
    /// The ten positions with the largest profit.
    pub winners: Vec<Position>,
    /// The ten positions with the largest loss.
    pub losers: Vec<Position>,
}

/// The trading days that were read: days for which the views have rows.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Window {
    /// The oldest day.
    pub first: String,
    /// The newest day, which is the report's.
    pub last: String,
    /// The number of days.
    pub days: u64,
    /// The requested number of days.
    pub requested: u64,
}

/// How much of the data of the day the figures cover.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Coverage {
    /// Positions held: distinct trades and contracts of the portfolio view.
    pub positions: u64,
    /// The positions for which the extremes view has a row.
    pub listed: u64,
    /// The positions with a P&L.
    pub priced: u64,
    /// `priced` in percent of `positions`.
    pub priced_pct: Option<f64>,
    /// Contracts that are in the extremes view but not in the portfolio view; their figures are dropped.
    pub not_held: u64,
    /// Dropped rows and numbers of all days that were read, by view and reason. In JSON, the field is `left_out`.
    #[serde(rename = "left_out")]
    pub dropped: Vec<DropCount>,
}

/// A count of rows or numbers that were dropped because they are not usable.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DropCount {
    /// `kpis`, `series`, `extremes` or `portfolio`.
    pub view: String,
    /// `no_value`, `not_finite`, `no_name`, `no_side`, `no_id`, `no_time` or `repeated`.
    pub reason: String,
    /// The number of rows or numbers.
    pub count: u64,
}

/// Figures of a group of positions: those of a symbol, or all. Sums with an amount beyond 1e100 are unknown.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct GroupFigures {
    /// Positions held.
    pub positions: u64,
    /// Positions with a P&L.
    pub priced: u64,
    /// The number of contracts: the sum of quantities.
    pub quantity: Option<f64>,
    /// Net cost basis: the sum of cost bases, which are negative for short positions.
    pub cost_basis: Option<f64>,
    /// Gross cost basis: the sum of absolute cost bases.
    pub gross_cost_basis: Option<f64>,
    /// The sum of the positions' P&L.
    pub pnl: Option<f64>,
    /// P&L in percent of gross cost basis, of the positions that have both.
    pub return_pct: Option<f64>,
    /// Positions with a P&L above 0.
    pub winners: u64,
    /// Positions with a P&L below 0.
    pub losers: u64,
    /// Positions with a P&L of 0.
    pub flat: u64,
    /// `winners` in percent of `priced`.
    pub win_rate_pct: Option<f64>,
    /// The sum of the profits.
    pub gross_profit: Option<f64>,
    /// The sum of the losses, as a positive amount.
    pub gross_loss: Option<f64>,
    /// Gross profit / gross loss.
    pub profit_factor: Option<f64>,
    /// The largest profit of a position.
    pub largest_win: Option<f64>,
    /// The largest loss of a position, a negative amount.
    pub largest_loss: Option<f64>,
    /// The sum of the positions' P&L at mid prices.
    pub mid_mark_pnl: Option<f64>,
    /// The sum of the positions' liquidity drag, which is P&L minus P&L at mid prices: negative if closing them costs money.
    pub liquidity_drag: Option<f64>,
    /// Liquidity drag in percent of gross cost basis, of the positions that have both.
    pub liquidity_drag_pct: Option<f64>,
    /// How the positions share the gross cost basis.
    pub cost_basis_concentration: Concentration,
    /// How the positions share the sum of absolute P&L.
    pub pnl_concentration: Concentration,
}

/// How the symbols share the book.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct BookConcentration {
    /// Shares of the gross cost basis.
    pub cost_basis: Concentration,
    /// Shares of the sum of the symbols' absolute P&L.
    pub pnl: Concentration,
}

/// A symbol held on the day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SymbolReport {
    /// Its name; null for the positions without a symbol.
    pub symbol: Option<String>,
    /// Its positions.
    pub figures: GroupFigures,
    /// Its share of the book's gross cost basis, in percent.
    pub cost_basis_share_pct: Option<f64>,
    /// The figures of its P&L by day, over the window; days on which it has none are skipped.
    pub pnl_by_day: SeriesFigures,
    /// P&L minus the P&L of the day before; null unless both are known.
    pub pnl_change: Option<f64>,
    /// Net cost basis minus that of the day before; null unless both are known.
    pub cost_basis_change: Option<f64>,
}

/// A series: its values in the order of time, and its figures.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Series {
    /// The values.
    pub points: Vec<Point>,
    /// Their figures.
    pub figures: SeriesFigures,
}

/// A value of a series.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Point {
    /// A time in UTC, or a day.
    pub at: String,
    /// The value.
    pub value: f64,
}

/// A day of the window.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct DayReport {
    /// The day.
    pub date: String,
    /// The KPI `Daily PnL` as the dashboard shows it.
    pub displayed: Option<String>,
    /// That text as a number; null if it is not an amount.
    pub displayed_pnl: Option<f64>,
    /// The sum of the positions' P&L.
    pub pnl: Option<f64>,
    /// Net cost basis.
    pub cost_basis: Option<f64>,
    /// Gross cost basis.
    pub gross_cost_basis: Option<f64>,
    /// Positions held.
    pub positions: u64,
    /// Positions with a P&L.
    pub priced: u64,
    /// Points of the day's series of `Daily PnL`.
    pub intraday_points: u64,
    /// The maximum drawdown of that series.
    pub intraday_drawdown: Option<f64>,
    /// The volatility of that series: the standard deviation of the changes from point to point.
    pub intraday_volatility: Option<f64>,
}

/// The change since the day before.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Change {
    /// The day before.
    pub from: String,
    /// P&L minus the P&L of that day; null unless both are known.
    pub pnl: Option<f64>,
    /// Net cost basis minus that of that day; null unless both are known.
    pub cost_basis: Option<f64>,
    /// The number of positions held minus the number on that day.
    pub positions: i64,
    /// Positions that were not held on that day.
    pub opened: u64,
    /// Positions that were held on that day and no longer are.
    pub closed: u64,
    /// Positions that are held on both days.
    pub held: u64,
    /// The ten positions held on both days whose P&L changed the most.
    pub movers: Vec<Mover>,
}

/// A position that is held on both days.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Mover {
    /// The trade.
    pub trade_id: i64,
    /// The symbol; null if it has none.
    pub symbol: Option<String>,
    /// The contract.
    pub contract: String,
    /// P&L on the report's day.
    pub pnl: f64,
    /// P&L on the day before.
    pub pnl_before: f64,
    /// The difference.
    pub pnl_change: f64,
}

/// A position with its figures.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Position {
    /// The trade.
    pub trade_id: i64,
    /// The symbol; null if it has none.
    pub symbol: Option<String>,
    /// The contract.
    pub contract: String,
    /// The number of contracts.
    pub quantity: Option<f64>,
    /// Cost basis; negative for a short position.
    pub cost_basis: Option<f64>,
    /// P&L.
    pub pnl: Option<f64>,
    /// P&L in percent of the absolute cost basis.
    pub return_pct: Option<f64>,
    /// The bid price.
    pub bid: Option<f64>,
    /// The ask price.
    pub ask: Option<f64>,
    /// The mid price.
    pub mid: Option<f64>,
    /// P&L at the mid price.
    pub mid_mark_pnl: Option<f64>,
    /// P&L minus P&L at the mid price.
    pub liquidity_drag: Option<f64>,
}

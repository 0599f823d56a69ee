//! The four views: the variables that name them, their default names, and their columns.

use common::config::{Settings, Variable};

/// The variables of every program that reads the views: the names of the four views, in the order of [`Views::all`],
/// and the time zone of the report.
pub const VARIABLES: [Variable; 5] = [
    Variable::plain("MV_KPI_TABLE", "a view; utils_statistics.trades_kpi_summary_mv"),
    Variable::plain("MV_SERIES_TABLE", "a view; utils_statistics.trades_kpi_series_mv"),
    Variable::plain("MV_EXTREMES_TABLE", "a view; utils_statistics.trades_contract_extremes_by_kpi_mv"),
    Variable::plain("MV_PORTFOLIO_TABLE", "a view; utils_statistics.trades_portfolio_assets_mv"),
    Variable::plain("REPORT_TIMEZONE", "the time zone that defines \"today\", such as America/New_York; UTC"),
];

/// One of the four views.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its name, with its schema, in SQL's spelling.
    pub name: String,
    /// All columns of the view, except `report_date`, which each of the four has.
    pub columns: &'static [&'static str],
}

/// The four views.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Views {
    /// Displayed KPI values.
    pub kpis: View,
    /// Points of series.
    pub series: View,
    /// Items of the extremes lists.
    pub extremes: View,
    /// Holdings.
    pub portfolio: View,
}

impl Default for Views {
    fn default() -> Self {
        let [kpis, series, extremes, portfolio, _] = VARIABLES.map(|variable| variable.name);
        let view = |variable, name: &str, columns| View {
            variable,
            name: format!("utils_statistics.{name}"),
            columns,
        };
        Self {
            kpis: view(kpis, "trades_kpi_summary_mv", &["kpi_name", "display_value", "sort_order"]),
            series: view(series, "trades_kpi_series_mv", &["kpi_name", "ts", "value", "source"]),
            extremes: view(
                extremes,
                "trades_contract_extremes_by_kpi_mv",
                &[
                    "kpi_name",
                    "side",
                    "rank",
                    "trade_id",
                    "symbol",
                    "contract_name",
                    "mid_ts",
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
                ],
            ),
            portfolio: view(
                portfolio,
                "trades_portfolio_assets_mv",
                &["trade_id", "symbol", "contract_name"],
            ),
        }
    }
}

impl Views {
    /// The views by the names that the settings give them.
    pub fn from_settings(settings: &Settings) -> Self {
        let named = |view: View| match settings.text(view.variable) {
            Some(name) => View { name, ..view },
            None => view,
        };
        let Self { kpis, series, extremes, portfolio } = Self::default();
        Self {
            kpis: named(kpis),
            series: named(series),
            extremes: named(extremes),
            portfolio: named(portfolio),
        }
    }

    /// All four: KPIs, series, extremes, portfolio.
    pub fn all(&self) -> [&View; 4] {
        [&self.kpis, &self.series, &self.extremes, &self.portfolio]
    }
}

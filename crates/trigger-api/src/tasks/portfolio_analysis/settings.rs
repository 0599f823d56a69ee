//! The analysis as the settings have it.

use common::config::{ConfigError, Settings, Variable};
use jiff::tz::TimeZone;

use super::PortfolioAnalysis;
use super::source::Views;

/// The longest window, in trading days.
const MOST_DAYS: usize = 366;

/// The variables of the analysis.
pub const VARIABLES: [Variable; 7] = [
    Variable::secret(
        "SOURCE_DATABASE_URL",
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE with the views of the task portfolio-analysis; none",
    ),
    Variable::plain("MV_KPI_TABLE", "a view; utils_statistics.trades_kpi_summary_mv"),
    Variable::plain("MV_SERIES_TABLE", "a view; utils_statistics.trades_kpi_series_mv"),
    Variable::plain("MV_EXTREMES_TABLE", "a view; utils_statistics.trades_contract_extremes_by_kpi_mv"),
    Variable::plain("MV_PORTFOLIO_TABLE", "a view; utils_statistics.trades_portfolio_assets_mv"),
    Variable::plain("REPORT_TIMEZONE", "what \"today\" means, such as America/New_York; UTC"),
    Variable::plain("ANALYSIS_DAYS", "the trading days that an analysis looks back, at most 366; 30"),
];

impl PortfolioAnalysis {
    /// The analysis with those settings; None when no source is configured.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(source) = settings.secret_source("SOURCE_DATABASE_URL")? else { return Ok(None) };
        source.read()?;
        let known = Views::default();
        let view = |name, default| settings.text(name).unwrap_or(default);
        let views = Views {
            kpis: view("MV_KPI_TABLE", known.kpis),
            series: view("MV_SERIES_TABLE", known.series),
            extremes: view("MV_EXTREMES_TABLE", known.extremes),
            portfolio: view("MV_PORTFOLIO_TABLE", known.portfolio),
        };
        let zone = match settings.text("REPORT_TIMEZONE") {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name).map_err(|_| {
                let problem = format!("{name:?} is no time zone; use a name such as America/New_York");
                ConfigError::variable("REPORT_TIMEZONE", problem)
            })?,
        };
        let days = settings.parsed("ANALYSIS_DAYS")?.unwrap_or(Self::DEFAULT_DAYS);
        if !(1..=MOST_DAYS).contains(&days) {
            let problem = format!("{days} is not between 1 and {MOST_DAYS}");
            return Err(ConfigError::variable("ANALYSIS_DAYS", problem));
        }
        Ok(Some(Self::new(source, views, zone, days)))
    }
}

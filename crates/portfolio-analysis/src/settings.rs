//! The analysis as the settings have it.

use common::config::{ConfigError, Settings, Variable};
use common::postgres::Server;
use trading_views::Views;

use super::PortfolioAnalysis;

/// The longest window, in trading days.
const MAX_DAYS: usize = 366;

/// The variables of the analysis.
pub const VARIABLES: [Variable; 7] = [
    Variable::secret(
        "SOURCE_DATABASE_URL",
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE with the views of the task portfolio-analysis; none",
    ),
    trading_views::VARIABLES[0],
    trading_views::VARIABLES[1],
    trading_views::VARIABLES[2],
    trading_views::VARIABLES[3],
    trading_views::VARIABLES[4],
    Variable::plain("ANALYSIS_DAYS", "the trading days that an analysis looks back, at most 366; 30"),
];

impl PortfolioAnalysis {
    /// The analysis with those settings; None when no source is configured.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(source) = settings.secret_source("SOURCE_DATABASE_URL")? else { return Ok(None) };
        // Only checked here: each run reads it again, as a mounted secret may change.
        Server::parse("SOURCE_DATABASE_URL", &source.read()?, "portfolio-analysis")?;
        let views = Views::from_settings(settings);
        let zone = trading_views::report_time_zone(settings)?;
        let days = settings.parsed("ANALYSIS_DAYS")?.unwrap_or(Self::DEFAULT_DAYS);
        if !(1..=MAX_DAYS).contains(&days) {
            let problem = format!("{days} is not between 1 and {MAX_DAYS}");
            return Err(ConfigError::variable("ANALYSIS_DAYS", problem));
        }
        Ok(Some(Self::new(source, views, zone, days)))
    }
}

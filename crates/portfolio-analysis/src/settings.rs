//! Creates the analysis from the program's settings.

use common::config::{ConfigError, Settings};
use common::postgres::Server;
use trading_views::Views;

use super::analysis::PortfolioAnalysis;
use super::variables::{DEFAULT_DAYS, MAX_DAYS};

impl PortfolioAnalysis {
    /// The analysis with these settings; None if no source is configured.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(source) = settings.secret_source("SOURCE_DATABASE_URL")? else { return Ok(None) };
        // The URL is only checked here. Each run reads it again, because a mounted secret can change.
        Server::parse("SOURCE_DATABASE_URL", &source.read()?, "portfolio-analysis")?;
        let views = Views::from_settings(settings)?;
        let time_zone = trading_views::report_time_zone(settings)?;
        let days = checked_days(settings.parsed("ANALYSIS_DAYS")?)?;
        Ok(Some(Self::new(source, views, time_zone, days)))
    }
}

fn checked_days(days: Option<usize>) -> Result<usize, ConfigError> {
    match days.unwrap_or(DEFAULT_DAYS) {
        days @ 1..=MAX_DAYS => Ok(days),
        other => {
            let problem = format!("{other} can't be used: use 1 to {MAX_DAYS}");
            Err(ConfigError::variable("ANALYSIS_DAYS", problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use common::config;

    use super::*;
    use crate::variables::VARIABLES;

    #[test]
    fn days_outside_of_the_limits_are_rejected_by_name() {
        assert_eq!(checked_days(None).expect("the default is valid"), DEFAULT_DAYS);
        assert_eq!(checked_days(Some(MAX_DAYS)).expect("the maximum is valid"), MAX_DAYS);
        for days in [0, MAX_DAYS + 1] {
            let error = checked_days(Some(days)).expect_err("it is rejected").to_string();
            assert!(error.contains("ANALYSIS_DAYS") && error.contains("use 1 to 366"), "{error}");
        }
    }

    #[test]
    fn the_help_contains_the_default_and_the_maximum() {
        let help = config::help(&VARIABLES);
        assert!(help.contains(&format!("at most {MAX_DAYS}; {DEFAULT_DAYS}\n")), "{help}");
    }
}

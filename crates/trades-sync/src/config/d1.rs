//! The settings of Cloudflare D1.

use common::config::{ConfigError, Settings};
use secrecy::SecretString;

use super::values::{id, required, required_secret, token, url};
use super::variables::DEFAULT_D1_API_URL;

/// A D1 database and the credential for it.
#[derive(Clone, Debug)]
pub struct D1Config {
    /// `D1_API_URL`, without a trailing slash.
    pub api_url: String,
    /// `CLOUDFLARE_ACCOUNT_ID`.
    pub account_id: String,
    /// `D1_DATABASE_ID`.
    pub database_id: String,
    /// `CLOUDFLARE_API_TOKEN`.
    pub api_token: SecretString,
}

/// The settings of D1 that are set.
pub(super) struct D1Settings {
    api_url: String,
    account_id: Option<String>,
    database_id: Option<String>,
    api_token: Option<SecretString>,
}

impl D1Settings {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            api_url: url(settings, "D1_API_URL", DEFAULT_D1_API_URL)?,
            account_id: id(settings, "CLOUDFLARE_ACCOUNT_ID")?,
            database_id: id(settings, "D1_DATABASE_ID")?,
            api_token: token(settings, "CLOUDFLARE_API_TOKEN")?,
        })
    }

    /// Whether at least one of the required settings is set.
    pub(super) fn is_partly_set(&self) -> bool {
        self.account_id.is_some() || self.database_id.is_some() || self.api_token.is_some()
    }

    pub(super) fn config(&self) -> Result<D1Config, ConfigError> {
        const FIX: &str = "set it to the id that the Cloudflare dashboard shows";
        Ok(D1Config {
            api_url: self.api_url.clone(),
            account_id: required(self.account_id.as_ref(), "CLOUDFLARE_ACCOUNT_ID", FIX)?,
            database_id: required(self.database_id.as_ref(), "D1_DATABASE_ID", FIX)?,
            api_token: required_secret(
                self.api_token.as_ref(),
                "CLOUDFLARE_API_TOKEN",
                "set it to a token with permission to edit D1",
            )?,
        })
    }
}

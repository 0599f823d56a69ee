//! The settings of the receiving API.

use common::config::{ConfigError, Settings};
use secrecy::SecretString;

use super::values::{required_secret, token, url};
use super::variables::{
    DEFAULT_ACCEPT_ANY_2XX, DEFAULT_SNAPSHOT_API_URL, DEFAULT_SNAPSHOT_ENDPOINT,
    DEFAULT_SNAPSHOT_READ_ENDPOINT,
};

/// The receiver that days are sent to.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// `SNAPSHOT_API_URL` and `SNAPSHOT_ENDPOINT` joined.
    pub url: String,
    /// `INTERNAL_TOKEN`.
    pub token: SecretString,
    /// `SIGNING_SECRET`.
    pub signing_secret: Option<SecretString>,
    /// `ACCEPT_ANY_2XX`: whether a 2xx without the contract's confirmation counts as stored.
    pub accept_any_2xx: bool,
}

/// The receiver that stored days are read from.
#[derive(Clone, Debug)]
pub struct ApiReaderConfig {
    /// `SNAPSHOT_API_URL` and `SNAPSHOT_READ_ENDPOINT` joined. The date is appended.
    pub url: String,
    /// The credential of the requests.
    pub credential: ReadCredential,
}

/// A token that permits reading.
#[derive(Clone, Debug)]
pub enum ReadCredential {
    /// `READ_TOKEN`, which permits nothing else.
    ReadToken(SecretString),
    /// `INTERNAL_TOKEN`.
    InternalToken(SecretString),
}

/// The settings of the receiver that are set, and the defaults of the others.
pub(super) struct ReceiverSettings {
    url: String,
    read_url: String,
    internal_token: Option<SecretString>,
    read_token: Option<SecretString>,
    signing_secret: Option<SecretString>,
    accept_any_2xx: bool,
}

impl ReceiverSettings {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let base = url(settings, "SNAPSHOT_API_URL", DEFAULT_SNAPSHOT_API_URL)?;
        let joined = |endpoint: &str, default: &str| {
            let path = settings.text(endpoint);
            format!("{base}/{}", path.as_deref().unwrap_or(default).trim_matches('/'))
        };
        Ok(Self {
            url: joined("SNAPSHOT_ENDPOINT", DEFAULT_SNAPSHOT_ENDPOINT),
            read_url: joined("SNAPSHOT_READ_ENDPOINT", DEFAULT_SNAPSHOT_READ_ENDPOINT),
            internal_token: token(settings, "INTERNAL_TOKEN")?,
            read_token: token(settings, "READ_TOKEN")?,
            signing_secret: settings.secret("SIGNING_SECRET")?,
            accept_any_2xx: settings.parsed("ACCEPT_ANY_2XX")?.unwrap_or(DEFAULT_ACCEPT_ANY_2XX),
        })
    }

    pub(super) fn api(&self) -> Result<ApiConfig, ConfigError> {
        Ok(ApiConfig {
            url: self.url.clone(),
            token: self.internal_token("set it to the receiver's token")?,
            signing_secret: self.signing_secret.clone(),
            accept_any_2xx: self.accept_any_2xx,
        })
    }

    pub(super) fn reader(&self) -> Result<ApiReaderConfig, ConfigError> {
        let credential = match &self.read_token {
            Some(token) => ReadCredential::ReadToken(token.clone()),
            None => ReadCredential::InternalToken(
                self.internal_token("set it or READ_TOKEN to the receiver's token")?,
            ),
        };
        Ok(ApiReaderConfig { url: self.read_url.clone(), credential })
    }

    fn internal_token(&self, fix: &str) -> Result<SecretString, ConfigError> {
        required_secret(self.internal_token.as_ref(), "INTERNAL_TOKEN", fix)
    }
}

//! Where NATS is.

use common::config::{ConfigError, Settings};
use registry_client::configuration;
use registry_client::connection::NatsSettings;
use secrecy::SecretString;

use super::environment::Environment;

/// The name that NATS shows in its list of connections.
const CLIENT_NAME: &str = "monitor-api";

/// Reads the settings of the connection.
pub(super) fn connection(settings: &Settings, environment: Environment) -> Result<NatsSettings, ConfigError> {
    let nats = configuration::nats(settings, url(settings)?, CLIENT_NAME)?;
    if environment == Environment::Production {
        reject_blacklisted(settings, &nats)?;
    }
    Ok(nats)
}

fn url(settings: &Settings) -> Result<SecretString, ConfigError> {
    if let Some(url) = settings.secret("NATS_URL")? {
        return Ok(url);
    }
    let host = settings.text_or_default("DEFAULT_NATS_HOST");
    let port: u16 = settings.parsed_or_default("NATS_CLIENT_PORT")?;
    Ok(format!("nats://{host}:{port}").into())
}

fn reject_blacklisted(settings: &Settings, nats: &NatsSettings) -> Result<(), ConfigError> {
    let blacklist = settings.text_or_default("PRODUCTION_NATS_HOST_BLACKLIST");
    let is_rejected =
        |host: &String| blacklist.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(host));
    let hosts = nats.hosts().unwrap_or_default();
    let Some(rejected) = hosts.into_iter().find(is_rejected) else { return Ok(()) };
    let problem = format!(
        "the host {rejected} is in PRODUCTION_NATS_HOST_BLACKLIST; set NATS_URL to the NATS of the environment"
    );
    Err(ConfigError::variable("NATS_URL", problem))
}

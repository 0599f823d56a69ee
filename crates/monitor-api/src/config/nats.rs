//! The settings of the connection to NATS.

use async_nats::ServerAddr;
use common::config::{ConfigError, Settings};
use registry_client::connection::{NatsCredentials, NatsSettings};
use secrecy::{ExposeSecret, SecretString};

use super::environment::Environment;

/// The name that NATS shows in its list of connections.
const CLIENT_NAME: &str = "monitor-api";

/// Reads the settings of the connection.
pub(super) fn settings(settings: &Settings, environment: Environment) -> Result<NatsSettings, ConfigError> {
    let url = url(settings)?;
    let servers = servers(url.expose_secret())?;
    if environment == Environment::Production {
        reject_blacklisted(settings, &servers)?;
    }
    Ok(NatsSettings {
        url,
        credentials: credentials(settings)?,
        ca_file: settings.text("NATS_CA_FILE").map(Into::into),
        domain: settings.text("NATS_JS_DOMAIN"),
        client_name: CLIENT_NAME.to_owned(),
    })
}

/// The name of a bucket.
pub(super) fn bucket(settings: &Settings, name: &str) -> Result<String, ConfigError> {
    let bucket = settings.text_or_default(name);
    if bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Ok(bucket);
    }
    let problem = format!("{bucket:?} is not the name of a bucket: use letters, digits, - and _");
    Err(ConfigError::variable(name, problem))
}

fn url(settings: &Settings) -> Result<SecretString, ConfigError> {
    if let Some(url) = settings.secret("NATS_URL")? {
        return Ok(url);
    }
    let host = settings.text_or_default("DEFAULT_NATS_HOST");
    let port: u16 = settings.parsed_or_default("NATS_CLIENT_PORT")?;
    Ok(format!("nats://{host}:{port}").into())
}

/// The errors do not repeat the text, because it may contain a password.
fn servers(urls: &str) -> Result<Vec<ServerAddr>, ConfigError> {
    let wrong = || {
        ConfigError::variable("NATS_URL", "is not a list of URLs such as nats://nats:4222 or tls://nats:4222")
    };
    let servers: Result<Vec<ServerAddr>, _> = urls.split(',').map(|url| url.trim().parse()).collect();
    let servers = servers.map_err(|_| wrong())?;
    let is_supported = |server: &ServerAddr| matches!(server.scheme(), "nats" | "tls");
    if servers.iter().all(is_supported) { Ok(servers) } else { Err(wrong()) }
}

fn reject_blacklisted(settings: &Settings, servers: &[ServerAddr]) -> Result<(), ConfigError> {
    let blacklist = settings.text_or_default("PRODUCTION_NATS_HOST_BLACKLIST");
    let is_rejected = |server: &&ServerAddr| {
        blacklist.split(',').any(|host| host.trim().eq_ignore_ascii_case(server.host()))
    };
    let Some(rejected) = servers.iter().find(is_rejected) else { return Ok(()) };
    let problem = format!(
        "the host {} is in PRODUCTION_NATS_HOST_BLACKLIST; set NATS_URL to the NATS of the environment",
        rejected.host()
    );
    Err(ConfigError::variable("NATS_URL", problem))
}

fn credentials(settings: &Settings) -> Result<Option<NatsCredentials>, ConfigError> {
    let token = settings.secret("NATS_TOKEN")?.map(NatsCredentials::Token);
    let password = match (settings.text("NATS_USER"), settings.secret("NATS_PASSWORD")?) {
        (Some(user), Some(password)) => Some(NatsCredentials::Password { user, password }),
        (None, None) => None,
        (Some(_), None) => return Err(ConfigError::variable("NATS_USER", "NATS_PASSWORD is missing")),
        (None, Some(_)) => return Err(ConfigError::variable("NATS_PASSWORD", "NATS_USER is missing")),
    };
    let file = settings.text("NATS_CREDS_FILE").map(|path| NatsCredentials::CredentialsFile(path.into()));
    let mut given = [token, password, file].into_iter().flatten();
    match (given.next(), given.next()) {
        (credentials, None) => Ok(credentials),
        (_, Some(_)) => Err(ConfigError::variable(
            "NATS_TOKEN",
            "set only one of NATS_TOKEN, NATS_USER with NATS_PASSWORD, and NATS_CREDS_FILE",
        )),
    }
}

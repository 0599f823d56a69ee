//! The variables of a client, and the settings that they make.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::ConnectOptions;
use common::config::{ConfigError, Settings, Variable, input_file};
use secrecy::SecretString;

use crate::connection::certificates::authorities;
use crate::connection::{NatsCredentials, NatsSettings};
use crate::registration::NewInstance;
use crate::settings::RegistrySettings;

/// The URL of NATS. A program that requires NATS declares the variable with a default of its own.
pub const NATS_URL: Variable = Variable::secret(
    "NATS_URL",
    "nats://... or tls://..., several separated by commas; without it, the service does not register",
);

/// The other variables of the connection, and the bucket.
pub const VARIABLES: [Variable; 7] = [
    Variable::secret("NATS_TOKEN", "a token for NATS"),
    Variable::plain("NATS_USER", "a user of NATS, with NATS_PASSWORD").credential(),
    Variable::secret("NATS_PASSWORD", "the password of NATS_USER"),
    Variable::plain("NATS_CREDS_FILE", "a file with a JWT and an NKey for NATS").credential(),
    Variable::plain("NATS_CA_FILE", "certificates of the authorities of NATS, in place of the system's"),
    Variable::plain("NATS_JS_DOMAIN", "the JetStream domain").with_default_described("none"),
    Variable::plain("NATS_KV_BUCKET", "the bucket in which services register")
        .with_default("service_registry"),
];

/// The id of an instance. Kubernetes sets the variable to the name of the pod.
pub const INSTANCE_ID: Variable = Variable::plain("HOSTNAME", "the id of this instance in the registry")
    .with_default_described("the service's name with eight random digits");

/// How often a registered service sends a heartbeat.
pub const HEARTBEAT_INTERVAL: Variable =
    Variable::plain("HEARTBEAT_INTERVAL_SECONDS", "the maximum time between two heartbeats to the registry")
        .with_default("10");

/// The registry in which a service registers, and the instance that it registers.
#[derive(Clone, Debug)]
pub struct RegistrationSettings {
    /// The registry. Registering creates no bucket.
    pub registry: RegistrySettings,
    /// The instance.
    pub instance: NewInstance,
}

impl RegistrationSettings {
    /// Reads the settings of a service; None if `NATS_URL` is not set.
    ///
    /// # Errors
    /// When a setting is wrong.
    ///
    /// # Panics
    /// When the name of the service is not valid, which is an error of the program.
    pub fn from_settings(
        settings: &Settings,
        service: &str,
        version: &str,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(url) = settings.secret(NATS_URL.name)? else { return Ok(None) };
        let instance = NewInstance::new(service, version).expect("the name of the service is valid");
        let instance = match settings.text(INSTANCE_ID.name) {
            Some(id) => instance
                .with_id(&id)
                .map_err(|error| ConfigError::variable(INSTANCE_ID.name, error.to_string()))?,
            None => instance,
        };
        let seconds: NonZeroU32 = settings.parsed_or_default(HEARTBEAT_INTERVAL.name)?;
        let registry = RegistrySettings {
            heartbeat_interval: Duration::from_secs(seconds.get().into()),
            bucket: bucket(settings, "NATS_KV_BUCKET")?,
            // The number of replicas is a decision of whoever deploys NATS.
            new_bucket: None,
            ..RegistrySettings::new(nats(settings, url, service)?)
        };
        Ok(Some(Self { registry, instance }))
    }
}

/// Reads the settings of a connection to this URL.
///
/// # Errors
/// When a setting is wrong. The errors do not repeat the URL, because it may contain a password.
pub fn nats(settings: &Settings, url: SecretString, client_name: &str) -> Result<NatsSettings, ConfigError> {
    let nats = NatsSettings {
        url,
        credentials: credentials(settings)?,
        ca_file: ca_file(settings)?,
        domain: domain(settings)?,
        client_name: client_name.to_owned(),
    };
    let problem = "is not a list of URLs such as nats://nats:4222 or tls://nats:4222; \
                   in a user or a password, write special characters percent-encoded, such as %2F for /";
    nats.hosts().map_err(|_| ConfigError::variable(NATS_URL.name, problem))?;
    Ok(nats)
}

/// Reads the name of a bucket.
///
/// # Errors
/// When NATS does not accept it.
pub fn bucket(settings: &Settings, variable: &str) -> Result<String, ConfigError> {
    let bucket = settings.text_or_default(variable);
    if bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Ok(bucket);
    }
    let problem = format!("{bucket:?} is not the name of a bucket: use letters, digits, - and _");
    Err(ConfigError::variable(variable, problem))
}

/// The file with the certificates of authorities. It is checked even if the URL has no TLS: a server may require it.
fn ca_file(settings: &Settings) -> Result<Option<PathBuf>, ConfigError> {
    let Some((path, text)) = read_file(settings, "NATS_CA_FILE")? else { return Ok(None) };
    if authorities(&text).is_empty() {
        return Err(file_error(
            "NATS_CA_FILE",
            &path,
            "has no certificate in PEM, or one that can't be used",
        ));
    }
    Ok(Some(path))
}

/// Reads a file that a variable names. The client of NATS reads it again, and would wait for the writer of a FIFO.
fn read_file(settings: &Settings, variable: &str) -> Result<Option<(PathBuf, Vec<u8>)>, ConfigError> {
    let Some(path) = settings.text(variable).map(PathBuf::from) else { return Ok(None) };
    let text = input_file::read(&path, input_file::MAX_BYTES);
    let text = text.map_err(|error| file_error(variable, &path, &error.to_string()))?;
    Ok(Some((path, text)))
}

fn file_error(variable: &str, path: &Path, problem: &str) -> ConfigError {
    ConfigError::variable(variable, format!("{}: {problem}", path.display()))
}

/// The JetStream domain, which is one token of the subjects of JetStream.
fn domain(settings: &Settings) -> Result<Option<String>, ConfigError> {
    const NAME: &str = "NATS_JS_DOMAIN";
    let Some(domain) = settings.text(NAME) else { return Ok(None) };
    if domain.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'.' | b'*' | b'>')) {
        return Ok(Some(domain));
    }
    let problem = format!("{domain:?} is not a domain: use no spaces, dots, * or >");
    Err(ConfigError::variable(NAME, problem))
}

fn check_credentials_file(settings: &Settings) -> Result<(), ConfigError> {
    let Some((path, text)) = read_file(settings, "NATS_CREDS_FILE")? else { return Ok(()) };
    // The client's own error could contain a part of the file.
    match String::from_utf8(text).map(|text| ConnectOptions::with_credentials(&text)) {
        Ok(Ok(_)) => Ok(()),
        _ => {
            let problem =
                "has no JWT with the seed of an NKey; name a file that `nsc generate creds` has written";
            Err(file_error("NATS_CREDS_FILE", &path, problem))
        }
    }
}

fn credentials(settings: &Settings) -> Result<Option<NatsCredentials>, ConfigError> {
    let token = settings.secret("NATS_TOKEN")?.map(NatsCredentials::Token);
    let password = match (settings.text("NATS_USER"), settings.secret("NATS_PASSWORD")?) {
        (Some(user), Some(password)) => Some(NatsCredentials::Password { user, password }),
        (None, None) => None,
        (Some(_), None) => return Err(ConfigError::variable("NATS_USER", "NATS_PASSWORD is missing")),
        (None, Some(_)) => return Err(ConfigError::variable("NATS_PASSWORD", "NATS_USER is missing")),
    };
    let file = settings.text("NATS_CREDS_FILE").map(PathBuf::from).map(NatsCredentials::CredentialsFile);
    let mut given = [token, password, file].into_iter().flatten();
    match (given.next(), given.next()) {
        (credentials, None) => {
            check_credentials_file(settings)?;
            Ok(credentials)
        }
        (_, Some(_)) => Err(ConfigError::variable(
            "NATS_TOKEN",
            "set only one of NATS_TOKEN, NATS_USER with NATS_PASSWORD, and NATS_CREDS_FILE",
        )),
    }
}

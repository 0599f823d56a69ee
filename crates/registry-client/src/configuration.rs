//! The variables of a client, and the settings that they make.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use common::config::{ConfigError, Settings, Variable, input_file};
use secrecy::SecretString;

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
    Variable::plain("NATS_CA_FILE", "certificates of the authorities of NATS, in addition to the system's"),
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
        ca_file: file(settings, "NATS_CA_FILE")?,
        domain: settings.text("NATS_JS_DOMAIN"),
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

/// The path of a file. The client of NATS reads it, and would wait for the writer of a FIFO.
fn file(settings: &Settings, variable: &str) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = settings.text(variable).map(PathBuf::from) else { return Ok(None) };
    match input_file::open(&path) {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(ConfigError::variable(variable, format!("{}: {error}", path.display())))
        }
        _ => Ok(Some(path)),
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
    let file = file(settings, "NATS_CREDS_FILE")?.map(NatsCredentials::CredentialsFile);
    let mut given = [token, password, file].into_iter().flatten();
    match (given.next(), given.next()) {
        (credentials, None) => Ok(credentials),
        (_, Some(_)) => Err(ConfigError::variable(
            "NATS_TOKEN",
            "set only one of NATS_TOKEN, NATS_USER with NATS_PASSWORD, and NATS_CREDS_FILE",
        )),
    }
}

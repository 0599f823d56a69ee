//! The settings. All of them are read and checked before the program does anything else.

mod environment;
mod nats;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use common::config::{ConfigError, Settings, Variable};
use common::service::{self, ServiceConfig};
use common::{auth, telemetry};
use jiff::SignedDuration;
use registry_client::configuration::bucket;
use registry_client::connection::NatsSettings;

pub use self::environment::Environment;

/// The port if nothing is set.
const DEFAULT_PORT: u16 = 8100;
/// The limits of `STALE_THRESHOLD_SECONDS`.
const STALE_THRESHOLD_SECONDS: std::ops::RangeInclusive<i64> = 1..=300;

const OWN: [Variable; 11] = [
    Variable::plain(
        "LISTEN_ADDR",
        "the address and port to serve on, [::] for both IP families; it replaces API_PORT",
    )
    .with_default("[::]:8100"),
    Variable::plain("API_PORT", "the port to serve on").with_default_described("API_CONTAINER_PORT, or 8100"),
    Variable::plain("API_CONTAINER_PORT", "the port if API_PORT is not set"),
    Variable::secret("NATS_URL", "nats://... or tls://..., several separated by commas")
        .with_default_described("nats://DEFAULT_NATS_HOST:NATS_CLIENT_PORT"),
    Variable::plain("DEFAULT_NATS_HOST", "the host of NATS if NATS_URL is not set").with_default("localhost"),
    Variable::plain("NATS_CLIENT_PORT", "the port of NATS if NATS_URL is not set").with_default("4222"),
    Variable::plain(
        "STALE_THRESHOLD_SECONDS",
        "instances whose last heartbeat is older are hidden; 1 to 300",
    )
    .with_default("35"),
    Variable::plain("ENVIRONMENT", "development, staging or production").with_default("development"),
    Variable::plain("PRODUCTION_NATS_HOST_BLACKLIST", "hosts of NATS that are errors in production")
        .with_default("localhost,127.0.0.1"),
    Variable::plain("DEPLOYMENT_VERSION", "the version that /status reports, as v1.2.3 or v1.2.3-word")
        .with_default("v1.0.0-demo"),
    Variable::plain("DEFINITIONS_BUCKET", "the bucket of the definitions")
        .with_default("service_definitions"),
];

/// Every variable that is read.
pub static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let of_services = service::VARIABLES.into_iter().filter(|variable| variable.name != "LISTEN_ADDR");
    let shared = auth::VARIABLES.into_iter().chain(telemetry::VARIABLES);
    OWN.into_iter()
        .chain(registry_client::configuration::VARIABLES)
        .chain(of_services)
        .chain(shared)
        .collect()
});

/// The settings of this program.
pub struct Config {
    /// The listener and its limits.
    pub service: ServiceConfig,
    /// Where NATS is, and how to authenticate.
    pub nats: NatsSettings,
    /// The buckets.
    pub buckets: BucketNames,
    /// Instances whose last heartbeat is older are hidden.
    pub stale_threshold: SignedDuration,
    /// The environment.
    pub environment: Environment,
    /// The version that `/status` reports.
    pub deployment_version: String,
    settings: Settings,
}

/// The names of the buckets.
#[derive(Clone, Debug)]
pub struct BucketNames {
    /// The bucket in which services register themselves.
    pub instances: String,
    /// The bucket of the definitions.
    pub definitions: String,
}

impl BucketNames {
    /// Reads the names. Instances expire and definitions do not, so they need two buckets.
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let instances = bucket(settings, "NATS_KV_BUCKET")?;
        let definitions = bucket(settings, "DEFINITIONS_BUCKET")?;
        if instances == definitions {
            let problem =
                format!("{definitions} is the bucket of NATS_KV_BUCKET too; set them to different buckets");
            return Err(ConfigError::variable("DEFINITIONS_BUCKET", problem));
        }
        Ok(Self { instances, definitions })
    }
}

impl Config {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let environment = settings.parsed_or_default("ENVIRONMENT")?;
        let listen_address = listen_address(&settings)?;
        let buckets = BucketNames::from_settings(&settings)?;
        Ok(Self {
            service: ServiceConfig { listen_address, ..ServiceConfig::from_settings(&settings)? },
            nats: nats::connection(&settings, environment)?,
            buckets,
            stale_threshold: stale_threshold(&settings)?,
            environment,
            deployment_version: environment::deployment_version(&settings)?,
            settings,
        })
    }

    /// The settings that `common` reads.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The address to serve on: `LISTEN_ADDR`, or all addresses with the first port that is set.
///
/// # Errors
/// When the value is not an address or a port.
pub fn listen_address(settings: &Settings) -> Result<SocketAddr, ConfigError> {
    if let Some(address) = settings.parsed("LISTEN_ADDR")? {
        return Ok(address);
    }
    let port = match settings.parsed("API_PORT")? {
        Some(port) => port,
        None => settings.parsed("API_CONTAINER_PORT")?.unwrap_or(DEFAULT_PORT),
    };
    Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
}

fn stale_threshold(settings: &Settings) -> Result<SignedDuration, ConfigError> {
    let name = "STALE_THRESHOLD_SECONDS";
    let seconds: i64 = settings.parsed_or_default(name)?;
    if STALE_THRESHOLD_SECONDS.contains(&seconds) {
        return Ok(SignedDuration::from_secs(seconds));
    }
    Err(ConfigError::variable(name, format!("{seconds} is not between 1 and 300")))
}

#[cfg(test)]
mod tests;

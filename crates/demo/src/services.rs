//! Services that register themselves, as those of a trading stack do.

use std::error::Error;
use std::time::Duration;

use registry_client::connection::NatsSettings;
use registry_client::instance::InstanceStatus;
use registry_client::registration::{NewInstance, Registration};
use registry_client::registry::Registry;
use registry_client::settings::RegistrySettings;

/// The maximum time between two heartbeats. In production it is 10 s.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// The registered services.
pub(crate) struct Services {
    /// These stay.
    pub(crate) staying: Vec<Registration>,
    /// This one dies.
    pub(crate) dying: Registration,
    /// This one deregisters.
    pub(crate) leaving: Registration,
}

/// Registers a handful of services.
///
/// # Errors
/// If the client can't be created.
pub(crate) async fn register(nats_url: &str) -> Result<Services, Box<dyn Error>> {
    let nats = NatsSettings {
        url: nats_url.into(),
        credentials: None,
        ca_file: None,
        domain: None,
        client_name: "demo".to_owned(),
    };
    let settings = RegistrySettings { heartbeat_interval: HEARTBEAT_INTERVAL, ..RegistrySettings::new(nats) };
    let registry = Registry::start(settings).await?;
    let standby = registry.register(NewInstance::new("market-data", "2.4.1")?);
    standby.set_status(InstanceStatus::Standby);
    let staying = vec![
        registry.register(NewInstance::new("market-data", "2.4.1")?),
        standby,
        registry.register(NewInstance::new("order-router", "1.9.0")?),
    ];
    Ok(Services {
        staying,
        dying: registry.register(NewInstance::new("risk-engine", "3.0.2")?),
        leaving: registry.register(NewInstance::new("reporting", "1.1.0")?),
    })
}

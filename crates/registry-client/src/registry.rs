//! The registry as a service uses it.

use crate::connection::{NatsConnection, NatsSettingsError};
use crate::discovery::Discovery;
use crate::registration::{NewInstance, Registration};
use crate::settings::RegistrySettings;

/// A client of the registry.
#[derive(Clone, Debug)]
pub struct Registry {
    connection: NatsConnection,
    settings: RegistrySettings,
}

impl Registry {
    /// Starts to connect, and returns at once, whether or not NATS is there.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub async fn start(settings: RegistrySettings) -> Result<Self, NatsSettingsError> {
        Ok(Self { connection: NatsConnection::start(&settings.nats).await?, settings })
    }

    /// Registers an instance, and sends its heartbeats. Returns at once, whether or not NATS is there.
    pub fn register(&self, instance: NewInstance) -> Registration {
        Registration::start(&self.connection, &self.settings, instance)
    }

    /// A live view of the instances of all services.
    pub fn discover(&self) -> Discovery {
        Discovery::start(&self.connection, &self.settings)
    }

    /// The connection.
    pub fn connection(&self) -> &NatsConnection {
        &self.connection
    }
}

//! The settings of a client of the registry.

use std::time::Duration;

use jiff::SignedDuration;

use crate::bucket::NewBucket;
use crate::connection::NatsSettings;

/// The settings of a client of the registry.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Where NATS is.
    pub nats: NatsSettings,
    /// The name of the bucket.
    pub bucket: String,
    /// The maximum time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// The age of the last heartbeat after which discovery hides an instance.
    pub stale_threshold: SignedDuration,
    /// The settings of the bucket that a registration creates if there is none; None if it must not create one.
    pub new_bucket: Option<NewBucket>,
}

impl RegistrySettings {
    /// The bucket `service_registry` with heartbeats every 10 s. It is created on one server if it is absent.
    pub fn new(nats: NatsSettings) -> Self {
        Self {
            nats,
            bucket: "service_registry".to_owned(),
            heartbeat_interval: Duration::from_secs(10),
            stale_threshold: SignedDuration::from_secs(35),
            new_bucket: Some(NewBucket::default()),
        }
    }
}

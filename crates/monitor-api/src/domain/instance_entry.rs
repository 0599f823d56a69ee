//! One instance as the cache holds it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use registry_client::instance::{Instance, InstanceStatus, UnreadableEntry};

/// One instance as the cache holds it. The instance is kept as JSON, so that lists share it.
#[derive(Clone, Debug)]
pub struct InstanceEntry {
    /// The service's name, from the value of the entry.
    pub service: Arc<str>,
    /// The instance's id, from the value of the entry.
    pub id: Arc<str>,
    /// The version that the instance reports.
    pub version: Box<str>,
    /// The status that the instance reports.
    pub status: InstanceStatus,
    /// The time of the last heartbeat by the instance's clock.
    pub heartbeat: Timestamp,
    /// The time of the last heartbeat by the clock of NATS.
    pub stored_at: Timestamp,
    /// The revision of the bucket that wrote the entry.
    pub revision: u64,
    /// The instance as compact JSON.
    pub json: Arc<str>,
}

impl InstanceEntry {
    /// Reads the value of an entry.
    ///
    /// # Errors
    /// When the value is not an instance.
    pub fn read(value: &[u8], revision: u64, stored_at: Timestamp) -> Result<Self, UnreadableEntry> {
        let instance = Instance::parse(value)?;
        let json = instance.to_json().into();
        Ok(Self {
            service: instance.service_name.into(),
            id: instance.instance_id.into(),
            version: instance.version.into(),
            status: instance.status,
            heartbeat: instance.last_heartbeat.time,
            stored_at,
            revision,
            json,
        })
    }

    /// The instance's clock minus the clock of NATS, in seconds with milliseconds. It includes the time of the transfer.
    pub fn clock_skew_seconds(&self) -> f64 {
        seconds(self.heartbeat.duration_since(self.stored_at))
    }

    /// The age of the last heartbeat, in seconds with milliseconds; 0 for a heartbeat in the future.
    pub fn age_seconds(&self, now: Timestamp) -> f64 {
        seconds(now.duration_since(self.heartbeat)).max(0.0)
    }

    /// The last moment at which the instance is not stale. Staleness is strict: it begins after this moment.
    pub fn deadline(&self, threshold: SignedDuration) -> Timestamp {
        self.heartbeat.checked_add(threshold).unwrap_or(Timestamp::MAX)
    }
}

fn seconds(duration: SignedDuration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

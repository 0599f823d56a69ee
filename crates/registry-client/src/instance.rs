//! Instances of services, as the registry's bucket holds them.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The status that an instance reports.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum InstanceStatus {
    /// It works.
    Active,
    /// It is ready to replace an active instance.
    Standby,
    /// It does not work.
    Unhealthy,
    /// It is shutting down.
    Shutdown,
}

impl InstanceStatus {
    /// The word in the bucket.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Standby => "STANDBY",
            Self::Unhealthy => "UNHEALTHY",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// The time of a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// As stored.
    pub text: String,
    /// The time.
    pub time: Timestamp,
}

/// An instance of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The service's name.
    pub service_name: String,
    /// The instance's id.
    pub instance_id: String,
    /// The version.
    pub version: String,
    /// The status.
    pub status: InstanceStatus,
    /// The last heartbeat.
    pub last_heartbeat: Heartbeat,
    /// The sticky group.
    pub sticky_active_group: Option<String>,
    /// Further data.
    pub metadata: Map<String, Value>,
}

/// An entry that is not an instance.
#[derive(Debug, thiserror::Error)]
#[error("not an instance: {0}")]
pub struct UnreadableEntry(String);

impl Instance {
    /// Reads an entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnreadableEntry> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| UnreadableEntry(error.to_string()))?;
        let text = |name: &str| {
            let text = value.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| UnreadableEntry(format!("{name} is missing")))
        };
        let heartbeat = text("lastHeartbeat")?;
        let time = heartbeat.parse().map_err(|error: jiff::Error| UnreadableEntry(error.to_string()))?;
        let status = match text("status").as_deref() {
            Ok("ACTIVE") => InstanceStatus::Active,
            Ok("STANDBY") => InstanceStatus::Standby,
            Ok("SHUTDOWN") => InstanceStatus::Shutdown,
            _ => InstanceStatus::Unhealthy,
        };
        Ok(Self {
            service_name: text("serviceName")?,
            instance_id: text("instanceId")?,
            version: text("version").unwrap_or_else(|_| "0.0.0".to_owned()),
            status,
            last_heartbeat: Heartbeat { text: heartbeat, time },
            sticky_active_group: text("stickyActiveGroup").ok(),
            metadata: value.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }

    /// The compact JSON of the bucket.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "serviceName": self.service_name, "instanceId": self.instance_id, "version": self.version,
            "status": self.status.as_str(), "lastHeartbeat": self.last_heartbeat.text,
            "stickyActiveGroup": self.sticky_active_group, "metadata": self.metadata,
        })
        .to_string()
    }
}

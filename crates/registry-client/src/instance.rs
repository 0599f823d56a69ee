//! Instances of services, as the registry's bucket holds them.

mod lenient_json;
mod metadata;
mod read;

use jiff::Timestamp;

pub use self::metadata::Metadata;
pub use self::read::UnreadableEntry;

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
    /// As stored; with the offset of UTC if the stored time is a number or has no offset.
    pub text: String,
    /// The time. Those after [`Timestamp::MAX`], in the last hours of the year 9999, are this one.
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
    pub metadata: Metadata,
}

impl Instance {
    /// Reads an entry. Accepted are:
    ///
    /// - names in `camelCase` and in `snake_case`;
    /// - a missing version or status;
    /// - times without an offset, which are UTC;
    /// - Unix times in seconds, milliseconds, microseconds or nanoseconds, as numbers or texts. The unit is the first one with
    ///   which the year is not after 9999, so each unit covers the years from 1978;
    /// - metadata of another type than an object, which becomes the value `reported_metadata`.
    ///
    /// # Errors
    /// When it is not JSON, or has no name, id or heartbeat that can be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnreadableEntry> {
        read::read(bytes)
    }

    /// The compact JSON of the bucket.
    pub fn to_json(&self) -> String {
        let fields = serde_json::json!({
            "serviceName": self.service_name, "instanceId": self.instance_id, "version": self.version,
            "status": self.status.as_str(), "lastHeartbeat": self.last_heartbeat.text,
            "stickyActiveGroup": self.sticky_active_group,
        });
        let fields = fields.to_string();
        format!("{},\"metadata\":{}}}", fields.trim_end_matches('}'), self.metadata.as_json())
    }
}

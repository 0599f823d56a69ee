//! The changes that event streams report.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::clock::utc_text;
use super::connection::{Bucket, Connection};
use super::instance_entry::InstanceEntry;

/// Why an instance was removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RemovalReason {
    /// Its key was deleted: the instance deregistered itself.
    Deleted,
    /// Its entry exceeded the bucket's maximum age.
    Expired,
    /// Its key no longer existed when the bucket was read again.
    Swept,
    /// Its entry was overwritten with something that can't be read.
    Unreadable,
    /// Its entry was overwritten with another instance.
    Replaced,
}

impl RemovalReason {
    /// The word for the reason in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Expired => "expired",
            Self::Swept => "swept",
            Self::Unreadable => "unreadable",
            Self::Replaced => "replaced",
        }
    }
}

/// A change of the registry.
#[derive(Clone, Debug)]
pub enum RegistryEvent {
    /// An instance registered itself, sent a heartbeat or changed.
    Put {
        /// The instance as compact JSON.
        json: Arc<str>,
        /// The revision of the bucket.
        revision: u64,
        /// The instance's clock minus the clock of NATS.
        clock_skew_seconds: f64,
        /// Whether the instance is hidden, because this heartbeat is too old.
        is_stale: bool,
    },
    /// An instance was removed.
    Removed {
        /// The service's name.
        service: Arc<str>,
        /// The instance's id.
        id: Arc<str>,
        /// The revision of the bucket.
        revision: u64,
        /// Why.
        reason: RemovalReason,
    },
    /// The last heartbeat of an instance is too old now, so the instance is hidden.
    Stale {
        /// The service's name.
        service: Arc<str>,
        /// The instance's id.
        id: Arc<str>,
        /// The revision of the instance's last heartbeat.
        revision: u64,
    },
    /// A definition was created, changed or deleted.
    Definition {
        /// The service's name.
        name: Arc<str>,
        /// The definition as compact JSON; None when it was deleted.
        json: Option<Arc<str>>,
        /// The revision of the bucket.
        revision: u64,
    },
    /// The connection to a bucket changed.
    State {
        /// The bucket.
        bucket: Bucket,
        /// The connection.
        connection: Connection,
        /// When it changed.
        at: Timestamp,
    },
}

#[derive(Serialize)]
struct PutData<'j> {
    instance: &'j RawValue,
    revision: u64,
    clock_skew_seconds: f64,
    stale: bool,
}

#[derive(Serialize)]
struct DefinitionData<'j> {
    service_name: &'j str,
    service: Option<&'j RawValue>,
    revision: u64,
}

impl RegistryEvent {
    pub(super) fn put(entry: &InstanceEntry, is_stale: bool) -> Self {
        Self::Put {
            json: Arc::clone(&entry.json),
            revision: entry.revision,
            clock_skew_seconds: entry.clock_skew_seconds(),
            is_stale,
        }
    }

    pub(super) fn removed(entry: &InstanceEntry, revision: u64, reason: RemovalReason) -> Self {
        let (service, id) = (Arc::clone(&entry.service), Arc::clone(&entry.id));
        Self::Removed { service, id, revision, reason }
    }

    pub(super) fn stale(entry: &InstanceEntry) -> Self {
        let (service, id) = (Arc::clone(&entry.service), Arc::clone(&entry.id));
        Self::Stale { service, id, revision: entry.revision }
    }

    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Removed { .. } => "removed",
            Self::Stale { .. } => "stale",
            Self::Definition { .. } => "definition",
            Self::State { bucket: Bucket::Instances, .. } => "state",
            Self::State { bucket: Bucket::Definitions, .. } => "definitions_state",
        }
    }

    /// The event's data as JSON on one line.
    ///
    /// # Panics
    /// When an entry's JSON is malformed, which is an error of the program.
    pub fn data(&self) -> String {
        match self {
            Self::Put { json, revision, clock_skew_seconds, is_stale } => to_json(&PutData {
                instance: raw(json),
                revision: *revision,
                clock_skew_seconds: *clock_skew_seconds,
                stale: *is_stale,
            }),
            Self::Removed { service, id, revision, reason } => json!({
                "service_name": &**service, "instance_id": &**id, "revision": revision, "reason": reason.as_str(),
            })
            .to_string(),
            Self::Stale { service, id, revision } => {
                json!({ "service_name": &**service, "instance_id": &**id, "revision": revision }).to_string()
            }
            Self::Definition { name, json, revision } => to_json(&DefinitionData {
                service_name: name,
                service: json.as_deref().map(raw),
                revision: *revision,
            }),
            Self::State { connection, at, .. } => {
                json!({ "state": connection.as_str(), "at": utc_text(*at) }).to_string()
            }
        }
    }

    /// About how much memory the event takes. JSON that the cache holds too is counted in full.
    pub(super) fn size(&self) -> usize {
        let text = match self {
            Self::Put { json, .. } => json.len(),
            Self::Removed { service, id, .. } | Self::Stale { service, id, .. } => service.len() + id.len(),
            Self::Definition { name, json, .. } => name.len() + json.as_ref().map_or(0, |json| json.len()),
            Self::State { .. } => 0,
        };
        size_of::<Self>() + text
    }
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).expect("the cache holds JSON")
}

fn to_json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("the data is serializable")
}

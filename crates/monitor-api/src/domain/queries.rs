//! What requests read from the state.

use std::sync::Arc;

use jiff::Timestamp;
use registry_client::instance::InstanceStatus;

use super::connection::Bucket;
use super::definition::StoredDefinition;
use super::instance_entry::InstanceEntry;
use super::json_array::JsonArray;
use super::state::{CopyFailure, DefinitionEntry, RegistryState};
use super::unreadable::UnreadableKey;

/// The maximum number of unreadable keys in a report.
const MAX_REPORTED_KEYS: usize = 100;

/// Selects instances of a list.
#[derive(Clone, Copy, Debug)]
pub enum InstanceFilter<'f> {
    /// All instances.
    All,
    /// The instances of a service.
    Service(&'f str),
    /// The instances with a status.
    Status(InstanceStatus),
}

/// Counts of the registry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RegistryCounts {
    /// Instances that are not stale.
    pub visible: usize,
    /// Of these, those whose status is ACTIVE.
    pub active: usize,
    /// Of these, those whose status is STANDBY.
    pub standby: usize,
    /// Of these, those whose status is UNHEALTHY.
    pub unhealthy: usize,
    /// Of these, those whose status is SHUTDOWN.
    pub shutdown: usize,
    /// Instances that are hidden, because their last heartbeat is too old.
    pub stale: usize,
    /// Services with at least one instance that is not stale.
    pub services: usize,
    /// Definitions.
    pub definitions: usize,
    /// Entries that can't be read.
    pub unreadable: usize,
    /// Definitions that can't be copied to the bucket of instances.
    pub uncopied: usize,
}

/// An instance of a report.
#[derive(Clone, Debug)]
pub struct InstanceRow {
    /// The key of the bucket.
    pub key: String,
    /// The instance.
    pub entry: InstanceEntry,
    /// The age of its last heartbeat in seconds.
    pub age_seconds: f64,
    /// Whether it is hidden, because its last heartbeat is too old.
    pub is_stale: bool,
}

/// Everything that the cache holds.
#[derive(Clone, Debug)]
pub struct RegistryContents {
    /// All instances, including stale ones.
    pub instances: Vec<InstanceRow>,
    /// The definitions.
    pub definitions: Vec<StoredDefinition>,
    /// The first entries that can't be read.
    pub unreadable: Vec<(String, UnreadableKey)>,
    /// Why definitions can't be copied to the bucket of instances; None if they can.
    pub copy_failure: Option<CopyFailure>,
    /// The counts.
    pub counts: RegistryCounts,
}

impl RegistryState {
    /// The selected instances that are not stale.
    pub fn instances_json(&self, filter: InstanceFilter<'_>, now: Timestamp) -> JsonArray {
        let now = self.effective_time(now);
        let json = |entry: &InstanceEntry| Arc::clone(&entry.json);
        match filter {
            InstanceFilter::All => self.instances.visible(now).map(json).collect(),
            InstanceFilter::Service(service) => self.instances.visible_of(service, now).map(json).collect(),
            InstanceFilter::Status(status) => {
                self.instances.visible(now).filter(|entry| entry.status == status).map(json).collect()
            }
        }
    }

    /// An instance that is not stale, as JSON.
    pub fn instance_json(&self, service: &str, id: &str, now: Timestamp) -> Option<Arc<str>> {
        let now = self.effective_time(now);
        self.instances.find(service, id, now).map(|entry| Arc::clone(&entry.json))
    }

    /// A definition as JSON.
    pub fn definition_json(&self, name: &str) -> Option<Arc<str>> {
        self.definitions.get(name).map(|entry| Arc::clone(&entry.json))
    }

    /// The definitions, in the order of their names.
    pub fn definitions_json(&self) -> JsonArray {
        self.definitions.values().map(|entry| Arc::clone(&entry.json)).collect()
    }

    /// The name, the revision and the JSON of each definition, in the order of the names.
    pub fn definition_values(&self) -> Vec<(Arc<str>, u64, Arc<str>)> {
        let value = |(name, entry): (&Arc<str>, &DefinitionEntry)| {
            (Arc::clone(name), entry.stored.revision, Arc::clone(&entry.json))
        };
        self.definitions.iter().map(value).collect()
    }

    /// The number of definitions, and that of the other keys of their bucket.
    pub fn definition_bucket_keys(&self) -> (usize, usize) {
        (self.definitions.len(), self.unreadable.count_of(Bucket::Definitions))
    }

    /// Counts everything.
    pub fn counts(&self, now: Timestamp) -> RegistryCounts {
        let now = self.effective_time(now);
        let mut counts = RegistryCounts {
            definitions: self.definitions.len(),
            unreadable: self.unreadable.count(),
            uncopied: self.copy_failure().map_or(0, |failure| failure.definitions),
            ..RegistryCounts::default()
        };
        let mut last_service = None;
        counts.stale = self.instances.all().filter(|(_, entry)| self.instances.is_stale(entry, now)).count();
        for entry in self.instances.visible(now) {
            counts.visible += 1;
            // The instances of a service follow one another.
            if last_service.replace(&entry.service) != Some(&entry.service) {
                counts.services += 1;
            }
            match entry.status {
                InstanceStatus::Active => counts.active += 1,
                InstanceStatus::Standby => counts.standby += 1,
                InstanceStatus::Unhealthy => counts.unhealthy += 1,
                InstanceStatus::Shutdown => counts.shutdown += 1,
            }
        }
        counts
    }

    /// The greatest clock skew of the instances, in seconds, without its sign.
    pub fn max_clock_skew_seconds(&self) -> f64 {
        self.instances.all().map(|(_, entry)| entry.clock_skew_seconds().abs()).fold(0.0, f64::max)
    }

    /// Everything that the cache holds.
    pub fn contents(&self, now: Timestamp) -> RegistryContents {
        let effective = self.effective_time(now);
        let row = |(key, entry): (&str, &InstanceEntry)| InstanceRow {
            key: key.to_owned(),
            age_seconds: entry.age_seconds(now),
            is_stale: self.instances.is_stale(entry, effective),
            entry: entry.clone(),
        };
        RegistryContents {
            instances: self.instances.all().map(row).collect(),
            definitions: self.definitions.values().map(|entry| entry.stored.clone()).collect(),
            unreadable: self.unreadable.first(MAX_REPORTED_KEYS),
            copy_failure: self.copy_failure().cloned(),
            counts: self.counts(now),
        }
    }
}

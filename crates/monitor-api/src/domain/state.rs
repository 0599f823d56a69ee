//! The state of the registry, as plain data: changes go in, events come out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::connection::{Bucket, BucketCondition, Connection};
use super::definition::{Definition, StoredDefinition};
use super::event::{RegistryEvent, RemovalReason};
use super::event_ring::EventRing;
use super::instance_entry::InstanceEntry;
use super::instances::Instances;
use super::unreadable::UnreadableKeys;

/// A message that was written to a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Write<'w> {
    /// The key.
    pub key: &'w str,
    /// The value.
    pub value: &'w [u8],
    /// The revision of the bucket.
    pub revision: u64,
    /// When NATS stored it.
    pub stored_at: Timestamp,
}

/// A definition of the cache, with its JSON.
#[derive(Clone, Debug)]
pub struct DefinitionEntry {
    /// The definition with its revision.
    pub stored: StoredDefinition,
    /// The definition as compact JSON.
    pub json: Arc<str>,
}

/// Definitions can't be copied to the bucket of instances.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopyFailure {
    /// The number of definitions.
    pub definitions: usize,
    /// Since when, without a success in between.
    pub since: Timestamp,
    /// What happened, and what to do.
    pub problem: String,
}

/// The state of the registry.
#[derive(Debug)]
pub struct RegistryState {
    pub(super) instances: Instances,
    pub(super) definitions: BTreeMap<Arc<str>, DefinitionEntry>,
    pub(super) unreadable: UnreadableKeys,
    pub(super) events: EventRing,
    instance_bucket: BucketCondition,
    definition_bucket: BucketCondition,
    copy_failure: Option<CopyFailure>,
}

impl RegistryState {
    /// The state before anything was read.
    pub fn new(stale_threshold: SignedDuration) -> Self {
        Self {
            instances: Instances::new(stale_threshold),
            definitions: BTreeMap::new(),
            unreadable: UnreadableKeys::default(),
            events: EventRing::with_random_start(),
            instance_bucket: BucketCondition::default(),
            definition_bucket: BucketCondition::default(),
            copy_failure: None,
        }
    }

    /// The condition of a bucket.
    pub fn bucket(&self, bucket: Bucket) -> &BucketCondition {
        match bucket {
            Bucket::Instances => &self.instance_bucket,
            Bucket::Definitions => &self.definition_bucket,
        }
    }

    /// The time that decides which instances are stale.
    pub fn effective_time(&self, now: Timestamp) -> Timestamp {
        self.instance_bucket.effective_time(now)
    }

    /// Applies the state of the connection to a bucket.
    pub fn set_connection(&mut self, bucket: Bucket, connection: Connection, now: Timestamp) {
        let condition = match bucket {
            Bucket::Instances => &mut self.instance_bucket,
            Bucket::Definitions => &mut self.definition_bucket,
        };
        if condition.set(connection, now) {
            self.events.push(RegistryEvent::State { bucket, connection, at: now });
        }
    }

    /// Applies a write of an instance's key.
    pub fn put_instance(&mut self, write: Write<'_>, now: Timestamp) {
        let Write { key, value, revision, stored_at } = write;
        match InstanceEntry::read(value, revision, stored_at) {
            Ok(entry) => {
                self.unreadable.remove(Bucket::Instances, key);
                let now = self.effective_time(now);
                let stale = RegistryEvent::put(&entry, true);
                let (service, id) = (Arc::clone(&entry.service), Arc::clone(&entry.id));
                let replaced = self.instances.put(key, entry, now);
                if let Some(replaced) = replaced.filter(|old| (&old.service, &old.id) != (&service, &id)) {
                    self.report_removal(&replaced, revision, RemovalReason::Replaced, now);
                }
                let visible = self.instances.find(&service, &id, now);
                self.events.push(visible.map_or(stale, |visible| RegistryEvent::put(visible, false)));
            }
            Err(error) => {
                if let Some(entry) = self.instances.remove(key) {
                    let now = self.effective_time(now);
                    self.report_removal(&entry, revision, RemovalReason::Unreadable, now);
                }
                self.unreadable.put(Bucket::Instances, key, revision, &error.to_string());
            }
        }
    }

    /// Applies the removal of an instance's key.
    pub fn remove_instance(&mut self, key: &str, revision: u64, reason: RemovalReason, now: Timestamp) {
        self.unreadable.remove(Bucket::Instances, key);
        if let Some(entry) = self.instances.remove(key) {
            self.report_removal(&entry, revision, reason, self.effective_time(now));
        }
    }

    /// Applies a write of a key of the bucket of instances that is neither an instance nor a definition.
    pub fn put_unreadable(&mut self, key: &str, revision: u64, problem: &str) {
        self.unreadable.put(Bucket::Instances, key, revision, problem);
    }

    /// Applies a write or a removal of a key of the bucket of instances that is not an instance and can be read, or is gone.
    pub fn remove_unreadable(&mut self, key: &str) {
        self.unreadable.remove(Bucket::Instances, key);
    }

    /// Applies a write of a definition.
    pub fn put_definition(&mut self, write: Write<'_>) {
        let Write { key, value, revision, stored_at } = write;
        match Definition::read(key, value, stored_at) {
            Ok(definition) => {
                self.unreadable.remove(Bucket::Definitions, key);
                let json: Arc<str> = definition.to_json().into();
                let stored = StoredDefinition { definition, revision };
                let entry = DefinitionEntry { stored, json: Arc::clone(&json) };
                let name: Arc<str> = key.into();
                self.definitions.insert(Arc::clone(&name), entry);
                self.events.push(RegistryEvent::Definition { name, json: Some(json), revision });
            }
            Err(error) => {
                self.forget_definition(key, revision);
                self.unreadable.put(Bucket::Definitions, key, revision, &error.to_string());
            }
        }
    }

    /// Applies the removal of a definition.
    pub fn remove_definition(&mut self, key: &str, revision: u64) {
        self.unreadable.remove(Bucket::Definitions, key);
        self.forget_definition(key, revision);
    }

    /// Sets how many definitions can't be copied and why; None: all of them are copied. Returns whether this begins or ends.
    pub fn set_copy_failure(&mut self, failure: Option<(usize, String)>, now: Timestamp) -> bool {
        let since = self.copy_failure.as_ref().map_or(now, |failure| failure.since);
        let failure = failure.map(|(definitions, problem)| CopyFailure { definitions, since, problem });
        let changed = failure.is_some() != self.copy_failure.is_some();
        self.copy_failure = failure;
        changed
    }

    /// Why definitions can't be copied; None if they can.
    pub fn copy_failure(&self) -> Option<&CopyFailure> {
        self.copy_failure.as_ref()
    }

    /// Reports the instances that have become stale since the last call. Returns the moment after which the next one does;
    /// None while NATS is unavailable.
    pub fn mark_stale(&mut self, now: Timestamp) -> Option<Timestamp> {
        let effective = self.effective_time(now);
        while let Some(key) = self.instances.take_stale(effective) {
            let Some(entry) = self.instances.get(&key) else { continue };
            let event = self.event_without(entry, effective).unwrap_or_else(|| RegistryEvent::stale(entry));
            self.events.push(event);
        }
        self.next_deadline().filter(|_| effective == now)
    }

    /// The first moment after which an instance becomes stale.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.instances.next_deadline()
    }

    fn forget_definition(&mut self, key: &str, revision: u64) {
        if let Some((name, _)) = self.definitions.remove_entry(key) {
            self.events.push(RegistryEvent::Definition { name, json: None, revision });
        }
    }

    fn report_removal(
        &mut self,
        entry: &InstanceEntry,
        revision: u64,
        reason: RemovalReason,
        now: Timestamp,
    ) {
        let event = self.event_without(entry, now);
        self.events.push(event.unwrap_or_else(|| RegistryEvent::removed(entry, revision, reason)));
    }

    /// The event for a hidden or removed entry whose instance has not disappeared, because another key has it.
    fn event_without(&self, entry: &InstanceEntry, now: Timestamp) -> Option<RegistryEvent> {
        let remaining = self.instances.find(&entry.service, &entry.id, now)?;
        Some(RegistryEvent::put(remaining, false))
    }
}

#[cfg(test)]
mod tests;

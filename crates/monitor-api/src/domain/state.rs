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

/// The maximum length of the stored reason why an entry can't be read, in characters.
const MAX_PROBLEM_LENGTH: usize = 200;

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

/// An entry that can't be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnreadableKey {
    /// The revision of the bucket that wrote it.
    pub revision: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// A definition of the cache, with its JSON.
#[derive(Clone, Debug)]
pub struct DefinitionEntry {
    /// The definition with its revision.
    pub stored: StoredDefinition,
    /// The definition as compact JSON.
    pub json: Arc<str>,
}

/// The state of the registry.
#[derive(Debug)]
pub struct RegistryState {
    pub(super) instances: Instances,
    pub(super) definitions: BTreeMap<Arc<str>, DefinitionEntry>,
    pub(super) unreadable: BTreeMap<Box<str>, UnreadableKey>,
    pub(super) events: EventRing,
    instance_bucket: BucketCondition,
    definition_bucket: BucketCondition,
}

impl RegistryState {
    /// The state before anything was read.
    pub fn new(stale_threshold: SignedDuration, now: Timestamp) -> Self {
        Self {
            instances: Instances::new(stale_threshold),
            definitions: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            events: EventRing::new(now),
            instance_bucket: BucketCondition::default(),
            definition_bucket: BucketCondition::default(),
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
        match bucket {
            Bucket::Instances => {
                if self.instance_bucket.set(connection, now) {
                    self.events.push(RegistryEvent::State { connection, at: now });
                }
            }
            Bucket::Definitions => {
                self.definition_bucket.set(connection, now);
            }
        }
    }

    /// Applies a write of an instance's key.
    pub fn put_instance(&mut self, write: Write<'_>, now: Timestamp) {
        let Write { key, value, revision, stored_at } = write;
        match InstanceEntry::read(value, revision, stored_at) {
            Ok(entry) => {
                self.unreadable.remove(key);
                let now = self.effective_time(now);
                let is_stale = self.instances.is_stale(&entry, now);
                let event = RegistryEvent::put(&entry, is_stale);
                let (service, id) = (Arc::clone(&entry.service), Arc::clone(&entry.id));
                let replaced = self.instances.put(key, entry, now);
                if let Some(replaced) = replaced.filter(|old| (&old.service, &old.id) != (&service, &id)) {
                    self.events.push(RegistryEvent::removed(&replaced, revision, RemovalReason::Replaced));
                }
                self.events.push(event);
            }
            Err(error) => {
                if let Some(entry) = self.instances.remove(key) {
                    self.events.push(RegistryEvent::removed(&entry, revision, RemovalReason::Unreadable));
                }
                self.mark_unreadable(key, revision, &error.to_string());
            }
        }
    }

    /// Applies the removal of an instance's key.
    pub fn remove_instance(&mut self, key: &str, revision: u64, reason: RemovalReason, now: Timestamp) {
        self.unreadable.remove(key);
        let Some(entry) = self.instances.remove(key) else { return };
        let now = self.effective_time(now);
        // Another key can have the same instance, which then has not disappeared.
        let event = match self.instances.find(&entry.service, &entry.id, now) {
            Some(remaining) => RegistryEvent::put(remaining, false),
            None => RegistryEvent::removed(&entry, revision, reason),
        };
        self.events.push(event);
    }

    /// Applies a write of a definition.
    pub fn put_definition(&mut self, write: Write<'_>) {
        let Write { key, value, revision, stored_at } = write;
        match Definition::read(key, value, stored_at) {
            Ok(definition) => {
                self.unreadable.remove(key);
                let json: Arc<str> = definition.to_json().into();
                let stored = StoredDefinition { definition, revision };
                let entry = DefinitionEntry { stored, json: Arc::clone(&json) };
                let name: Arc<str> = key.into();
                self.definitions.insert(Arc::clone(&name), entry);
                self.events.push(RegistryEvent::Definition { name, json: Some(json), revision });
            }
            Err(error) => {
                self.forget_definition(key, revision);
                self.mark_unreadable(key, revision, &error.to_string());
            }
        }
    }

    /// Applies the removal of a definition.
    pub fn remove_definition(&mut self, key: &str, revision: u64) {
        self.unreadable.remove(key);
        self.forget_definition(key, revision);
    }

    /// Reports the instances that have become stale since the last call. Returns the moment after which the next one does;
    /// None while NATS is unavailable.
    pub fn mark_stale(&mut self, now: Timestamp) -> Option<Timestamp> {
        let effective = self.effective_time(now);
        while let Some(entry) = self.instances.take_stale(effective) {
            let event = RegistryEvent::stale(entry);
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

    fn mark_unreadable(&mut self, key: &str, revision: u64, problem: &str) {
        let problem = problem.chars().take(MAX_PROBLEM_LENGTH).collect();
        self.unreadable.insert(key.into(), UnreadableKey { revision, problem });
    }
}

#[cfg(test)]
mod tests;

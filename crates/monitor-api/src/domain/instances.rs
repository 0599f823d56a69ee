//! The instances, by their names and by their keys, with the moments at which they become stale.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::instance_entry::InstanceEntry;

/// The position of an instance in the order of lists: by service, then by id. The key keeps entries apart whose values name
/// the same instance.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Position {
    service: Arc<str>,
    id: Arc<str>,
    key: Arc<str>,
}

impl Position {
    /// The position before those of an instance.
    fn before(service: &str, id: &str) -> Self {
        Self { service: service.into(), id: id.into(), key: "".into() }
    }
}

/// The instances of the registry.
#[derive(Debug)]
pub struct Instances {
    threshold: SignedDuration,
    entries: BTreeMap<Position, InstanceEntry>,
    positions: HashMap<Arc<str>, Position>,
    /// The deadlines of the instances that are not known to be stale.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Instances {
    /// No instances. One is stale when its last heartbeat is older than the threshold.
    pub fn new(threshold: SignedDuration) -> Self {
        Self { threshold, entries: BTreeMap::new(), positions: HashMap::new(), deadlines: BTreeSet::new() }
    }

    /// Adds or replaces the entry of a key, and returns the replaced one.
    pub fn put(&mut self, key: &str, entry: InstanceEntry, now: Timestamp) -> Option<InstanceEntry> {
        let replaced = self.remove(key);
        let key: Arc<str> = key.into();
        if !self.is_stale(&entry, now) {
            self.deadlines.insert((entry.deadline(self.threshold), Arc::clone(&key)));
        }
        let (service, id) = (Arc::clone(&entry.service), Arc::clone(&entry.id));
        let position = Position { service, id, key: Arc::clone(&key) };
        self.positions.insert(key, position.clone());
        self.entries.insert(position, entry);
        replaced
    }

    /// Removes the entry of a key.
    pub fn remove(&mut self, key: &str) -> Option<InstanceEntry> {
        let (key, position) = self.positions.remove_entry(key)?;
        let entry = self.entries.remove(&position)?;
        self.deadlines.remove(&(entry.deadline(self.threshold), key));
        Some(entry)
    }

    /// Whether the instance is hidden: its last heartbeat is older than the threshold.
    pub fn is_stale(&self, entry: &InstanceEntry, now: Timestamp) -> bool {
        entry.deadline(self.threshold) < now
    }

    /// The first deadline of the instances that are not known to be stale.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes the key of an instance whose deadline has passed since the last call. Each heartbeat is taken at most once.
    pub fn take_stale(&mut self, now: Timestamp) -> Option<Arc<str>> {
        self.deadlines.first().filter(|(deadline, _)| *deadline < now)?;
        self.deadlines.pop_first().map(|(_, key)| key)
    }

    /// The instance of a key, which may be stale.
    pub fn get(&self, key: &str) -> Option<&InstanceEntry> {
        self.entries.get(self.positions.get(key)?)
    }

    /// All instances with their keys, including stale ones, in the order of lists.
    pub fn all(&self) -> impl Iterator<Item = (&str, &InstanceEntry)> {
        self.entries.iter().map(|(position, entry)| (&*position.key, entry))
    }

    /// The instances that are not stale.
    pub fn visible(&self, now: Timestamp) -> impl Iterator<Item = &InstanceEntry> {
        last_writes(self.entries.iter().filter(move |(_, entry)| !self.is_stale(entry, now)))
    }

    /// The instances of a service that are not stale.
    pub fn visible_of(&self, service: &str, now: Timestamp) -> impl Iterator<Item = &InstanceEntry> {
        let first = Position::before(service, "");
        let service = Arc::clone(&first.service);
        let of_service =
            self.entries.range(first..).take_while(move |(position, _)| position.service == service);
        last_writes(of_service.filter(move |(_, entry)| !self.is_stale(entry, now)))
    }

    /// The instance of that name, if it is not stale.
    pub fn find(&self, service: &str, id: &str, now: Timestamp) -> Option<&InstanceEntry> {
        let entries = self.entries.range(Position::before(service, id)..);
        let of_instance = entries
            .take_while(|(position, _)| (&*position.service, &*position.id) == (service, id))
            .map(|(_, entry)| entry);
        of_instance.filter(|entry| !self.is_stale(entry, now)).max_by_key(|entry| entry.revision)
    }
}

/// Each instance once: if several keys have it, the last write counts.
fn last_writes<'e>(
    entries: impl Iterator<Item = (&'e Position, &'e InstanceEntry)>,
) -> impl Iterator<Item = &'e InstanceEntry> {
    let mut entries = entries.map(|(_, entry)| entry).peekable();
    std::iter::from_fn(move || {
        let mut last = entries.next()?;
        // The keys of an instance follow one another.
        while let Some(other) =
            entries.next_if(|other| (&other.service, &other.id) == (&last.service, &last.id))
        {
            last = if other.revision > last.revision { other } else { last };
        }
        Some(last)
    })
}

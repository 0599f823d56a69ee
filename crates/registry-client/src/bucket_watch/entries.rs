//! The keys of a bucket, without their values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// The keys of a bucket, including those whose last message is a deletion: the stream counts them too.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_key: HashMap<Arc<str>, Entry>,
    by_age: BTreeSet<(Timestamp, Arc<str>)>,
    replay: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    revision: u64,
    stored_at: Timestamp,
    is_deleted: bool,
    /// The key exists in the stream since this revision.
    known_since: u64,
    /// The last replay that delivered the key.
    replay: u64,
}

impl Entries {
    /// Starts a replay of the bucket.
    pub(super) fn begin_replay(&mut self) {
        self.replay += 1;
    }

    /// Applies a write. Returns whether it is another one than the one that is already applied. It can be an older one: when
    /// the stream was restored from a copy, or when the last message of the key has expired before the others.
    pub(super) fn put(&mut self, key: &str, revision: u64, stored_at: Timestamp) -> bool {
        let before = self.insert(key, revision, stored_at, false);
        before.is_none_or(|entry| {
            entry.is_deleted || (entry.revision, entry.stored_at) != (revision, stored_at)
        })
    }

    /// Applies a deletion. Returns whether the key existed.
    pub(super) fn delete(&mut self, key: &str, revision: u64, stored_at: Timestamp) -> bool {
        let before = self.insert(key, revision, stored_at, true);
        before.is_some_and(|entry| !entry.is_deleted)
    }

    fn insert(&mut self, key: &str, revision: u64, stored_at: Timestamp, is_deleted: bool) -> Option<Entry> {
        let (key, before) = match self.by_key.get_key_value(key) {
            Some((key, entry)) => (Arc::clone(key), Some(*entry)),
            None => (key.into(), None),
        };
        if before.is_none_or(|entry| entry.stored_at != stored_at) {
            if let Some(entry) = before {
                self.by_age.remove(&(entry.stored_at, Arc::clone(&key)));
            }
            self.by_age.insert((stored_at, Arc::clone(&key)));
        }
        let known_since = before.map_or(revision, |entry| entry.known_since.min(revision));
        self.by_key.insert(key, Entry { revision, stored_at, is_deleted, known_since, replay: self.replay });
        before
    }

    /// Removes the keys that the replay did not deliver, and returns those that were not deleted, with their revisions.
    pub(super) fn sweep(&mut self) -> Vec<(Arc<str>, u64)> {
        let missing = self.by_key.iter().filter(|(_, entry)| entry.replay != self.replay);
        let missing: Vec<_> = missing.map(|(key, entry)| (Arc::clone(key), *entry)).collect();
        for (key, entry) in &missing {
            self.by_key.remove(key);
            self.by_age.remove(&(entry.stored_at, Arc::clone(key)));
        }
        let existing = missing.into_iter().filter(|(_, entry)| !entry.is_deleted);
        existing.map(|(key, entry)| (key, entry.revision)).collect()
    }

    /// The number of keys, deleted ones included, that were last written after this time, and existed at this revision.
    pub(super) fn count(&self, stored_after: Timestamp, last_revision: u64) -> usize {
        let is_counted =
            |entry: &&Entry| entry.stored_at > stored_after && entry.known_since <= last_revision;
        self.by_key.values().filter(is_counted).count()
    }

    /// Removes the oldest key if it was stored before this time, and returns it with its revision.
    pub(super) fn expire(&mut self, stored_before: Timestamp) -> Option<(Arc<str>, u64)> {
        while self.by_age.first().is_some_and(|(stored_at, _)| *stored_at < stored_before) {
            let (_, key) = self.by_age.pop_first()?;
            if let Some(entry) = self.by_key.remove(&key)
                && !entry.is_deleted
            {
                return Some((key, entry.revision));
            }
        }
        None
    }

    /// The time from `now` until the oldest key reaches this age.
    pub(super) fn until_expiry(&self, max_age: SignedDuration, now: Timestamp) -> Option<SignedDuration> {
        let (stored_at, _) = self.by_age.first()?;
        Some(max_age - now.duration_since(*stored_at))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::Entries;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn keys(removed: &[(std::sync::Arc<str>, u64)]) -> Vec<(&str, u64)> {
        removed.iter().map(|(key, revision)| (&**key, *revision)).collect()
    }

    #[test]
    fn a_replay_delivers_only_what_is_new() {
        let mut entries = Entries::default();
        entries.begin_replay();
        assert!(entries.put("a", 1, at(1)));
        assert!(entries.put("b", 2, at(2)));
        assert!(!entries.delete("d", 3, at(3)), "it did not exist");
        entries.begin_replay();
        assert!(!entries.put("a", 1, at(1)), "delivered before");
        assert!(entries.put("c", 3, at(3)));
        assert_eq!(keys(&entries.sweep()), [("b", 2)]);
        assert_eq!(keys(&entries.sweep()), []);
    }

    #[test]
    fn what_a_replay_delivers_is_the_last_message_even_if_it_is_an_older_one() {
        let mut entries = Entries::default();
        entries.put("a", 5, at(5));
        entries.put("b", 6, at(6));
        entries.delete("c", 7, at(7));
        entries.begin_replay();
        assert!(entries.put("a", 4, at(4)));
        assert!(entries.put("b", 6, at(9)), "the same revision of another stream");
        assert!(entries.put("c", 3, at(3)));
        assert_eq!(keys(&entries.sweep()), []);
        assert!(entries.delete("a", 8, at(8)));
        assert!(!entries.delete("a", 9, at(9)), "it does not exist any more");
    }

    #[test]
    fn the_oldest_write_expires_first() {
        let mut entries = Entries::default();
        entries.put("a", 1, at(10));
        entries.put("b", 2, at(11));
        entries.put("a", 3, at(20));
        let max_age = SignedDuration::from_secs(30);
        assert_eq!(entries.until_expiry(max_age, at(12)), Some(SignedDuration::from_secs(29)));
        assert_eq!(entries.expire(at(11)), None);
        assert_eq!(entries.expire(at(12)).map(|(key, _)| key.to_string()), Some("b".to_owned()));
        assert_eq!(entries.expire(at(12)), None);
        assert!(!entries.delete("b", 9, at(12)));
        assert_eq!(entries.expire(at(20)), None, "a deletion expires without an effect");
        assert_eq!(entries.until_expiry(max_age, at(20)), Some(max_age));
    }

    #[test]
    fn deleted_keys_are_counted_and_keys_that_came_later_are_not() {
        let mut entries = Entries::default();
        entries.put("a", 1, at(1));
        entries.put("b", 2, at(2));
        entries.delete("b", 3, at(3));
        entries.put("a", 4, at(4));
        entries.put("c", 5, at(5));
        assert_eq!(entries.count(Timestamp::MIN, 5), 3);
        assert_eq!(entries.count(Timestamp::MIN, 3), 2, "a existed before its last write");
        assert_eq!(entries.count(at(3), 5), 2, "b can have expired");
    }
}

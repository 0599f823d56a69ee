//! The keys of a bucket, without their values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// The keys of a bucket.
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
    /// The last replay that delivered the key.
    replay: u64,
}

impl Entries {
    /// Starts a replay of the bucket. Revisions of another stream can't be compared.
    pub(super) fn begin_replay(&mut self, is_same_stream: bool) {
        self.replay += 1;
        if !is_same_stream {
            for entry in self.by_key.values_mut() {
                entry.revision = 0;
            }
        }
    }

    /// Applies a write. Returns whether it is newer than what is already applied.
    pub(super) fn put(&mut self, key: &str, revision: u64, stored_at: Timestamp) -> bool {
        let replay = self.replay;
        let Some((key, entry)) = self.by_key.get_key_value(key).map(|(key, entry)| (Arc::clone(key), *entry))
        else {
            let key: Arc<str> = key.into();
            self.by_age.insert((stored_at, Arc::clone(&key)));
            self.by_key.insert(key, Entry { revision, stored_at, replay });
            return true;
        };
        if entry.revision > revision {
            return false;
        }
        if entry.stored_at != stored_at {
            self.by_age.remove(&(entry.stored_at, Arc::clone(&key)));
            self.by_age.insert((stored_at, Arc::clone(&key)));
        }
        self.by_key.insert(key, Entry { revision, stored_at, replay });
        entry.revision < revision
    }

    /// Applies a deletion. Returns whether the key existed and the deletion is newer.
    pub(super) fn delete(&mut self, key: &str, revision: u64) -> bool {
        let is_newer = self.by_key.get(key).is_some_and(|entry| entry.revision <= revision);
        is_newer && self.remove(key).is_some()
    }

    /// Removes a key that the replay did not deliver, and returns it with its revision.
    pub(super) fn sweep(&mut self) -> Vec<(Arc<str>, u64)> {
        let missing = self.by_key.iter().filter(|(_, entry)| entry.replay != self.replay);
        let missing: Vec<_> = missing.map(|(key, entry)| (Arc::clone(key), entry.revision)).collect();
        for (key, _) in &missing {
            self.remove(key);
        }
        missing
    }

    /// The number of keys that were last written after this time, up to this revision.
    pub(super) fn count(&self, stored_after: Timestamp, last_revision: u64) -> usize {
        let is_counted = |entry: &&Entry| entry.stored_at > stored_after && entry.revision <= last_revision;
        self.by_key.values().filter(is_counted).count()
    }

    /// Removes the oldest key if it was stored before this time, and returns it with its revision.
    pub(super) fn expire(&mut self, stored_before: Timestamp) -> Option<(Arc<str>, u64)> {
        let (stored_at, key) = self.by_age.first()?;
        if *stored_at >= stored_before {
            return None;
        }
        let key = Arc::clone(key);
        let entry = self.remove(&key)?;
        Some((key, entry.revision))
    }

    /// The time from `now` until the oldest key reaches this age.
    pub(super) fn until_expiry(&self, max_age: SignedDuration, now: Timestamp) -> Option<SignedDuration> {
        let (stored_at, _) = self.by_age.first()?;
        Some(max_age - now.duration_since(*stored_at))
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        self.by_age.remove(&(entry.stored_at, key));
        Some(entry)
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
    fn a_replay_of_the_same_stream_delivers_only_what_is_new() {
        let mut entries = Entries::default();
        entries.begin_replay(false);
        assert!(entries.put("a", 1, at(1)));
        assert!(entries.put("b", 2, at(2)));
        entries.begin_replay(true);
        assert!(!entries.put("a", 1, at(1)), "delivered before");
        assert!(entries.put("c", 3, at(3)));
        assert_eq!(keys(&entries.sweep()), [("b", 2)]);
        assert_eq!(keys(&entries.sweep()), []);
    }

    #[test]
    fn an_older_revision_changes_nothing() {
        let mut entries = Entries::default();
        entries.put("a", 5, at(5));
        assert!(!entries.put("a", 4, at(4)));
        assert!(!entries.delete("a", 4));
        assert!(entries.delete("a", 6));
        assert!(!entries.delete("a", 7), "it does not exist any more");
    }

    #[test]
    fn another_stream_starts_with_smaller_revisions() {
        let mut entries = Entries::default();
        entries.put("a", 100, at(1));
        entries.begin_replay(false);
        assert!(entries.put("a", 1, at(9)));
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
        assert!(!entries.delete("b", 9));
    }
}

//! What is known about tokens for a short time, by their digest: the tokens themselves are not kept.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// How many tokens are remembered at most.
const CAPACITY: usize = 1024;

/// A token's digest. Tokens are too random to be found from it.
pub(super) type Key = [u8; 32];

/// Values that are forgotten after a time of their own.
pub(super) struct Cache<V> {
    entries: HashMap<Key, Entry<V>>,
}

struct Entry<V> {
    value: V,
    until: Instant,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<V> Cache<V> {
    pub(super) fn key(token: &str) -> Key {
        Sha256::digest(token).into()
    }
}

impl<V: Clone> Cache<V> {
    pub(super) fn get(&self, key: &Key) -> Option<V> {
        let entry = self.entries.get(key)?;
        (Instant::now() < entry.until).then(|| entry.value.clone())
    }

    pub(super) fn insert(&mut self, key: Key, value: V, lifetime: Duration) {
        if self.entries.len() >= CAPACITY {
            self.make_room();
        }
        self.entries.insert(key, Entry { value, until: Instant::now() + lifetime });
    }

    /// Forgets what is over, or else what would be over next: a flood of wrong tokens pushes out wrong ones first.
    fn make_room(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| now < entry.until);
        if self.entries.len() >= CAPACITY {
            let next = self.entries.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| *key);
            next.and_then(|key| self.entries.remove(&key));
        }
    }
}

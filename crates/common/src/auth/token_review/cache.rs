//! A cache of the reviews of tokens. Its keys are digests, so that no token stays in memory.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// The maximum number of entries.
const MAX_ENTRIES: usize = 1024;

/// The digest of a token. A token is too random to be guessed from it.
pub(super) type TokenDigest = [u8; 32];

/// Values with a lifetime each.
pub(super) struct Cache<V> {
    entries: HashMap<TokenDigest, CacheEntry<V>>,
}

struct CacheEntry<V> {
    value: V,
    expires: Instant,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<V> Cache<V> {
    pub(super) fn key(token: &str) -> TokenDigest {
        Sha256::digest(token).into()
    }
}

impl<V: Clone> Cache<V> {
    pub(super) fn get(&self, key: &TokenDigest) -> Option<V> {
        let entry = self.entries.get(key)?;
        (Instant::now() < entry.expires).then(|| entry.value.clone())
    }

    pub(super) fn insert(&mut self, key: TokenDigest, value: V, lifetime: Duration) {
        if self.entries.len() >= MAX_ENTRIES {
            self.evict();
        }
        self.entries.insert(key, CacheEntry { value, expires: Instant::now() + lifetime });
    }

    /// Removes the expired entries, or else the one that expires next: a flood of rejected tokens evicts rejected tokens
    /// first.
    fn evict(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| now < entry.expires);
        if self.entries.len() >= MAX_ENTRIES {
            let next = self.entries.iter().min_by_key(|(_, entry)| entry.expires).map(|(key, _)| *key);
            next.and_then(|key| self.entries.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Duration, MAX_ENTRIES};

    #[test]
    fn the_cache_is_bounded_and_entries_that_expire_soon_do_not_evict_those_that_last() {
        let mut cache = Cache::default();
        cache.insert(Cache::<()>::key("valid"), "valid", Duration::from_mins(1));
        for number in 0..2 * MAX_ENTRIES {
            cache.insert(Cache::<()>::key(&number.to_string()), "rejected", Duration::from_secs(5));
        }
        assert_eq!(cache.entries.len(), MAX_ENTRIES);
        assert_eq!(cache.get(&Cache::<()>::key("valid")), Some("valid"));
    }
}

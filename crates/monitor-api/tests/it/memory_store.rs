//! A store of definitions in memory, whose writes reach the cache as those of NATS do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use monitor_api::domain::backend::{BucketInfo, RegistryBackend, WatchCounters};
use monitor_api::domain::cache::RegistryCache;
use monitor_api::domain::definition::{Definition, StoredDefinition};
use monitor_api::domain::definition_store::{DefinitionStore, StoreError};
use monitor_api::domain::state::Write;

/// A store of definitions in memory.
pub(crate) struct MemoryStore {
    contents: Mutex<Contents>,
    cache: Arc<RegistryCache>,
}

#[derive(Default)]
struct Contents {
    definitions: BTreeMap<String, StoredDefinition>,
    revision: u64,
    failure: Option<StoreError>,
}

impl MemoryStore {
    pub(crate) fn new(cache: &Arc<RegistryCache>) -> Self {
        Self { contents: Mutex::default(), cache: Arc::clone(cache) }
    }

    /// Makes every operation fail from now on.
    pub(crate) fn fail_with(&self, error: StoreError) {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(error);
    }

    fn access<T>(
        &self,
        access: impl FnOnce(&mut Contents) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        match contents.failure.clone() {
            Some(error) => Err(error),
            None => access(&mut contents),
        }
    }

    fn write(&self, contents: &mut Contents, definition: &Definition) -> u64 {
        contents.revision += 1;
        let revision = contents.revision;
        let stored = StoredDefinition { definition: definition.clone(), revision };
        let key = &definition.service_name;
        contents.definitions.insert(key.clone(), stored);
        let json = definition.to_json();
        let stored_at = Timestamp::UNIX_EPOCH;
        self.cache.put_definition(Write { key, value: json.as_bytes(), revision, stored_at });
        revision
    }
}

#[async_trait]
impl DefinitionStore for MemoryStore {
    async fn read(&self, name: &str) -> Result<Option<StoredDefinition>, StoreError> {
        // Lets concurrent requests read the same revision.
        tokio::task::yield_now().await;
        self.access(|contents| Ok(contents.definitions.get(name).cloned()))
    }

    async fn create(&self, definition: &Definition) -> Result<u64, StoreError> {
        self.access(|contents| match contents.definitions.get(&definition.service_name) {
            Some(_) => Err(StoreError::AlreadyExists),
            None => Ok(self.write(contents, definition)),
        })
    }

    async fn replace(&self, definition: &Definition, expected: u64) -> Result<u64, StoreError> {
        self.access(|contents| match contents.definitions.get(&definition.service_name) {
            Some(stored) if stored.revision == expected => Ok(self.write(contents, definition)),
            _ => Err(StoreError::Conflict),
        })
    }

    async fn delete(&self, name: &str, expected: u64) -> Result<(), StoreError> {
        self.access(|contents| {
            if contents.definitions.get(name).is_none_or(|stored| stored.revision != expected) {
                return Err(StoreError::Conflict);
            }
            contents.definitions.remove(name);
            contents.revision += 1;
            self.cache.remove_definition(name, contents.revision);
            Ok(())
        })
    }
}

/// A NATS that answers in 1.5 milliseconds.
pub(crate) struct FixedBackend;

#[async_trait]
impl RegistryBackend for FixedBackend {
    async fn latency(&self) -> Option<Duration> {
        Some(Duration::from_micros(1500))
    }

    fn bucket(&self) -> Option<BucketInfo> {
        Some(BucketInfo {
            name: "service_registry".to_owned(),
            max_age_seconds: 30.0,
            history: 1,
            replicas: 3,
            bytes: 4096,
            messages: 12,
            last_revision: 99,
        })
    }

    fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    fn watch_counters(&self) -> WatchCounters {
        WatchCounters { resyncs: 2, reconnects: 3, lag: 4 }
    }
}

//! The keys of the bucket of instances that are not instances, and the definitions that have vanished from their own bucket.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_nats::HeaderMap;
use registry_client::bucket_watch::BucketPut;
use tokio::sync::Notify;

use crate::domain::definition::{Definition, UnreadableDefinitionError};

/// The header of a copy: the revision of the definition that it is a copy of.
pub(super) const SOURCE_HEADER: &str = "Tradeops-Definition-Revision";

/// A key of the bucket of instances that is not an instance.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) value: CopiedValue,
    pub(super) revision: u64,
    pub(super) received_at: Instant,
    /// It was compared with the bucket of definitions since one of them changed.
    pub(super) is_examined: bool,
}

/// What such a key contains.
#[derive(Clone, Debug)]
pub(super) enum CopiedValue {
    /// The definition of this revision, which this program wrote.
    Own(u64),
    /// A definition that another program wrote, as this program would write it.
    Foreign(Box<str>),
    /// Something else, which belongs to another program.
    Unreadable,
}

/// The keys of the bucket of instances that are not instances, and the definitions that have vanished.
#[derive(Debug, Default)]
pub(super) struct MirroredKeys {
    keys: Mutex<Keys>,
    changed: Notify,
    /// The copies may be older than when they were received.
    is_replayed: AtomicBool,
}

#[derive(Debug, Default)]
struct Keys {
    copies: BTreeMap<String, Copy>,
    /// Definitions without a message about their end, since the state of their bucket changed the last time.
    swept: BTreeMap<String, Arc<str>>,
    /// The definitions of a bucket that was deleted.
    lost: BTreeMap<String, Arc<str>>,
}

impl MirroredKeys {
    /// Applies a write of a key.
    ///
    /// # Errors
    /// When the value is not a definition of the service that the key names.
    pub(super) fn put(&self, put: BucketPut<'_>) -> Result<(), UnreadableDefinitionError> {
        let (value, result) = match source_of(put.headers) {
            Some(source) => (CopiedValue::Own(source), Ok(())),
            None => match Definition::read(put.key, put.value, put.stored_at) {
                Ok(definition) => (CopiedValue::Foreign(definition.to_json().into()), Ok(())),
                Err(error) => (CopiedValue::Unreadable, Err(error)),
            },
        };
        // Copies of this program need no work, and values of other programs are left alone.
        let is_foreign = matches!(value, CopiedValue::Foreign(_));
        let copy = Copy { value, revision: put.revision, received_at: Instant::now(), is_examined: false };
        self.lock().copies.insert(put.key.to_owned(), copy);
        if is_foreign {
            self.changed.notify_one();
        }
        result
    }

    pub(super) fn remove(&self, key: &str) {
        self.lock().copies.remove(key);
        self.changed.notify_one();
    }

    /// Reports that a definition was written or deleted.
    pub(super) fn definition_changed(&self, key: &str) {
        if let Some(copy) = self.lock().copies.get_mut(key) {
            copy.is_examined = false;
        }
        self.changed.notify_one();
    }

    /// Reports that a definition is gone without a message about its deletion.
    pub(super) fn definition_swept(&self, key: &str, json: Arc<str>) {
        self.lock().swept.insert(key.to_owned(), json);
        self.definition_changed(key);
    }

    /// Reports that the bucket of definitions was read as a whole, does not exist, or can't be read.
    pub(super) fn definitions_state_changed(&self, is_missing: bool) {
        let mut keys = self.lock();
        let swept = std::mem::take(&mut keys.swept);
        if is_missing {
            keys.lost.extend(swept);
        }
        for copy in keys.copies.values_mut() {
            copy.is_examined = false;
        }
        drop(keys);
        self.changed.notify_one();
    }

    /// Reports that the bucket of instances was read as a whole.
    pub(super) fn notify_replay(&self) {
        self.is_replayed.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Waits until something has changed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether the bucket of instances was read as a whole since the last call.
    pub(super) fn take_replayed(&self) -> bool {
        self.is_replayed.swap(false, Ordering::Relaxed)
    }

    /// Reads the copies.
    pub(super) fn with_copies<T>(&self, read: impl FnOnce(&BTreeMap<String, Copy>) -> T) -> T {
        read(&self.lock().copies)
    }

    /// Reports that the revision of a copy was compared with the bucket of definitions.
    pub(super) fn examined(&self, key: &str, revision: u64) {
        if let Some(copy) = self.lock().copies.get_mut(key).filter(|copy| copy.revision == revision) {
            copy.is_examined = true;
        }
    }

    /// The names and the JSON of the definitions of a bucket that was deleted.
    pub(super) fn lost(&self) -> Vec<(String, Arc<str>)> {
        self.lock().lost.iter().map(|(name, json)| (name.clone(), Arc::clone(json))).collect()
    }

    /// Reports that a lost definition is restored, or was deleted.
    pub(super) fn recovered(&self, name: &str) {
        self.lock().lost.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The revision of the definition that a message is a copy of; None if another program wrote it.
pub(super) fn source_of(headers: Option<&HeaderMap>) -> Option<u64> {
    headers?.get(SOURCE_HEADER)?.as_str().parse().ok()
}

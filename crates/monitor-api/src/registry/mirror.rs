//! Copies definitions to the bucket of instances, where clients of the replaced system read them, and imports those that such
//! clients wrote there.
//!
//! The bucket of instances can have a `max_age`, so the copies are written again every third of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use registry_client::bucket_watch::{BucketPut, BucketReport};
use tokio::sync::Notify;

use super::bucket_writer::{BucketWriter, RequestError};
use super::definition_bucket::DefinitionBucket;
use super::mirror_plan::{Action, Copy, plan};
use crate::domain::cache::RegistryCache;
use crate::domain::connection::{Bucket, Connection};
use crate::domain::definition::{Definition, is_definition_key};
use crate::domain::definition_store::{DefinitionStore, StoreError};

/// The header of a copy: the revision of the definition that it is a copy of.
const SOURCE_HEADER: &str = "Tradeops-Definition-Revision";
/// How often the copies are compared with the definitions if nothing expires.
const COMPARISON_INTERVAL: Duration = Duration::from_mins(1);
/// When a failed write is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// The keys of the bucket of instances that are not instances.
#[derive(Debug, Default)]
pub(super) struct MirroredKeys {
    copies: Mutex<BTreeMap<String, Copy>>,
    changed: Notify,
    /// The copies may be older than when they were received.
    is_replayed: AtomicBool,
}

impl MirroredKeys {
    pub(super) fn put(&self, put: BucketPut<'_>) {
        let source = put.headers.and_then(|headers| headers.get(SOURCE_HEADER));
        let source = source.and_then(|revision| revision.as_str().parse().ok());
        let copy = Copy { source, received_at: Instant::now() };
        self.lock().insert(put.key.to_owned(), copy);
        // A copy of this program needs no work.
        if source.is_none() {
            self.changed.notify_one();
        }
    }

    pub(super) fn remove(&self, key: &str) {
        self.lock().remove(key);
        self.changed.notify_one();
    }

    /// Reports that something else has changed.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Reports that the bucket was read as a whole.
    pub(super) fn notify_replay(&self) {
        self.is_replayed.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the copies up to date.
pub(super) struct Mirror {
    pub(super) cache: Arc<RegistryCache>,
    pub(super) keys: Arc<MirroredKeys>,
    pub(super) store: Arc<DefinitionBucket>,
    pub(super) copies: BucketWriter,
    pub(super) report: BucketReport,
}

impl Mirror {
    /// Copies and imports. It never returns.
    pub(super) async fn run(self) {
        let mut wait = COMPARISON_INTERVAL;
        loop {
            tokio::select! {
                () = self.keys.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            wait = match self.reconcile().await {
                Ok(()) => self.refresh_interval().unwrap_or(COMPARISON_INTERVAL),
                Err(()) => RETRY_DELAY,
            };
        }
    }

    /// A third of the bucket's maximum age; None if nothing expires.
    fn refresh_interval(&self) -> Option<Duration> {
        let max_age = self.report.info()?.max_age;
        (!max_age.is_zero()).then(|| max_age / 3)
    }

    async fn reconcile(&self) -> Result<(), ()> {
        let can_read = matches!(
            self.cache.connection(Bucket::Definitions),
            Connection::Live | Connection::BucketMissing
        );
        if !can_read || self.cache.connection(Bucket::Instances) != Connection::Live {
            return Ok(());
        }
        self.store.follow_replicas().await;
        let is_replayed = self.keys.is_replayed.swap(false, Ordering::Relaxed);
        // Half of the interval, so that a copy is not skipped because it is a moment too young.
        let max_age =
            if is_replayed { Some(Duration::ZERO) } else { self.refresh_interval().map(|age| age / 2) };
        let definitions = self.cache.inspect(|state, _| state.definition_values());
        let actions = {
            let copies = self.keys.lock();
            let is_old = |copy: &Copy| max_age.is_some_and(|max_age| copy.received_at.elapsed() >= max_age);
            plan(&definitions, &copies, is_old)
        };
        let mut result = Ok(());
        for action in actions {
            if let Err(error) = self.execute(&action).await {
                tracing::warn!(%error, key = action.key(), "a definition can't be copied or imported");
                result = Err(());
            }
        }
        result
    }

    async fn execute(&self, action: &Action) -> Result<(), MirrorError> {
        match action {
            Action::Copy { key, json, revision } => {
                let mut headers = HeaderMap::new();
                headers.insert(SOURCE_HEADER, revision.to_string());
                self.copies.put(key, json.to_string().into(), None, headers).await?;
            }
            Action::Delete { key } => {
                self.copies.delete(key, None).await?;
            }
            Action::Import { key } => self.import(key).await?,
        }
        Ok(())
    }

    /// Imports a definition that another program wrote, unless it is older than its deletion here.
    async fn import(&self, key: &str) -> Result<(), MirrorError> {
        let Some(written) = self.copies.last(key).await? else { return Ok(()) };
        let Some(value) = &written.value else { return Ok(()) };
        if let Some(last) = self.store.last(key).await?
            && last.stored_at > written.stored_at
        {
            if last.value.is_none() {
                self.copies.delete(key, Some(written.revision)).await?;
            }
            return Ok(());
        }
        let Ok(definition) = Definition::read(key, value, written.stored_at) else { return Ok(()) };
        if !is_definition_key(key) {
            return Ok(());
        }
        match self.store.create(&definition).await {
            Ok(_) => {
                tracing::info!(service = key, "a definition of another program is imported");
                Ok(())
            }
            Err(StoreError::AlreadyExists) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why a copy or an import failed.
#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("{0}")]
    Copies(#[from] RequestError),
    #[error("{0}")]
    Definitions(#[from] StoreError),
}

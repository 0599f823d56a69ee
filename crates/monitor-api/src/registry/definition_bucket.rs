//! Stores definitions in a bucket of their own, whose entries do not expire.
//!
//! Every write expects a revision. The answer to a write can be lost, and a cluster can report a wrong revision without a
//! reason (nats-server issue 7281), so after each failure the key is read again: if it contains the write, the write succeeded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::DiscardPolicy;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use registry_client::bucket::NewBucket;
use registry_client::bucket_watch::BucketReport;

use super::bucket_contents::BucketContents;
use super::bucket_writer::{BucketWriter, LastMessage, RequestError};
use crate::domain::cache::RegistryCache;
use crate::domain::definition::{Definition, StoredDefinition};
use crate::domain::definition_store::{DefinitionStore, StoreError};

/// How often a write is tried again that NATS rejected although the revision is the expected one.
const MAX_ATTEMPTS: u32 = 4;

pub(super) struct DefinitionBucket {
    writer: BucketWriter,
    instances_report: BucketReport,
    report: BucketReport,
    cache: Arc<RegistryCache>,
    /// When the bucket was created whose settings were checked.
    checked: Mutex<Option<Timestamp>>,
    /// The last correction failed, which is logged.
    has_warned: AtomicBool,
}

/// What a write leaves behind.
enum Written {
    Value(Bytes),
    Nothing,
}

impl DefinitionBucket {
    pub(super) fn new(
        writer: BucketWriter,
        instances_report: BucketReport,
        report: BucketReport,
        cache: Arc<RegistryCache>,
    ) -> Self {
        Self {
            writer,
            instances_report,
            report,
            cache,
            checked: Mutex::default(),
            has_warned: AtomicBool::new(false),
        }
    }

    /// The last message of the key of a definition.
    pub(super) async fn last(&self, name: &str) -> Result<Option<LastMessage>, StoreError> {
        self.last_message(name).await.map_err(store_error)
    }

    async fn last_message(&self, name: &str) -> Result<Option<LastMessage>, RequestError> {
        match self.writer.last(name).await {
            Err(RequestError::NoBucket) => Ok(None),
            last => last,
        }
    }

    fn contents(&self, max_age: Duration) -> BucketContents {
        let (definitions, others) = self.cache.inspect(|state, _| state.definition_bucket_keys());
        BucketContents { max_age, definitions, others }
    }

    /// Why nothing is written to the bucket: it is that of another program.
    pub(super) fn foreign_problem(&self) -> Option<String> {
        let info = self.report.info()?;
        self.contents(info.max_age).foreign_problem(self.writer.bucket())
    }

    /// Corrects the settings of a bucket of definitions that another program created: definitions must not expire, nor be removed
    /// when the bucket is full. It is stored on as many servers as the bucket of instances, which may have been created later.
    pub(super) async fn correct_settings(&self) {
        let Some(own) = self.report.info() else { return };
        if !self.contents(own.max_age).are_definitions() {
            return;
        }
        let replicas = self.instances_report.info().map_or(1, |info| info.replicas).max(own.replicas);
        let is_checked =
            self.checked.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&own.created);
        if is_checked && own.max_age.is_zero() && own.replicas == replicas {
            return;
        }
        let corrected = self.writer.change_settings(|config| {
            config.max_age = Duration::ZERO;
            config.discard = DiscardPolicy::New;
            config.num_replicas = replicas;
        });
        match corrected.await {
            Ok(changed) => {
                if changed {
                    tracing::info!(
                        replicas,
                        "the settings of the bucket of definitions are corrected: no max_age, discard new, replicas"
                    );
                }
                *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(own.created);
                self.has_warned.store(false, Ordering::Relaxed);
            }
            Err(error) if !self.has_warned.swap(true, Ordering::Relaxed) => tracing::warn!(
                %error,
                "the settings of the bucket of definitions can't be corrected, so definitions may be lost; set no max_age, \
                 discard new, and the replicas of the bucket of instances"
            ),
            Err(_) => {}
        }
    }

    fn settings(&self) -> NewBucket {
        let replicas = self.instances_report.info().map_or(1, |info| info.replicas);
        NewBucket { max_age: Duration::ZERO, history: 1, replicas }
    }

    /// Writes if the last revision is `expected`, which is 0 if there is none.
    async fn write(&self, name: &str, written: &Written, expected: u64) -> Result<u64, StoreError> {
        if let Some(problem) = self.foreign_problem() {
            return Err(StoreError::ForeignBucket(problem));
        }
        let mut may_have_happened = false;
        for _ in 0..MAX_ATTEMPTS {
            let error = match self.request(name, written, expected).await {
                Ok(revision) => return Ok(revision),
                Err(error) => error,
            };
            may_have_happened |= matches!(error, RequestError::NoAnswer(_));
            let failed = |error| if may_have_happened { unconfirmed(&error) } else { store_error(error) };
            match error {
                RequestError::NoBucket if expected == 0 => {
                    self.writer.create_bucket(self.settings()).await.map_err(failed)?;
                }
                RequestError::NoBucket => return Err(StoreError::Conflict),
                RequestError::WrongRevision | RequestError::NoAnswer(_) => {
                    let last = self.last_message(name).await.map_err(failed)?;
                    let revision = last.as_ref().map_or(0, |last| last.revision);
                    if may_have_happened && revision > expected && contains(last, written) {
                        return Ok(revision);
                    }
                    if revision != expected {
                        return Err(StoreError::Conflict);
                    }
                }
                RequestError::Rejected(_) => return Err(failed(error)),
            }
        }
        Err(StoreError::Unconfirmed("NATS did not confirm any of the attempts".to_owned()))
    }

    async fn request(&self, name: &str, written: &Written, expected: u64) -> Result<u64, RequestError> {
        match written {
            Written::Value(value) => {
                self.writer.put(name, value.clone(), Some(expected), HeaderMap::new()).await
            }
            Written::Nothing => self.writer.delete(name, Some(expected)).await,
        }
    }
}

fn contains(last: Option<LastMessage>, written: &Written) -> bool {
    match (last.and_then(|last| last.value), written) {
        (Some(value), Written::Value(written)) => value == *written,
        (None, Written::Nothing) => true,
        _ => false,
    }
}

/// The error of a request after a write whose answer is missing.
fn unconfirmed(error: &RequestError) -> StoreError {
    StoreError::Unconfirmed(error.to_string())
}

/// The error of a request before which nothing was written.
fn store_error(error: RequestError) -> StoreError {
    match error {
        RequestError::WrongRevision => StoreError::Conflict,
        RequestError::NoAnswer(cause) => StoreError::Unavailable(cause),
        RequestError::NoBucket | RequestError::Rejected(_) => StoreError::Failed(error.to_string()),
    }
}

#[async_trait]
impl DefinitionStore for DefinitionBucket {
    async fn read(&self, name: &str) -> Result<Option<StoredDefinition>, StoreError> {
        let Some(last) = self.last(name).await? else { return Ok(None) };
        let Some(value) = &last.value else { return Ok(None) };
        let definition = Definition::read(name, value, last.stored_at);
        let definition = definition.map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Some(StoredDefinition { definition, revision: last.revision }))
    }

    async fn create(&self, definition: &Definition) -> Result<u64, StoreError> {
        let name = &definition.service_name;
        let written = Written::Value(definition.to_json().into());
        // A deletion leaves a message behind, after which the key is created again.
        for _ in 0..MAX_ATTEMPTS {
            let last = self.last(name).await?;
            if last.as_ref().is_some_and(|last| last.value.is_some()) {
                return Err(StoreError::AlreadyExists);
            }
            match self.write(name, &written, last.map_or(0, |last| last.revision)).await {
                Err(StoreError::Conflict) => {}
                result => return result,
            }
        }
        Err(StoreError::Conflict)
    }

    async fn replace(&self, definition: &Definition, expected: u64) -> Result<u64, StoreError> {
        let written = Written::Value(definition.to_json().into());
        self.write(&definition.service_name, &written, expected).await
    }

    async fn delete(&self, name: &str, expected: u64) -> Result<(), StoreError> {
        self.write(name, &Written::Nothing, expected).await.map(drop)
    }
}

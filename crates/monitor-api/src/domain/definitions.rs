//! Writing definitions.

use std::sync::Arc;
use std::time::Duration;

use super::cache::RegistryCache;
use super::clock::Clock;
use super::connection::{Bucket, Connection};
use super::definition::{Definition, DefinitionChanges, NewDefinition, StoredDefinition, is_definition_key};
use super::definition_rules::{self, RuleError};
use super::definition_store::{DefinitionStore, StoreError};

/// How often a change without an expected revision is tried again after a concurrent change.
const MAX_ATTEMPTS: u32 = 10;
/// How long an answer waits until the cache contains the write, so that the caller's next request reads it.
const CACHE_WAIT: Duration = Duration::from_secs(1);

/// Creates, changes and deletes definitions.
pub struct Definitions {
    store: Arc<dyn DefinitionStore>,
    cache: Arc<RegistryCache>,
    clock: Clock,
}

/// Why a definition was not written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DefinitionError {
    /// No service has the name.
    #[error("the service does not exist")]
    NotFound,
    /// A service has the name.
    #[error("the service exists already")]
    AlreadyExists,
    /// The definition was changed by another request, or its revision is not the expected one.
    #[error("the definition was changed by another request")]
    ConcurrentUpdate,
    /// Fields violate rules; there is at least one.
    #[error("the definition violates rules: {0:?}")]
    Rules(Vec<RuleError>),
    /// NATS is unavailable. Nothing was written.
    #[error("NATS is unavailable: {0}")]
    Unavailable(String),
    /// NATS did not confirm the write, which may have happened.
    #[error("NATS did not confirm the write: {0}")]
    Unconfirmed(String),
    /// The bucket is that of another program, so nothing was written.
    #[error("{0}")]
    ForeignBucket(String),
    /// NATS rejected the request.
    #[error("NATS rejected the request: {0}")]
    Failed(String),
}

impl From<StoreError> for DefinitionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyExists => Self::AlreadyExists,
            StoreError::Conflict => Self::ConcurrentUpdate,
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Unconfirmed(cause) => Self::Unconfirmed(cause),
            StoreError::ForeignBucket(problem) => Self::ForeignBucket(problem),
            StoreError::Failed(cause) => Self::Failed(cause),
        }
    }
}

impl Definitions {
    /// Writes to the store, and waits for the cache to contain the writes.
    pub fn new(store: Arc<dyn DefinitionStore>, cache: Arc<RegistryCache>, clock: Clock) -> Self {
        Self { store, cache, clock }
    }

    /// Creates a definition.
    ///
    /// # Errors
    /// When it violates a rule, the name is taken, or the store fails.
    pub async fn create(&self, fields: NewDefinition) -> Result<Definition, DefinitionError> {
        reject_violations(definition_rules::check_new(&fields))?;
        self.check_connection()?;
        let definition = Definition::new(fields, self.clock.now());
        let revision = self.store.create(&definition).await?;
        self.wait_for_cache(&definition.service_name, Some(revision)).await;
        Ok(definition)
    }

    /// Changes a definition. With an expected revision, it is changed only if it has this revision.
    ///
    /// # Errors
    /// When there is no such definition, a change violates a rule, the revision is another one, or the store fails.
    pub async fn change(
        &self,
        name: &str,
        changes: &DefinitionChanges,
        expected: Option<u64>,
    ) -> Result<Definition, DefinitionError> {
        self.check_connection()?;
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.read(name).await?;
            reject_violations(definition_rules::check_changes(changes))?;
            let revision = expected.unwrap_or(stored.revision);
            let definition = stored.definition.changed(changes.clone(), self.clock.now());
            match self.store.replace(&definition, revision).await {
                Ok(revision) => {
                    self.wait_for_cache(name, Some(revision)).await;
                    return Ok(definition);
                }
                Err(StoreError::Conflict) if expected.is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DefinitionError::ConcurrentUpdate)
    }

    /// Deletes a definition, whatever its revision is.
    ///
    /// # Errors
    /// When there is no such definition, or the store fails.
    pub async fn delete(&self, name: &str) -> Result<(), DefinitionError> {
        self.check_connection()?;
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.read(name).await?;
            match self.store.delete(name, stored.revision).await {
                Ok(()) => {
                    self.wait_for_cache(name, None).await;
                    return Ok(());
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DefinitionError::ConcurrentUpdate)
    }

    async fn read(&self, name: &str) -> Result<StoredDefinition, DefinitionError> {
        // The name is checked first, so that no request can address the key of an instance.
        if !is_definition_key(name) {
            return Err(DefinitionError::NotFound);
        }
        self.store.read(name).await?.ok_or(DefinitionError::NotFound)
    }

    /// Fails at once while NATS is known to be unavailable, instead of waiting for a timeout.
    fn check_connection(&self) -> Result<(), DefinitionError> {
        match self.cache.connection(Bucket::Definitions) {
            Connection::Live | Connection::BucketMissing => Ok(()),
            state @ (Connection::Connecting | Connection::Unavailable { .. }) => {
                Err(DefinitionError::Unavailable(format!("the connection is {}", state.as_str())))
            }
        }
    }

    async fn wait_for_cache(&self, name: &str, written: Option<u64>) {
        let is_applied = |applied: Option<u64>| match written {
            Some(revision) => applied >= Some(revision),
            None => applied.is_none(),
        };
        if tokio::time::timeout(CACHE_WAIT, self.cache.wait_for_definition(name, is_applied)).await.is_err() {
            tracing::warn!(service = name, "the watch of definitions is slower than a write");
        }
    }
}

fn reject_violations(violations: Vec<RuleError>) -> Result<(), DefinitionError> {
    if violations.is_empty() { Ok(()) } else { Err(DefinitionError::Rules(violations)) }
}

//! The storage of definitions: a port, which `registry` implements.

use async_trait::async_trait;

use super::definition::{Definition, StoredDefinition};

/// Stores definitions under their services' names. Each write has a revision; a write with an expected revision is atomic.
#[async_trait]
pub trait DefinitionStore: Send + Sync {
    /// The stored definition, read from the leader; None when there is none.
    ///
    /// # Errors
    /// When the store can't be read.
    async fn read(&self, name: &str) -> Result<Option<StoredDefinition>, StoreError>;

    /// Stores a definition under a name that has none, and returns its revision.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name has a definition.
    async fn create(&self, definition: &Definition) -> Result<u64, StoreError>;

    /// Replaces the definition whose revision is `expected`, and returns the new revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored revision is another one, or there is none.
    async fn replace(&self, definition: &Definition, expected: u64) -> Result<u64, StoreError>;

    /// Deletes the definition whose revision is `expected`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored revision is another one, or there is none.
    async fn delete(&self, name: &str, expected: u64) -> Result<(), StoreError>;
}

/// Why the store did not do what was requested.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The name has a definition.
    #[error("the definition exists already")]
    AlreadyExists,
    /// The stored revision is not the expected one.
    #[error("the definition was changed by another request")]
    Conflict,
    /// NATS can't be reached or did not answer in time. Nothing was written.
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

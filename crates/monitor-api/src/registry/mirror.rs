//! Copies definitions to the bucket of instances, where clients of the replaced system read them, and imports those that such
//! clients wrote there.
//!
//! The bucket of instances can have a `max_age`, so the copies are written again every third of it. A definition ends only by a
//! message about its deletion: if its bucket was deleted or purged, it is restored from its copy or from memory.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use jiff::Timestamp;
use registry_client::bucket_watch::BucketReport;

use super::bucket_writer::{BucketWriter, LastMessage, RequestError};
use super::definition_bucket::DefinitionBucket;
use super::mirror_plan::{Action, plan};
use super::mirrored_keys::{Copy, MirroredKeys, SOURCE_HEADER};
use crate::domain::cache::RegistryCache;
use crate::domain::connection::{Bucket, Connection};
use crate::domain::definition::{Definition, is_definition_key};
use crate::domain::definition_store::{DefinitionStore, StoreError};

/// How often the copies are compared with the definitions if nothing expires.
const COMPARISON_INTERVAL: Duration = Duration::from_mins(1);
/// When a failed write is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Keeps the copies up to date.
pub(super) struct Mirror {
    pub(super) cache: Arc<RegistryCache>,
    pub(super) keys: Arc<MirroredKeys>,
    pub(super) store: Arc<DefinitionBucket>,
    pub(super) copies: BucketWriter,
    pub(super) report: BucketReport,
}

impl Mirror {
    /// Copies, imports and restores. It never returns.
    pub(super) async fn run(self) {
        let mut wait = COMPARISON_INTERVAL;
        loop {
            tokio::select! {
                () = self.keys.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            wait = match self.reconcile().await {
                Ok(()) => self.refresh_interval().unwrap_or(COMPARISON_INTERVAL),
                Err(RetryNeeded) => RETRY_DELAY,
            };
        }
    }

    /// A third of the bucket's maximum age; None if nothing expires.
    fn refresh_interval(&self) -> Option<Duration> {
        let max_age = self.report.info()?.max_age;
        (!max_age.is_zero()).then(|| max_age / 3)
    }

    async fn reconcile(&self) -> Result<(), RetryNeeded> {
        let definitions_state = self.cache.connection(Bucket::Definitions);
        if !matches!(definitions_state, Connection::Live | Connection::BucketMissing) {
            return Ok(());
        }
        if let Some(problem) = self.store.foreign_problem() {
            let definitions = self.cache.inspect(|state, _| state.definition_bucket_keys().0);
            if self.cache.set_copy_failure(Some((definitions, problem.clone()))) {
                tracing::error!("{problem}");
            }
            return Err(RetryNeeded);
        }
        self.restore_lost().await?;
        if definitions_state == Connection::Live {
            self.store.correct_settings().await;
        }
        if self.cache.connection(Bucket::Instances) != Connection::Live {
            return Ok(());
        }
        let actions = self.actions();
        let mut result = Ok(());
        for (done, action) in actions.iter().enumerate() {
            match self.execute(action).await {
                Ok(()) => {}
                Err(MirrorError::Copies(RequestError::WrongRevision)) => result = Err(RetryNeeded),
                Err(error) => {
                    // The others would fail for the same reason, each after a time limit.
                    self.report_failure(actions.len() - done, action.key(), &error);
                    return Err(RetryNeeded);
                }
            }
        }
        if self.cache.set_copy_failure(None) {
            tracing::info!("definitions can be copied again");
        }
        result
    }

    fn actions(&self) -> Vec<Action> {
        let is_replayed = self.keys.take_replayed();
        // Half of the interval, so that a copy is not skipped because it is a moment too young.
        let age = |interval: Duration| if is_replayed { Duration::ZERO } else { interval / 2 };
        let max_age = self.refresh_interval().map(age);
        let is_old = |copy: &Copy| max_age.is_some_and(|max_age| copy.received_at.elapsed() >= max_age);
        let definitions = self.cache.inspect(|state, _| state.definition_values());
        self.keys.with_copies(|copies| plan(&definitions, copies, is_old))
    }

    fn report_failure(&self, definitions: usize, key: &str, error: &MirrorError) {
        let problem = match error {
            MirrorError::Copies(RequestError::NoAnswer(_)) => {
                "NATS confirms no write to this bucket, so heartbeats may be lost too. Check the logs of its servers, and the \
                 free space of their volumes."
                    .to_owned()
            }
            error => error.to_string(),
        };
        if self.cache.set_copy_failure(Some((definitions, problem))) {
            tracing::warn!(%error, key, definitions, "definitions can't be copied or imported");
        }
    }

    async fn execute(&self, action: &Action) -> Result<(), MirrorError> {
        match action {
            Action::Copy { key, json, source, replaced } => self.copy(key, json, *source, *replaced).await,
            Action::Examine { key, revision } => {
                self.examine(key).await?;
                self.keys.examined(key, *revision);
                Ok(())
            }
        }
    }

    /// Writes a copy, unless another program has written the key in the meantime.
    async fn copy(
        &self,
        key: &str,
        json: &str,
        source: u64,
        replaced: Option<u64>,
    ) -> Result<(), MirrorError> {
        let expected = match replaced {
            Some(revision) => revision,
            None => match self.copies.last(key).await? {
                // The watch delivers it.
                Some(LastMessage { value: Some(_), .. }) => return Ok(()),
                last => last.map_or(0, |last| last.revision),
            },
        };
        let mut headers = HeaderMap::new();
        headers.insert(SOURCE_HEADER, source.to_string());
        self.copies.put(key, json.to_owned().into(), Some(expected), headers).await?;
        Ok(())
    }

    /// Deletes a copy whose definition was deleted, and creates the definition of any other copy.
    async fn examine(&self, key: &str) -> Result<(), MirrorError> {
        let Some(copy) = self.copies.last(key).await? else { return Ok(()) };
        let Some(value) = &copy.value else { return Ok(()) };
        match self.store.last(key).await? {
            Some(last) if last.value.is_some() => return Ok(()),
            Some(deletion) if is_deletion_of(&deletion, &copy) => {
                self.copies.delete(key, Some(copy.revision)).await?;
                return Ok(());
            }
            Some(_) | None => {}
        }
        match Definition::read(key, value, copy.stored_at) {
            Ok(definition) if is_definition_key(key) => self.create(&definition).await,
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Restores the definitions of a bucket that was deleted.
    async fn restore_lost(&self) -> Result<(), RetryNeeded> {
        for (name, json) in self.keys.lost() {
            let restored = match self.store.last(&name).await {
                Ok(Some(_)) => Ok(()),
                Ok(None) => match Definition::read(&name, json.as_bytes(), Timestamp::now()) {
                    Ok(definition) => self.create(&definition).await,
                    Err(_) => Ok(()),
                },
                Err(error) => Err(error.into()),
            };
            if let Err(error) = restored {
                tracing::warn!(%error, service = name, "a definition can't be restored");
                return Err(RetryNeeded);
            }
            self.keys.recovered(&name);
        }
        Ok(())
    }

    async fn create(&self, definition: &Definition) -> Result<(), MirrorError> {
        match self.store.create(definition).await {
            Ok(_) => {
                tracing::info!(
                    service = definition.service_name,
                    "a definition is imported or restored, because its bucket did not have it"
                );
                Ok(())
            }
            Err(StoreError::AlreadyExists) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the definition of a copy was deleted after it was copied. Revisions of a bucket that was created again are smaller.
fn is_deletion_of(deletion: &LastMessage, copy: &LastMessage) -> bool {
    copy.source.is_some_and(|source| deletion.revision > source) || deletion.stored_at > copy.stored_at
}

/// Something was not done, and has to be tried again soon.
#[derive(Debug)]
struct RetryNeeded;

/// Why a copy or an import failed.
#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("{0}")]
    Copies(#[from] RequestError),
    #[error("{0}")]
    Definitions(#[from] StoreError),
}

//! Applies the events of the buckets to the cache.

use std::sync::Arc;

use registry_client::bucket_watch::{BucketEvent, BucketPut, BucketState, Removal};
use registry_client::key::EntryKind;

use super::mirrored_keys::MirroredKeys;
use crate::domain::cache::RegistryCache;
use crate::domain::connection::{Bucket, Connection};
use crate::domain::event::RemovalReason;
use crate::domain::state::Write;

/// Applies the events of the bucket of instances. Its other keys are copies of definitions.
pub(super) fn instances(
    cache: Arc<RegistryCache>,
    keys: Arc<MirroredKeys>,
) -> impl FnMut(BucketEvent<'_>) + Send {
    move |event| match event {
        BucketEvent::Put(put) if EntryKind::of(put.key) == EntryKind::Definition => match keys.put(put) {
            Ok(()) => cache.remove_unreadable(put.key),
            Err(error) => cache.put_unreadable(put.key, put.revision, &error.to_string()),
        },
        BucketEvent::Put(put) => cache.put_instance(write(put)),
        BucketEvent::Removed { key, .. } if EntryKind::of(key) == EntryKind::Definition => {
            keys.remove(key);
            cache.remove_unreadable(key);
        }
        BucketEvent::Removed { key, revision, reason } => {
            let reason = match reason {
                Removal::Deleted => RemovalReason::Deleted,
                Removal::Expired => RemovalReason::Expired,
                Removal::Swept => RemovalReason::Swept,
            };
            cache.remove_instance(key, revision, reason);
        }
        BucketEvent::State(state) => {
            cache.set_connection(Bucket::Instances, connection(state));
            keys.notify_replay();
        }
    }
}

/// Applies the events of the bucket of definitions.
pub(super) fn definitions(
    cache: Arc<RegistryCache>,
    keys: Arc<MirroredKeys>,
) -> impl FnMut(BucketEvent<'_>) + Send {
    move |event| match event {
        BucketEvent::Put(put) => {
            cache.put_definition(write(put));
            keys.definition_changed(put.key);
        }
        BucketEvent::Removed { key, revision, reason } => {
            let json = cache.inspect(|state, _| state.definition_json(key));
            cache.remove_definition(key, revision);
            match json.filter(|_| reason == Removal::Swept) {
                Some(json) => keys.definition_swept(key, json),
                None => keys.definition_changed(key),
            }
        }
        BucketEvent::State(state) => {
            cache.set_connection(Bucket::Definitions, connection(state));
            keys.definitions_state_changed(state == BucketState::Missing);
        }
    }
}

fn write(put: BucketPut<'_>) -> Write<'_> {
    Write { key: put.key, value: put.value, revision: put.revision, stored_at: put.stored_at }
}

fn connection(state: BucketState) -> Connection {
    match state {
        BucketState::Connecting => Connection::Connecting,
        BucketState::Live => Connection::Live,
        BucketState::Missing => Connection::BucketMissing,
        BucketState::Unavailable { since } => Connection::Unavailable { since },
    }
}

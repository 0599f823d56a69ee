//! The registry in memory, shared by the writer, the requests and the event streams.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};

use super::clock::Clock;
use super::connection::{Bucket, Connection, Freshness, NotSyncedError};
use super::event::{RegistryEvent, RemovalReason};
use super::event_ring::EventsLostError;
use super::state::{DefinitionEntry, RegistryState, Write};

/// Added to a deadline: staleness is strict, and timers may fire early.
const TIMER_MARGIN: Duration = Duration::from_millis(1);

/// What a request reads, with its freshness.
#[derive(Clone, Copy, Debug)]
pub struct Answer<T> {
    /// What was read.
    pub value: T,
    /// How fresh it is.
    pub freshness: Freshness,
}

/// The registry in memory.
#[derive(Debug)]
pub struct RegistryCache {
    state: Mutex<RegistryState>,
    clock: Clock,
    /// The id of the newest event.
    position: watch::Sender<i64>,
    /// Wakes [`RegistryCache::report_stale`], because a deadline may be earlier than the one it waits for.
    deadlines_changed: Notify,
}

impl RegistryCache {
    /// A cache into which nothing was read. An instance is stale when its last heartbeat is older than the threshold.
    pub fn new(stale_threshold: SignedDuration, clock: Clock) -> Self {
        let state = RegistryState::new(stale_threshold);
        let (position, _) = watch::channel(state.events.position());
        Self { state: Mutex::new(state), clock, position, deadlines_changed: Notify::new() }
    }

    /// Applies the state of the connection to a bucket.
    pub fn set_connection(&self, bucket: Bucket, connection: Connection) {
        self.apply(|state, now| state.set_connection(bucket, connection, now));
        self.deadlines_changed.notify_one();
    }

    /// Applies a write of an instance's key.
    pub fn put_instance(&self, write: Write<'_>) {
        self.apply(|state, now| state.put_instance(write, now));
    }

    /// Applies the removal of an instance's key.
    pub fn remove_instance(&self, key: &str, revision: u64, reason: RemovalReason) {
        self.apply(|state, now| state.remove_instance(key, revision, reason, now));
    }

    /// Applies a write of a key of the bucket of instances that is neither an instance nor a definition.
    pub fn put_unreadable(&self, key: &str, revision: u64, problem: &str) {
        self.apply(|state, _| state.put_unreadable(key, revision, problem));
    }

    /// Applies a write or a removal of a key of the bucket of instances that is not an instance and can be read, or is gone.
    pub fn remove_unreadable(&self, key: &str) {
        self.apply(|state, _| state.remove_unreadable(key));
    }

    /// Sets how many definitions can't be copied and why; None: all of them are copied. Returns whether this begins or ends.
    pub fn set_copy_failure(&self, failure: Option<(usize, String)>) -> bool {
        self.apply(|state, now| state.set_copy_failure(failure, now))
    }

    /// Applies a write of a definition.
    pub fn put_definition(&self, write: Write<'_>) {
        self.apply(|state, _| state.put_definition(write));
    }

    /// Applies the removal of a definition.
    pub fn remove_definition(&self, key: &str, revision: u64) {
        self.apply(|state, _| state.remove_definition(key, revision));
    }

    /// Reports instances as they become stale. It never returns.
    pub async fn report_stale(&self) {
        loop {
            let changed = self.deadlines_changed.notified();
            let deadline = self.apply(RegistryState::mark_stale);
            let wait = deadline.map(|deadline| {
                let remaining = deadline.duration_since(self.clock.now());
                Duration::try_from(remaining).unwrap_or_default() + TIMER_MARGIN
            });
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    /// Reads from the state of a bucket.
    ///
    /// # Errors
    /// When the bucket has never been read.
    pub fn read<T>(
        &self,
        bucket: Bucket,
        read: impl FnOnce(&RegistryState, Timestamp) -> T,
    ) -> Result<Answer<T>, NotSyncedError> {
        let now = self.clock.now();
        let state = self.lock();
        let freshness = state.bucket(bucket).freshness(now)?;
        Ok(Answer { value: read(&state, now), freshness })
    }

    /// Reads from the state, whether or not it was ever read from the buckets.
    pub fn inspect<T>(&self, read: impl FnOnce(&RegistryState, Timestamp) -> T) -> T {
        let now = self.clock.now();
        read(&self.lock(), now)
    }

    /// The connection to a bucket.
    pub fn connection(&self, bucket: Bucket) -> Connection {
        self.lock().bucket(bucket).connection()
    }

    /// A definition.
    ///
    /// # Errors
    /// When the bucket has never been read.
    pub fn definition(&self, name: &str) -> Result<Answer<Option<DefinitionEntry>>, NotSyncedError> {
        self.read(Bucket::Definitions, |state, _| state.definitions.get(name).cloned())
    }

    /// Waits until the revision of a definition, None if there is no definition, meets the condition.
    pub async fn wait_for_definition(&self, name: &str, is_met: impl Fn(Option<u64>) -> bool) {
        let mut positions = self.position.subscribe();
        let is_met = |_: &i64| {
            let state = self.lock();
            is_met(state.definitions.get(name).map(|entry| entry.stored.revision))
        };
        // The cache owns the sender, so the channel is not closed.
        let _ = positions.wait_for(is_met).await;
    }

    /// The id of the newest event, as a channel.
    pub(super) fn positions(&self) -> watch::Receiver<i64> {
        self.position.subscribe()
    }

    pub(super) fn events_after(
        &self,
        position: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RegistryEvent)>, EventsLostError> {
        self.lock().events.after(position, limit)
    }

    fn apply<T>(&self, change: impl FnOnce(&mut RegistryState, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut state = self.lock();
        let deadline = state.next_deadline();
        let result = change(&mut state, now);
        let is_earlier = state.next_deadline().is_some_and(|next| deadline.is_none_or(|old| next < old));
        let position = state.events.position();
        drop(state);
        self.position.send_if_modified(|current| std::mem::replace(current, position) != position);
        if is_earlier {
            self.deadlines_changed.notify_one();
        }
        result
    }

    /// A panic while the lock is held leaves a state that the next changes correct.
    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

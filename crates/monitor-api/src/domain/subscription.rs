//! Event streams.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::cache::RegistryCache;
use super::event::RegistryEvent;

/// The number of events that a subscription takes from the ring at a time.
const BATCH_SIZE: usize = 64;

/// What a subscription reports.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The stream begins after this event: everything that is read from now on contains it.
    Snapshot {
        /// The event's id.
        position: i64,
    },
    /// Events were lost, or the position to resume at is unknown: everything must be read again. The stream continues after this
    /// event.
    Resync {
        /// The event's id.
        position: i64,
    },
    /// A change.
    Change {
        /// The event's id.
        id: i64,
        /// The change.
        event: RegistryEvent,
    },
}

/// A reader of the events. It holds one batch of them at most, however slow it is.
pub struct Subscription {
    cache: Arc<RegistryCache>,
    positions: watch::Receiver<i64>,
    position: i64,
    batch: VecDeque<(i64, RegistryEvent)>,
    first: Option<Notice>,
}

impl Subscription {
    /// The events from now on, or those after the event with the id `resume_after`.
    pub fn new(cache: &Arc<RegistryCache>, resume_after: Option<i64>) -> Self {
        let positions = cache.positions();
        let position = *positions.borrow();
        let first = resume_after.is_none().then_some(Notice::Snapshot { position });
        let position = resume_after.unwrap_or(position);
        Self { cache: Arc::clone(cache), positions, position, batch: VecDeque::new(), first }
    }

    /// The next notice. It waits without a limit, and can be cancelled without losing one.
    pub async fn next(&mut self) -> Notice {
        if let Some(first) = self.first.take() {
            return first;
        }
        loop {
            if let Some((id, event)) = self.batch.pop_front() {
                self.position = id;
                return Notice::Change { id, event };
            }
            let newest = *self.positions.borrow_and_update();
            match self.cache.events_after(self.position, BATCH_SIZE) {
                Ok(events) => self.batch = events.into(),
                Err(_) => {
                    self.position = newest;
                    return Notice::Resync { position: newest };
                }
            }
            // The cache owns the sender, so the channel is not closed.
            if self.batch.is_empty() && self.positions.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

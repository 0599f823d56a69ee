//! The changes of runs' states as a stream that can be resumed.
//!
//! The store numbers the changes. Every process reads on from the last number it knows, when it wrote something itself
//! and once a second for what other replicas wrote, so all of them tell the same events in the same order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::Notify;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout, timeout_at};

use super::event::Event;
use super::ports::{RunStore, StoreError};
use super::run::Run;

/// How often the store is asked for events of other replicas.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How many events are read at once.
const PAGE: u16 = 500;
/// How many events a subscriber may be behind before it reads them from the store.
const BACKLOG: usize = 256;

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The next event.
    Event(Arc<Event>),
    /// Events before the next one are forgotten: what is shown has to be read again.
    Gap,
}

/// Tells what changes.
pub struct Feed {
    store: Arc<dyn RunStore>,
    sender: broadcast::Sender<Arc<Event>>,
    wake: Notify,
}

impl Feed {
    /// A feed of what is written into that store.
    pub fn new(store: Arc<dyn RunStore>) -> Self {
        Self { store, sender: broadcast::Sender::new(BACKLOG), wake: Notify::new() }
    }

    /// Has the store asked now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Reads events and tells them, for ever.
    pub async fn run(&self) {
        let mut last = None;
        loop {
            match self.tell(last).await {
                Ok(sequence) => last = Some(sequence),
                Err(error) => tracing::warn!(%error, "events can't be read; they are tried again"),
            }
            let _ = timeout(POLL_EVERY, self.wake.notified()).await;
        }
    }

    /// Tells what came after `last`, and gives the last number told. The first time nothing is told.
    async fn tell(&self, last: Option<i64>) -> Result<i64, StoreError> {
        let Some(mut last) = last else {
            return Ok(self.store.event_range().await?.map_or(0, |(_, newest)| newest));
        };
        loop {
            let events = self.store.events_after(last, PAGE).await?;
            let complete = events.len() < usize::from(PAGE);
            for event in events {
                last = event.sequence;
                // No subscriber is no error.
                let _ = self.sender.send(Arc::new(event));
            }
            if complete {
                return Ok(last);
            }
        }
    }

    /// The events from now on, or those after the number `after` and then those from now on.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn subscribe(
        &self,
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Notice> + Send + use<>, StoreError> {
        let live = self.sender.subscribe();
        let range = self.store.event_range().await?;
        let (oldest, newest) = range.unwrap_or((1, 0));
        let start = after.unwrap_or(newest);
        let known = (oldest - 1..=newest).contains(&start);
        let subscriber = Subscriber {
            store: Arc::clone(&self.store),
            live,
            last: if known { start } else { newest },
            backlog: (known && start < newest).then(Vec::new),
        };
        let gap = stream::iter((!known).then_some(Notice::Gap));
        Ok(gap.chain(stream::unfold(subscriber, Subscriber::next)))
    }

    /// Waits until the run has ended, at most until the deadline, and gives the run as it is then.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn ended(&self, run: Run, deadline: Instant) -> Result<Run, StoreError> {
        let mut events = Box::pin(self.subscribe(None).await?);
        let mut latest = self.store.run(&run.id).await?.unwrap_or(run);
        while !latest.state.is_final() {
            match timeout_at(deadline, events.next()).await {
                Ok(Some(Notice::Event(event))) if event.run_id == latest.id => latest = (*event.run).clone(),
                Ok(Some(Notice::Event(_))) => {}
                Ok(Some(Notice::Gap)) => latest = self.store.run(&latest.id).await?.unwrap_or(latest),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(latest)
    }
}

/// Reads from the store what is behind, and then what comes.
struct Subscriber {
    store: Arc<dyn RunStore>,
    live: broadcast::Receiver<Arc<Event>>,
    last: i64,
    /// Events read from the store and not yet told, newest first; None when there is nothing behind.
    backlog: Option<Vec<Event>>,
}

impl Subscriber {
    async fn next(mut self) -> Option<(Notice, Self)> {
        loop {
            if let Some(backlog) = &mut self.backlog {
                if let Some(event) = backlog.pop() {
                    self.last = event.sequence;
                    return Some((Notice::Event(Arc::new(event)), self));
                }
                let Ok(mut events) = self.store.events_after(self.last, PAGE).await else {
                    self.backlog = None;
                    return Some((Notice::Gap, self));
                };
                events.reverse();
                self.backlog = (!events.is_empty()).then_some(events);
                continue;
            }
            match self.live.recv().await {
                Ok(event) if event.sequence > self.last => {
                    self.last = event.sequence;
                    return Some((Notice::Event(event), self));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.backlog = Some(Vec::new()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

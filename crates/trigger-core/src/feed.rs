//! The changes of runs as a stream that can be resumed.
//!
//! The store numbers the changes. Every replica reads the events after the last number that it has read, whenever it has
//! written something, and once a second for the changes of other replicas. So all replicas publish the same events in the
//! same order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::event::Event;
use super::log_interval::LogInterval;
use super::run::Run;
use super::run_store::RunStore;
use super::store_error::StoreError;

/// How often the events of other replicas are read.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How many events are read in one statement.
const PAGE: u16 = 20;
/// How many subscribers may have a page of old events in memory. Further ones read one event at a time, because a client
/// that does not read its stream keeps its page.
const MAX_PAGES: usize = 32;
/// How many events a subscriber may lag behind before it reads them from the store.
const BACKLOG: usize = 256;

/// An item of a subscription.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The next event.
    Event(Arc<Event>),
    /// The subscription continues after this number. Events before it have been pruned, so the subscriber has to read the
    /// runs again.
    Gap(i64),
}

/// The events after a number.
pub struct Subscription<S> {
    /// The number after which the events start; that of the first [`Notice::Gap`], if there is one.
    pub start: i64,
    /// The events.
    pub notices: S,
}

/// Publishes the changes of runs.
pub struct Feed {
    store: Arc<dyn RunStore>,
    sender: broadcast::Sender<Arc<Event>>,
    latest: watch::Sender<i64>,
    wake: Notify,
    /// The number after which publishing starts. A subscriber reads it first: otherwise events between its subscription and
    /// the first poll would be lost.
    start: OnceCell<i64>,
    pages: Arc<Semaphore>,
}

impl Feed {
    /// A feed of the events of that store.
    pub fn new(store: Arc<dyn RunStore>) -> Self {
        Self {
            store,
            sender: broadcast::Sender::new(BACKLOG),
            latest: watch::Sender::default(),
            wake: Notify::new(),
            start: OnceCell::new(),
            pages: Arc::new(Semaphore::new(MAX_PAGES)),
        }
    }

    /// Reads new events now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// The number of the last published event, for those who need to know only that something changed.
    pub fn latest(&self) -> watch::Receiver<i64> {
        self.latest.subscribe()
    }

    /// The number of the last published event. Whatever is read after this call reflects all events up to it, so a
    /// subscription from this number on misses nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn position(&self) -> Result<i64, StoreError> {
        let start = self.start().await?;
        Ok(start.max(*self.latest.borrow()))
    }

    /// Publishes events. Never returns.
    pub async fn run(&self) {
        let (mut last, failure_log) = (None, LogInterval::default());
        loop {
            match self.publish(last).await {
                Ok(sequence) => last = Some(sequence),
                Err(error) if failure_log.is_due() => tracing::warn!(%error, "cannot read events; retrying"),
                Err(_) => {}
            }
            let _ = timeout(POLL_EVERY, self.wake.notified()).await;
        }
    }

    /// Publishes the events after `last` and returns the number of the last one. The first time nothing is published.
    async fn publish(&self, last: Option<i64>) -> Result<i64, StoreError> {
        let Some(mut last) = last else {
            return self.start().await;
        };
        loop {
            let events = self.store.events_after(last, PAGE).await?;
            let complete = events.len() < usize::from(PAGE);
            for event in events {
                last = event.sequence;
                // An error means that there is no subscriber.
                let _ = self.sender.send(Arc::new(event));
            }
            self.latest.send_if_modified(|latest| std::mem::replace(latest, last) != last);
            if complete {
                return Ok(last);
            }
        }
    }

    async fn start(&self) -> Result<i64, StoreError> {
        let newest = async || Ok(self.store.event_range().await?.map_or(0, |(_, newest)| newest));
        self.start.get_or_try_init(newest).await.copied()
    }

    /// The events from now on, or all events after the number `after`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn subscribe(
        &self,
        after: Option<i64>,
    ) -> Result<Subscription<impl Stream<Item = Notice> + Send + use<>>, StoreError> {
        self.start().await?;
        let live = self.sender.subscribe();
        let range = self.store.event_range().await?;
        let (oldest, newest) = range.unwrap_or((1, 0));
        let start = after.unwrap_or(newest);
        let known = (oldest - 1..=newest).contains(&start);
        let last = if known { start } else { newest };
        let subscriber = Subscriber {
            store: Arc::clone(&self.store),
            live,
            last,
            backlog: (known && start < newest).then(Backlog::default),
            pages: Arc::clone(&self.pages),
        };
        let gap = stream::iter((!known).then_some(Notice::Gap(last)));
        Ok(Subscription { start: last, notices: gap.chain(stream::unfold(subscriber, Subscriber::next)) })
    }

    /// Waits until the run has ended or the deadline has passed, and returns the run.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn ended(&self, run: Run, deadline: Instant) -> Result<Run, StoreError> {
        let mut events = Box::pin(self.subscribe(None).await?.notices);
        let mut latest = self.store.run(&run.id).await?.unwrap_or(run);
        while !latest.state.is_final() {
            match timeout_at(deadline, events.next()).await {
                Ok(Some(Notice::Event(event))) => {
                    if let Some(run) = event.run().filter(|run| run.id == latest.id) {
                        latest = (**run).clone();
                    }
                }
                Ok(Some(Notice::Gap(_))) => latest = self.store.run(&latest.id).await?.unwrap_or(latest),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(latest)
    }
}

/// Reads old events from the store, and then receives new ones.
struct Subscriber {
    store: Arc<dyn RunStore>,
    live: broadcast::Receiver<Arc<Event>>,
    last: i64,
    /// None if the subscriber has caught up.
    backlog: Option<Backlog>,
    pages: Arc<Semaphore>,
}

/// Old events.
#[derive(Default)]
struct Backlog {
    /// Events that were read from the store and not returned yet, newest first.
    events: Vec<Event>,
    page: Option<OwnedSemaphorePermit>,
}

impl Subscriber {
    async fn next(mut self) -> Option<(Notice, Self)> {
        loop {
            if let Some(backlog) = &mut self.backlog {
                if backlog.events.is_empty() {
                    let Ok(events) = backlog.read(&*self.store, self.last, &self.pages).await else {
                        self.backlog = None;
                        return Some((Notice::Gap(self.last), self));
                    };
                    backlog.events = events;
                }
                let Some(event) = backlog.events.pop() else {
                    self.backlog = None;
                    continue;
                };
                self.last = event.sequence;
                return Some((Notice::Event(Arc::new(event)), self));
            }
            match self.live.recv().await {
                Ok(event) if event.sequence > self.last => {
                    self.last = event.sequence;
                    return Some((Notice::Event(event), self));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.backlog = Some(Backlog::default()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Backlog {
    /// Reads the events after the one of that number, newest first.
    async fn read(
        &mut self,
        store: &dyn RunStore,
        after: i64,
        pages: &Arc<Semaphore>,
    ) -> Result<Vec<Event>, StoreError> {
        self.page = self.page.take().or_else(|| Arc::clone(pages).try_acquire_owned().ok());
        let limit = if self.page.is_some() { PAGE } else { 1 };
        let mut events = store.events_after(after, limit).await?;
        events.reverse();
        Ok(events)
    }
}

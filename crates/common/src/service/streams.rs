//! Responses that stream logs or events. They are limited and counted, and they end when the program stops.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::error::ServiceError;
use super::problem::ProblemKind;

/// Opens streams, up to a limit.
#[derive(Clone)]
pub struct Streams {
    slots: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    open: Gauge,
}

/// Counts a stream until it is dropped.
struct StreamSlot {
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Streams {
    pub(super) fn new(max_streams: usize, stopping: watch::Receiver<bool>, open: Gauge) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_streams)), stopping, open }
    }

    /// The stream, which also ends when the program stops.
    ///
    /// # Errors
    /// When too many streams are open.
    pub fn open<S: Stream + Send>(
        &self,
        stream: S,
    ) -> Result<impl Stream<Item = S::Item> + Send + use<S>, ServiceError> {
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let detail = "Too many streams are open. Close one, or retry later.";
            ServiceError::new(ProblemKind::OVERLOADED, detail).with_retry_after(Duration::from_secs(5))
        })?;
        self.open.inc();
        let slot = StreamSlot { open: self.open.clone(), _permit: permit };
        let mut stopping = self.stopping.clone();
        let stop = async move {
            // An error means that the sender is dropped, so the program is stopping.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        Ok(stream.take_until(stop).map(move |item| {
            let _ = &slot;
            item
        }))
    }
}

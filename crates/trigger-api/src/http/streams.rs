//! Answers that go on: logs and events. They are counted, and they end when the program does.

use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::api_error::ApiError;
use super::metrics::Metrics;
use super::problem::Kind;

/// Lets answers go on, so many at once.
pub struct Streams {
    slots: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
}

/// Keeps an answer counted for as long as it goes on.
struct Slot {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.metrics.open_streams.dec();
    }
}

impl Streams {
    /// At most `most` answers go on at once, and none after `stopping` has become true.
    pub fn new(most: usize, stopping: watch::Receiver<bool>, metrics: Arc<Metrics>) -> Self {
        Self { slots: Arc::new(Semaphore::new(most)), stopping, metrics }
    }

    /// The stream, until it ends by itself or the program does.
    pub(super) fn keep<S: Stream + Send>(
        &self,
        stream: S,
    ) -> Result<impl Stream<Item = S::Item> + Send + use<S>, ApiError> {
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        let permit = permit.map_err(|_| {
            ApiError::new(Kind::Overloaded, "Too many streams are open. Close one, or ask again later.")
                .after(std::time::Duration::from_secs(5))
        })?;
        self.metrics.open_streams.inc();
        let slot = Slot { metrics: Arc::clone(&self.metrics), _permit: permit };
        let mut stopping = self.stopping.clone();
        let stop = async move {
            // An error means that nobody is left to say so: the program ends.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        Ok(stream.take_until(stop).map(move |item| {
            let _ = &slot;
            item
        }))
    }
}

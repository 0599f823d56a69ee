//! Responses that stream logs or events, and requests that wait. They are limited, shared among callers and counted, and
//! they end when the program stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::error::ServiceError;
use super::request_slot::RequestSlot;
use super::shares::{Shares, Slot};

/// How long a caller should wait before it tries again to open a stream.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Opens streams, up to a limit.
#[derive(Clone)]
pub struct Streams {
    slots: Arc<Shares>,
    stopping: watch::Receiver<bool>,
    open: Gauge,
}

/// An open stream or a waiting request, which is counted until this is dropped.
pub struct StreamSlot {
    open: Gauge,
    _slot: Slot,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Streams {
    pub(super) fn new(max_streams: usize, stopping: watch::Receiver<bool>, open: Gauge) -> Self {
        Self { slots: Shares::new(max_streams), stopping, open }
    }

    /// Exchanges the slot of a request for that of a stream or a waiting request.
    ///
    /// # Errors
    /// When too many are open, or the caller has its share of them.
    pub fn wait(&self, request: &RequestSlot) -> Result<StreamSlot, ServiceError> {
        let slot = self.slots.acquire(request.caller());
        let slot = slot.map_err(|reason| reason.error("open streams", RETRY_AFTER))?;
        request.release();
        self.open.inc();
        Ok(StreamSlot { open: self.open.clone(), _slot: slot })
    }

    /// The stream for this request, which also ends when the program stops.
    ///
    /// # Errors
    /// When too many streams are open, or the caller has its share of them.
    pub fn open<S: Stream + Send>(
        &self,
        request: &RequestSlot,
        stream: S,
    ) -> Result<impl Stream<Item = S::Item> + Send + use<S>, ServiceError> {
        let slot = self.wait(request)?;
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

    /// The stream for this request as a body. If the program stops before the stream has ended, its last item is an error,
    /// which aborts the response, so that the client does not mistake a part for the whole.
    ///
    /// # Errors
    /// When too many streams are open, or the caller has its share of them.
    pub fn open_body<T, S>(
        &self,
        request: &RequestSlot,
        body: S,
    ) -> Result<impl Stream<Item = io::Result<T>> + Send + use<T, S>, ServiceError>
    where
        T: Send + 'static,
        S: Stream<Item = io::Result<T>> + Send + 'static,
    {
        let whole = body.map(Some).chain(stream::iter([None]));
        let whole = self.open(request, whole)?.boxed();
        Ok(stream::unfold(Some(whole), async |whole| {
            let mut whole = whole?;
            match whole.next().await {
                Some(Some(item)) => Some((item, Some(whole))),
                Some(None) => None,
                None => Some((Err(io::Error::other("the service stops before the body has ended")), None)),
            }
        }))
    }
}

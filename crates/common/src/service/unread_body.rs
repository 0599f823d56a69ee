//! Request bodies that a handler has not read to their end.
//!
//! If a connection is closed while its client is still sending, the client gets an error of the connection and not the
//! response. So the rest of a body is received before the response is sent, unless it is large or slow.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How much of a body is received that no handler reads.
const MAX_UNREAD_BYTES: u64 = 256 * 1024;
/// How long it may take.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Where a body is put when its handler drops it.
#[derive(Clone, Default)]
pub(super) struct UnreadBody(Arc<Mutex<Option<Incoming>>>);

impl UnreadBody {
    /// The body for the handler. A client that expects `100 Continue` does not send a body that no handler reads.
    pub(super) fn watch(&self, body: Incoming, expects_continue: bool) -> WatchedBody {
        WatchedBody { body: Some(body), is_sent: !expects_continue, unread: self.clone() }
    }

    /// Receives the rest of a body that was dropped.
    pub(super) async fn receive(&self) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(body) = body.filter(|body| body.size_hint().lower() <= MAX_UNREAD_BYTES) {
            // The response is sent even if the rest does not arrive.
            let _ = timeout(MAX_TIME, discard(body)).await;
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut received = 0;
    while received < MAX_UNREAD_BYTES {
        let Some(Ok(frame)) = body.frame().await else { return };
        received += frame.data_ref().map_or(0, Buf::remaining) as u64;
    }
}

/// A request body.
pub(super) struct WatchedBody {
    body: Option<Incoming>,
    is_sent: bool,
    unread: UnreadBody,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_sent = true;
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if self.is_sent && !self.is_end_stream() {
            *self.unread.0.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
        }
    }
}

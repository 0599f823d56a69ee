//! The bytes of a connection: a deadline for writing, and charges for what its client holds.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::connections::{Charge, Connection};

/// The time for a client to accept what is written to it. It starts when the kernel's buffer is full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A head up to this size is part of what every connection is charged.
const SMALL_HEAD_BYTES: usize = 4 * 1024;

/// What the bytes of a connection and its requests share.
pub(super) struct Exchange {
    connection: Connection,
    /// A head has been read as a whole since the last look.
    head_is_complete: AtomicBool,
    /// A response of known size is being written.
    response_is_pending: AtomicBool,
}

/// A stream whose client has to accept what is written to it.
pub(super) struct ConnectionIo<S> {
    stream: S,
    exchange: Arc<Exchange>,
    unfinished_head: usize,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

impl Exchange {
    pub(super) fn new(connection: Connection) -> Arc<Self> {
        Arc::new(Self {
            connection,
            head_is_complete: AtomicBool::new(false),
            response_is_pending: AtomicBool::new(false),
        })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A request starts: its head is complete.
    pub(super) fn begin_request(&self) {
        self.head_is_complete.store(true, Ordering::Relaxed);
        self.connection.charge(Charge::Request);
    }

    /// A response of this size is written next.
    pub(super) fn begin_response(&self, bytes: usize) {
        self.connection.charge(Charge::Response(bytes));
        self.response_is_pending.store(true, Ordering::Relaxed);
    }

    /// A response without a known size is written until [`end_stream`](Self::end_stream).
    pub(super) fn begin_stream(&self, bytes: usize) {
        self.connection.charge(Charge::Response(bytes));
    }

    pub(super) fn end_stream(&self) {
        self.connection.response_is_sent();
    }
}

impl<S> ConnectionIo<S> {
    pub(super) fn new(stream: S, exchange: Arc<Exchange>) -> Self {
        Self { stream, exchange, unfinished_head: 0, write_deadline: None }
    }

    fn count_read(&mut self, bytes: usize) {
        if self.exchange.head_is_complete.swap(false, Ordering::Relaxed) {
            self.unfinished_head = 0;
        }
        let was_small = self.unfinished_head <= SMALL_HEAD_BYTES;
        self.unfinished_head += bytes;
        if was_small && self.unfinished_head > SMALL_HEAD_BYTES {
            self.exchange.connection.charge(Charge::Head);
        }
    }

    /// Fails a write that is pending for too long.
    fn limit<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = pin!(&mut self.stream).poll_read(context, buffer);
        self.count_read(buffer.filled().len() - before);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ConnectionIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = pin!(&mut self.stream).poll_write(context, bytes);
        self.limit(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = pin!(&mut self.stream).poll_write_vectored(context, slices);
        self.limit(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written everything that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = pin!(&mut self.stream).poll_flush(context);
        if matches!(result, Poll::Ready(Ok(()))) {
            self.write_deadline = None;
            if self.exchange.response_is_pending.swap(false, Ordering::Relaxed) {
                self.exchange.connection.response_is_sent();
            }
        }
        self.limit(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = pin!(&mut self.stream).poll_shutdown(context);
        self.limit(context, result)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::{ConnectionIo, Exchange, WRITE_TIMEOUT};
    use crate::service::connections::Connections;

    /// A connection whose kernel buffer has 16 bytes, and its client.
    fn connection() -> (ConnectionIo<DuplexStream>, DuplexStream) {
        let connections = Connections::new(1 << 20, Counter::default());
        let exchange = Exchange::new(connections.open(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let (server, client) = duplex(16);
        (ConnectionIo::new(server, exchange), client)
    }

    async fn write(io: &mut ConnectionIo<DuplexStream>, bytes: &[u8]) -> std::io::Result<()> {
        io.write_all(bytes).await?;
        io.flush().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_loses_its_connection() {
        let (mut io, _client) = connection();
        let started = Instant::now();
        write(&mut io, &[0; 16]).await.unwrap();
        let error = write(&mut io, &[0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= WRITE_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_byte_at_a_time_loses_its_connection() {
        let (mut io, mut client) = connection();
        let reader = tokio::spawn(async move {
            while client.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let error = write(&mut io, &[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        drop(io);
        reader.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_of_a_stream_has_its_own_deadline() {
        let (mut io, mut client) = connection();
        let reader = tokio::spawn(async move {
            let mut read = 0;
            while client.read_u8().await.is_ok() {
                read += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            read
        });
        for _ in 0..10 {
            write(&mut io, &[0; 16]).await.unwrap();
        }
        drop(io);
        assert_eq!(reader.await.unwrap(), 160);
    }
}

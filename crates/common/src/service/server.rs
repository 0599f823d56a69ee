//! The listener: connections with deadlines and a memory budget, and graceful shutdown.
//!
//! `axum::serve` has no deadline for a request's head, no limit of its length and none of connections, so this uses
//! hyper's connection builder.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::header::EXPECT;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::connection_io::{ConnectionIo, Exchange};
use super::connections::{Connections, STREAM_BYTES};
use super::listener::client_address;
use super::unread_body::UnreadBody;

/// The time for the head of a request to arrive, also for the next request of a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The size of a connection's read buffer in bytes. A request whose head does not fit is rejected.
const READ_BUFFER_BYTES: usize = 16 * 1024;
/// The pause after a connection could not be accepted, which usually means that file descriptors or memory are
/// exhausted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` completes. Requests in progress then have `grace` to complete.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok((stream, address)) => (stream, client_address(address)),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                connections.close_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let exchange = Exchange::new(connections.open(address.ip()));
        let connection = graceful.watch(connection(stream, address, &router, Arc::clone(&exchange)));
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection failed");
            }
        });
        exchange.connection().runs_in(task.abort_handle());
        // A connection that was closed in its favour releases its memory before the next one is accepted.
        tokio::task::yield_now().await;
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that did not complete in SHUTDOWN_GRACE_SECONDS are cancelled");
    }
}

fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: &Router,
    exchange: Arc<Exchange>,
) -> http1::Connection<
    TokioIo<ConnectionIo<TcpStream>>,
    impl hyper::service::Service<hyper::Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + use<>,
> {
    // Responses are small and sent as a whole, so Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let io = ConnectionIo::new(stream, Arc::clone(&exchange));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        exchange.begin_request();
        let unread = UnreadBody::default();
        let expects_continue = request.headers().contains_key(EXPECT);
        let mut request = request.map(|body| Body::new(unread.watch(body, expects_continue)));
        request.extensions_mut().insert(ConnectInfo(address));
        let response = router.clone().oneshot(request);
        let exchange = Arc::clone(&exchange);
        async move {
            let response = response.await?;
            unread.receive().await;
            Ok(charged(response, exchange))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(io), service)
}

/// Charges the connection for the response until it is sent.
fn charged(response: Response, exchange: Arc<Exchange>) -> Response {
    if let Some(bytes) = response.body().size_hint().exact() {
        exchange.begin_response(usize::try_from(bytes).unwrap_or(usize::MAX));
        return response;
    }
    exchange.begin_stream(STREAM_BYTES);
    let stream = OpenStream(exchange);
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &stream;
            frame
        }))
    })
}

/// A response of unknown length. The connection is idle again when it is dropped.
struct OpenStream(Arc<Exchange>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.end_stream();
    }
}

//! A Unix socket inside this process that relays to a TLS connection.
//!
//! sqlx verifies servers differently from libpq, and its verifier can't be replaced. It therefore connects to this socket
//! without TLS. The socket is in the abstract namespace: it needs no folder and ends with its listener. Only this process can
//! use it.

use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::upstream::TlsUpstream;

const BUFFER_BYTES: usize = 64 * 1024;

/// A task that is aborted when this is dropped.
#[derive(Debug)]
pub(super) struct AbortOnDrop<T>(Option<JoinHandle<T>>);

impl<T> AbortOnDrop<T> {
    fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self
    where
        T: Send + 'static,
    {
        Self(Some(tokio::spawn(future)))
    }

    /// Lets the task run to its end.
    pub(super) fn detach(mut self) {
        self.0.take();
    }

    /// Waits for the task's result.
    pub(super) async fn result(mut self) -> Option<T> {
        // The handle stays in place during the wait, so that cancelling the wait aborts the task.
        let result = self.0.as_mut()?.await.ok();
        self.0.take();
        result
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// A listening socket with a random name.
pub(super) struct RelaySocket {
    listener: UnixListener,
    name: String,
}

impl RelaySocket {
    /// Starts to listen. `port` is the port that the client is configured with.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let random = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let name = format!("tradeops-postgres-{}-{random}", std::process::id());
        let address = SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.{port}"))?;
        let listener = StdListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, name })
    }

    /// The folder of the socket in the form that sqlx expects.
    pub(super) fn folder(&self) -> String {
        format!("\0{}", self.name)
    }

    /// The next connection from this process. Connections from other processes are closed.
    async fn accept(&self) -> io::Result<UnixStream> {
        let own = i32::try_from(std::process::id()).ok();
        loop {
            let (stream, _) = self.listener.accept().await?;
            if own.is_some() && stream.peer_cred()?.pid() == own {
                return Ok(stream);
            }
        }
    }

    /// Relays one connection until either side closes it.
    pub(super) fn serve_once(self, mut upstream: TlsUpstream) -> AbortOnDrop<io::Result<()>> {
        AbortOnDrop::spawn(async move {
            let mut client = self.accept().await?;
            drop(self);
            copy(&mut client, &mut upstream).await
        })
    }
}

async fn copy(client: &mut UnixStream, upstream: &mut TlsUpstream) -> io::Result<()> {
    copy_bidirectional_with_sizes(client, upstream, BUFFER_BYTES, BUFFER_BYTES).await.map(drop)
}

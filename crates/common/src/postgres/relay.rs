//! A Unix socket inside this process, behind which a TLS connection to the server is.
//!
//! sqlx verifies servers otherwise than libpq does, and can't be given another verifier. So it connects to this socket
//! without TLS. The socket is in the abstract namespace: it needs no folder, and ends with its listener. Only this
//! process may use it.

use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::upstream::Encrypted;

const BUFFER_BYTES: usize = 64 * 1024;

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task<T>(Option<JoinHandle<T>>);

impl<T> Task<T> {
    fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self
    where
        T: Send + 'static,
    {
        Self(Some(tokio::spawn(future)))
    }

    /// Lets the task end by itself.
    pub(super) fn detach(mut self) {
        self.0.take();
    }

    /// Waits for the task's result.
    pub(super) async fn result(mut self) -> Option<T> {
        // It stays in place while waiting, so that it is ended when the waiting is.
        let result = self.0.as_mut()?.await.ok();
        self.0.take();
        result
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// A listening socket with a name that nobody can guess.
pub(super) struct Socket {
    listener: UnixListener,
    name: String,
}

impl Socket {
    /// Begins to listen; `port` is the one that the client will be given.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let random = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let name = format!("tradeops-postgres-{}-{random}", std::process::id());
        let address = SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.{port}"))?;
        let listener = StdListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, name })
    }

    /// The folder to connect to, as sqlx takes it.
    pub(super) fn folder(&self) -> String {
        format!("\0{}", self.name)
    }

    /// The next connection from this process; those of others are closed.
    async fn accept(&self) -> io::Result<UnixStream> {
        let own = i32::try_from(std::process::id()).ok();
        loop {
            let (stream, _) = self.listener.accept().await?;
            if own.is_some() && stream.peer_cred()?.pid() == own {
                return Ok(stream);
            }
        }
    }

    /// Serves one connection, until either side ends it.
    pub(super) fn serve_once(self, mut upstream: Encrypted) -> Task<io::Result<()>> {
        Task::spawn(async move {
            let mut client = self.accept().await?;
            drop(self);
            copy(&mut client, &mut upstream).await
        })
    }
}

async fn copy(client: &mut UnixStream, upstream: &mut Encrypted) -> io::Result<()> {
    copy_bidirectional_with_sizes(client, upstream, BUFFER_BYTES, BUFFER_BYTES).await.map(drop)
}

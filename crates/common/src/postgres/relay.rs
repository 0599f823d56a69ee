//! A Unix socket inside this process, behind which a TLS connection to the server is.
//!
//! sqlx verifies servers otherwise than libpq does, and can't be given another verifier. So it connects to this socket
//! without TLS. The socket is in the abstract namespace: it needs no folder, and ends with its listener. Only this
//! process may use it.

use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
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

    /// Serves each connection with an upstream of its own, until the task is dropped. Connections in progress continue.
    pub(super) fn serve<F, E>(self, connect: impl Fn() -> F + Send + Sync + 'static) -> Task<()>
    where
        F: Future<Output = Result<Encrypted, E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let connect = Arc::new(connect);
        Task::spawn(async move {
            while let Ok(mut client) = self.accept().await {
                let upstream = connect();
                tokio::spawn(async move {
                    match upstream.await {
                        // How it ends is seen by the client.
                        Ok(mut upstream) => drop(copy(&mut client, &mut upstream).await),
                        Err(error) => drop(refuse(&mut client, &error.to_string()).await),
                    }
                });
            }
        })
    }
}

async fn copy(client: &mut UnixStream, upstream: &mut Encrypted) -> io::Result<()> {
    copy_bidirectional_with_sizes(client, upstream, BUFFER_BYTES, BUFFER_BYTES).await.map(drop)
}

/// Answers the start-up message with an error of the class "connection exception".
async fn refuse(client: &mut UnixStream, reason: &str) -> io::Result<()> {
    let mut start_up = [0; 1024];
    let _ = client.read(&mut start_up).await?;
    let fields = format!("SFATAL\0VFATAL\0C08001\0M{reason}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    client.write_u8(b'E').await?;
    client.write_u32(length).await?;
    client.write_all(fields.as_bytes()).await
}

//! A TCP proxy that can close connections, stop forwarding, and switch to another server.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyMode {
    /// Bytes are forwarded.
    Open,
    /// Existing and new connections are closed.
    Closed,
    /// Nothing is forwarded, and the connections stay open.
    Silent,
}

/// A proxy on its own port. It ends when it is dropped.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    mode: watch::Sender<ProxyMode>,
    /// The server of new connections.
    server: watch::Sender<u16>,
    accepted: watch::Receiver<usize>,
    rejected: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl TcpProxy {
    /// A proxy to that port of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(port: u16, mode: ProxyMode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own_port = listener.local_addr().expect("it is bound").port();
        let (mode, state) = watch::channel(mode);
        let (server, server_port) = watch::channel(port);
        let (count_accepted, accepted) = watch::channel(0);
        let (count_rejected, rejected) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == ProxyMode::Closed {
                    count_rejected.send_modify(|count| *count += 1);
                } else {
                    count_accepted.send_modify(|count| *count += 1);
                    tokio::spawn(forward(client, *server_port.borrow(), state.clone()));
                }
            }
        });
        Self { port: own_port, mode, server, accepted, rejected, accepting }
    }

    /// The proxy's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL with this proxy in place of the server.
    pub fn url(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }

    /// Changes what happens to existing and new connections.
    pub fn set_mode(&self, mode: ProxyMode) {
        self.mode.send_replace(mode);
    }

    /// Connects new connections to another server, like a DNS record that has changed. Existing ones stay open.
    pub fn redirect(&self, port: u16) {
        self.server.send_replace(port);
    }

    /// Waits until that many more connections were accepted.
    ///
    /// # Panics
    /// Never, because the proxy runs while it exists.
    pub async fn accepts(&mut self, more: usize) {
        let before = *self.accepted.borrow();
        self.accepted.wait_for(|count| *count >= before + more).await.expect("the proxy is running");
    }

    /// Waits until a connection was rejected.
    ///
    /// # Panics
    /// Never, because the proxy runs while it exists.
    pub async fn rejects(&mut self) {
        self.rejected.wait_for(|count| *count > 0).await.expect("the proxy is running");
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut client: TcpStream, port: u16, mut mode: watch::Receiver<ProxyMode>) {
    // The server may be down, which is what the client then observes.
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    if *mode.borrow_and_update() == ProxyMode::Open {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = mode.changed() => {}
        }
    }
    // Forwarding does not resume, because bytes can be lost.
    let _ = mode.wait_for(|mode| *mode == ProxyMode::Closed).await;
}

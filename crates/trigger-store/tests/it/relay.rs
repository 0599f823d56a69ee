//! A way to Postgres that can be cut, go silent, be mended, and lead to another server.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the way is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Open,
    /// Connections are closed, those to come as well.
    Cut,
    /// Nothing comes through, and nobody is told.
    Silent,
}

pub(crate) struct Relay {
    port: u16,
    way: watch::Sender<Way>,
    /// The server of connections to come.
    server: watch::Sender<u16>,
    accepted: watch::Receiver<usize>,
    turned_away: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// A relay to that port of this machine.
    pub(crate) async fn to(port: u16, way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own_port = listener.local_addr().expect("it is bound").port();
        let (way, state) = watch::channel(way);
        let (server, server_port) = watch::channel(port);
        let (count_accepted, accepted) = watch::channel(0);
        let (count, turned_away) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Way::Cut {
                    count.send_modify(|count| *count += 1);
                } else {
                    count_accepted.send_modify(|count| *count += 1);
                    tokio::spawn(relay(client, *server_port.borrow(), state.clone()));
                }
            }
        });
        Self { port: own_port, way, server, accepted, turned_away, accepting }
    }

    /// The URL with this relay in place of the server.
    pub(crate) fn url(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }

    pub(crate) fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Sends the connections to come to another server, as a name does that has moved. Those that are open stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.server.send_replace(port);
    }

    /// Waits until that many more connections were made.
    pub(crate) async fn accepts(&mut self, more: usize) {
        let before = *self.accepted.borrow();
        self.accepted.wait_for(|count| *count >= before + more).await.expect("the relay is there");
    }

    /// Waits until somebody was turned away.
    pub(crate) async fn somebody_turned_away(&mut self) {
        self.turned_away.wait_for(|count| *count > 0).await.expect("the relay is there");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn relay(mut client: TcpStream, port: u16, mut state: watch::Receiver<Way>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server is up");
    if *state.borrow_and_update() == Way::Open {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = state.changed() => {}
        }
    }
    // A silent connection stays open, and is of no more use: something may be lost.
    let _ = state.wait_for(|way| *way == Way::Cut).await;
}

//! What pods need from outside of the cluster: a Postgres with sample days, and the receiving Worker. Both listen on this
//! machine's loopback; a forwarder each makes them reachable from pods.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use testkit::postgres::{Database, Server};
use testkit::worker::Worker;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The parts.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The database of the views.
    pub(crate) views: Database,
    /// The Worker, as this machine reaches it.
    pub(crate) worker: Worker,
    /// The port of Postgres, as pods reach it.
    pub(crate) postgres: SocketAddr,
    /// The Worker, as pods reach it.
    pub(crate) receiver: SocketAddr,
}

impl Parts {
    /// Starts them.
    pub(crate) fn start(runtime: &Runtime, address: IpAddr) -> Self {
        let worker = Worker::start(&[]);
        runtime.block_on(async {
            let views = Server::shared().database().await;
            views.execute(sample::SCHEMA).await;
            // Today as trades-sync will see it, also when a day ends meanwhile.
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            for day in -3..=1 {
                views.execute(&sample::day(today.checked_add(day.days()).expect("a date"))).await;
            }
            views.execute(sample::REFRESH).await;
            let loopback = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
            let port = worker.access.worker.rsplit(':').next().and_then(|port| u16::from_str(port).ok());
            let postgres = forward(address, loopback(views.port)).await;
            let receiver = forward(address, loopback(port.expect("its URL has a port"))).await;
            Self { views, worker, postgres, receiver }
        })
    }

    /// A database's URL, as pods reach it.
    pub(crate) fn for_pods(&self, database: &Database) -> String {
        database.url.replace(&format!("127.0.0.1:{}", database.port), &self.postgres.to_string())
    }
}

/// Passes on what comes to a new port of the address.
async fn forward(address: IpAddr, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.expect("the address is this machine's");
    let at = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut to) = TcpStream::connect(to).await {
                    // Either end may leave as it likes.
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                }
            });
        }
    });
    at
}

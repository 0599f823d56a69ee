//! The services outside of the cluster that pods need: a Postgres with sample days, and the receiving Worker. Both listen on the
//! loopback of this machine; a TCP forwarder each makes them reachable from pods.

use std::net::{IpAddr, SocketAddr};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use testkit::postgres::{Database, Server};
use testkit::worker::{Access, Worker};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The services' addresses.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Services {
    /// The database of the views.
    pub(crate) views: Database,
    /// The Worker, as this machine reaches it.
    pub(crate) worker: Access,
    /// Postgres, as pods reach it.
    pub(crate) postgres: SocketAddr,
    /// The Worker, as pods reach it.
    pub(crate) receiver: SocketAddr,
}

/// Stops the Worker on drop.
#[derive(Debug)]
pub(crate) struct ServicesGuard {
    _worker: Worker,
}

impl Services {
    /// Starts the services; `address` is this machine's address as pods reach it.
    pub(crate) fn start(runtime: &Runtime, address: IpAddr) -> (Self, ServicesGuard) {
        let worker = Worker::start(&[]);
        let access = worker.access.clone();
        let services = runtime.block_on(async {
            let views = Server::shared().database().await;
            views.execute(sample::SCHEMA).await;
            // Tomorrow too: the tests may run past midnight.
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            for day in -3..=1 {
                views.execute(&sample::day(today.checked_add(day.days()).expect("a date"))).await;
            }
            views.execute(sample::REFRESH).await;
            let loopback = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
            let port = access.worker.rsplit(':').next().and_then(|port| port.parse().ok());
            let postgres = forward(address, loopback(views.port)).await;
            let receiver = forward(address, loopback(port.expect("its URL has a port"))).await;
            Self { views, worker: access, postgres, receiver }
        });
        (services, ServicesGuard { _worker: worker })
    }

    /// Creates an empty database on the server of the views.
    pub(crate) async fn create_database(&self, name: &str) -> Database {
        self.views.execute(&format!("CREATE DATABASE {name}")).await;
        let server =
            self.views.url.strip_suffix(&self.views.name).expect("the URL ends in the database's name");
        Database { url: format!("{server}{name}"), name: name.to_owned(), port: self.views.port }
    }

    /// A database's URL, as pods reach it.
    pub(crate) fn for_pods(&self, database: &Database) -> String {
        database.url.replace(&format!("127.0.0.1:{}", database.port), &self.postgres.to_string())
    }
}

/// Forwards connections from a free port of `address`.
async fn forward(address: IpAddr, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.expect("the address is this machine's");
    let listen_address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(to).await {
                    // Both ends may close the connection at any time.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    listen_address
}

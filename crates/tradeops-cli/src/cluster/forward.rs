//! Forwards a port of this machine to pods, in this process. Each connection goes to a pod that is ready at that moment, so
//! the port outlives the pods.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::errors::explain;
use super::pods::{NoPod, PodPort, ServicePods};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// A forwarded port. It ends when this is dropped.
pub struct Forward {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    pods: ServicePods,
    problem: Mutex<Option<NoPod>>,
    /// The pod of the newest connection, or why there was none.
    state: watch::Sender<Result<String, String>>,
}

impl Forward {
    /// Listens on a port of this machine; 0 is any free port.
    ///
    /// # Errors
    /// When the port is in use.
    pub async fn start(pods: ServicePods, port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| port_in_use(port, &error))?;
        let address = listener.local_addr().map_err(|error| port_in_use(port, &error))?;
        let state = watch::Sender::new(Err(String::new()));
        let shared = Arc::new(Shared { pods, problem: Mutex::default(), state });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// The address of the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the Service.
    pub fn service(&self) -> &str {
        &self.shared.pods.service
    }

    /// Why the newest failed connection had no pod, and whether another one can't have one either. It is returned once.
    pub fn take_problem(&self) -> Option<(Failure, bool)> {
        let problem = self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).take();
        problem.map(|NoPod { failure, is_final }| (failure, is_final))
    }

    /// The pod of the newest connection, or why there was none.
    pub fn states(&self) -> watch::Receiver<Result<String, String>> {
        self.shared.state.subscribe()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error is about one connection.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(carry(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut stream: TcpStream, shared: Arc<Shared>) {
    let problem = match shared.pods.find().await {
        Ok(pod) => match forward(&mut stream, &shared, &pod).await {
            Ok(()) => return,
            Err(failure) => NoPod { failure, is_final: false },
        },
        Err(problem) => problem,
    };
    let _ = shared.state.send_replace(Err(problem.failure.to_string()));
    *shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
}

/// Copies bytes until one side closes. An error means that the pod could not be reached.
async fn forward(
    stream: &mut TcpStream,
    shared: &Shared,
    PodPort { pod, port }: &PodPort,
) -> Result<(), Failure> {
    let opened = shared.pods.api().portforward(pod, &[*port]).await;
    let mut opened = opened.map_err(|error| explain(&format!("forward a port to the pod {pod}"), &error))?;
    let (Some(mut upstream), Some(error)) = (opened.take_stream(*port), opened.take_error(*port)) else {
        return Ok(());
    };
    shared.state.send_if_modified(|state| {
        let is_new = state.as_ref() != Ok(pod);
        *state = Ok(pod.clone());
        is_new
    });
    let refused = async {
        match error.await {
            Some(text) => text,
            // There was no error.
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        biased;
        text = refused => {
            let text = common::text::single_line(&text, 300);
            Err(Failure::new(Outcome::Unavailable, format!("the pod {pod} does not accept connections: {text}")))
        }
        _ = copy_bidirectional(stream, &mut upstream) => Ok(()),
    };
    opened.abort();
    outcome
}

fn port_in_use(port: u16, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => "is in use".to_owned(),
        _ => format!("can't be used: {error}"),
    };
    Failure::new(Outcome::Rejected, format!("the port {port} of this machine {what}"))
        .with_next("choose another one with --port, or any free one with --port 0")
}

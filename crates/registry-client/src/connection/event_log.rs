//! Reports events of the connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Event, ServerError};
use tokio::sync::watch;

use super::Link;
use super::denied_subject::denied_subject;

/// The maximum number of denied subjects that are kept.
const MAX_DENIED: usize = 32;

/// Reports events of the connection: each problem once, however often it occurs.
pub(super) struct EventLog {
    links: watch::Sender<Link>,
    problems: SharedProblems,
}

/// What prevents the use of NATS.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedProblems(Arc<Mutex<ConnectionProblems>>);

#[derive(Debug, Default)]
struct ConnectionProblems {
    /// Why there is no connection.
    disconnected: Option<&'static str>,
    /// Why the certificate of a server was rejected in the current attempt to connect.
    certificate: Option<&'static str>,
    /// Sentences about the subjects that were denied since the client is connected.
    denied: BTreeSet<String>,
}

impl EventLog {
    pub(super) fn new(links: watch::Sender<Link>) -> Self {
        Self { links, problems: SharedProblems::default() }
    }

    pub(super) fn problems(&self) -> SharedProblems {
        self.problems.clone()
    }

    pub(super) fn apply(&self, event: &Event) {
        match event {
            Event::Connected => {
                *self.problems.lock() = ConnectionProblems::default();
                let connect =
                    |link: &mut Link| *link = Link { connected: true, connections: link.connections + 1 };
                self.links.send_modify(connect);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected | Event::Closed => {
                self.links.send_modify(|link| link.connected = false);
                self.report("the connection to NATS is lost");
            }
            Event::ServerError(ServerError::AuthorizationViolation) => self.report_rejection(),
            Event::ServerError(error) => self.report_server_error(error),
            Event::ClientError(error) if error.to_string().contains("authorization") => {
                self.report_rejection();
            }
            Event::ClientError(_) => {
                let certificate = self.problems.lock().certificate.take();
                self.report(certificate.unwrap_or("NATS can't be reached"));
            }
            Event::LameDuckMode => tracing::info!("a server of NATS is shutting down"),
            Event::SlowConsumer(_) => {
                tracing::warn!("messages of NATS were dropped because they were read too slowly");
            }
            Event::Draining => {}
        }
    }

    fn report_rejection(&self) {
        self.report("NATS rejects the credentials of this client, or requires some");
    }

    fn report(&self, problem: &'static str) {
        let before = self.problems.lock().disconnected.replace(problem);
        if before != Some(problem) {
            tracing::warn!("{problem}");
        }
    }

    fn report_server_error(&self, error: &ServerError) {
        let sentence = match error {
            ServerError::Other(text) => denied_subject(text),
            ServerError::AuthorizationViolation | ServerError::SlowConsumer(_) => None,
        };
        let Some(sentence) = sentence else {
            tracing::warn!("NATS reports an error");
            return;
        };
        let mut problems = self.problems.lock();
        if problems.denied.len() < MAX_DENIED && problems.denied.insert(sentence.clone()) {
            tracing::warn!("{sentence}");
        }
    }
}

impl SharedProblems {
    /// Reports why the certificate of a server was rejected.
    pub(super) fn reject_certificate(&self, problem: &'static str) {
        self.lock().certificate = Some(problem);
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let problems = self.lock();
        problems.disconnected.map(str::to_owned).into_iter().chain(problems.denied.iter().cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionProblems> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

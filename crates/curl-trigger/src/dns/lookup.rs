//! The state machine of one lookup.
//!
//! A query is sent to all servers at the same time over UDP and repeated every second; the first usable answer is the
//! result. AAAA is queried if there is no A record. After NXDOMAIN, or if both are missing, the next name of the
//! search list is queried. If every server fails or the time limit is exceeded, the lookup fails: the next name of
//! the search list could be another Service of the same name.

use alloc::{string::String, vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

use super::{
    config::ResolverConfig,
    message::{Answer, Question, RecordType},
};

/// The interval at which a query is repeated.
pub const RESEND_INTERVAL: Duration = Duration::from_secs(1);

/// The transport of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection; each message follows its length (RFC 1035 section 4.2.2).
    Tcp,
}

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// The index of the server in [`ResolverConfig::servers`].
    pub server: usize,
    /// The transport.
    pub transport: Transport,
    /// The message, without the length that precedes it over TCP.
    pub message: Vec<u8>,
}

/// The reason why a lookup has no addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupError {
    /// No name of the search list exists and has an address.
    NotFound,
    /// Every server failed; a retry may succeed.
    ServersFailed,
    /// No server answered in time; a retry may succeed.
    TimedOut,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ServerState {
    /// A query is to be sent over this transport.
    Due(Transport),
    /// A query was sent over this transport.
    Sent(Transport),
    /// The server failed or is unreachable.
    Failed,
}

/// The state machine of one lookup.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The names still to query, in reverse order.
    names: Vec<String>,
    question: Question,
    /// The state of each server and the id of the last query to it.
    servers: Vec<(ServerState, u16)>,
    tcp_only: bool,
    resend_at: Duration,
    deadline: Duration,
    outcome: Option<Result<Vec<IpAddr>, LookupError>>,
}

impl Lookup {
    /// Starts at `now`; ends at the latest after [`ResolverConfig::total`].
    pub fn new(config: &ResolverConfig, name: &str, now: Duration) -> Self {
        let mut names = config.candidates(name);
        names.reverse();
        let mut lookup = Self {
            names,
            question: Question { name: String::new(), record: RecordType::A },
            servers: vec![(ServerState::Failed, 0); config.servers.len()],
            tcp_only: config.tcp_only,
            resend_at: now,
            deadline: now + config.total,
            outcome: None,
        };
        lookup.next_name(now);
        lookup
    }

    /// The result, once the lookup has ended.
    pub fn outcome(&self) -> Option<&Result<Vec<IpAddr>, LookupError>> {
        self.outcome.as_ref()
    }

    /// The current question.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The time of the next call of [`Self::tick`].
    pub fn wake_at(&self) -> Duration {
        self.resend_at.min(self.deadline)
    }

    /// The next message to send, with an id from `random`. Must be called until it returns `None`.
    pub fn next_query(&mut self, random: &mut dyn FnMut() -> u16) -> Option<Query> {
        if self.outcome.is_some() {
            return None;
        }
        let (server, transport) =
            self.servers.iter().enumerate().find_map(|(index, (state, _))| match state {
                ServerState::Due(transport) => Some((index, *transport)),
                _ => None,
            })?;
        let id = random();
        *self.servers.get_mut(server)? = (ServerState::Sent(transport), id);
        Some(Query { server, transport, message: self.question.encode(id) })
    }

    /// Handles a message from a server.
    pub fn receive(&mut self, server: usize, transport: Transport, message: &[u8], now: Duration) {
        let Some((ServerState::Sent(expected), id)) = self.servers.get(server).copied() else {
            return;
        };
        if expected != transport || self.outcome.is_some() {
            return;
        }
        match self.question.decode(id, message) {
            // A forged message, or the answer to an earlier question: the right one may still arrive.
            None => {}
            Some(Answer::Addresses(addresses)) => self.outcome = Some(Ok(addresses)),
            Some(Answer::NoData) if self.question.record == RecordType::A => {
                self.question.record = RecordType::Aaaa;
                self.query_all(now);
            }
            Some(Answer::NoData | Answer::NxDomain) => self.next_name(now),
            Some(Answer::Truncated) if transport == Transport::Udp => {
                self.set_state(server, ServerState::Due(Transport::Tcp));
            }
            Some(Answer::Truncated | Answer::ServerFailure(_)) => self.fail(server),
        }
    }

    /// Records that a server can't be reached over this transport.
    pub fn unreachable(&mut self, server: usize, transport: Transport) {
        if self.servers.get(server).is_some_and(|(state, _)| *state == ServerState::Sent(transport)) {
            self.fail(server);
        }
    }

    /// Repeats queries or ends the lookup when it is time to.
    pub fn tick(&mut self, now: Duration) {
        if self.outcome.is_some() {
            return;
        }
        if now >= self.deadline {
            self.outcome = Some(Err(LookupError::TimedOut));
        } else if now >= self.resend_at {
            self.resend_at = now + RESEND_INTERVAL;
            for (state, _) in &mut self.servers {
                // TCP retransmits lost packets itself.
                if *state == ServerState::Sent(Transport::Udp) {
                    *state = ServerState::Due(Transport::Udp);
                }
            }
        }
    }

    fn next_name(&mut self, now: Duration) {
        match self.names.pop() {
            None => self.outcome = Some(Err(LookupError::NotFound)),
            Some(name) => {
                self.question = Question { name, record: RecordType::A };
                self.query_all(now);
            }
        }
    }

    fn query_all(&mut self, now: Duration) {
        let transport = if self.tcp_only { Transport::Tcp } else { Transport::Udp };
        self.servers.fill((ServerState::Due(transport), 0));
        self.resend_at = now + RESEND_INTERVAL;
    }

    fn fail(&mut self, server: usize) {
        self.set_state(server, ServerState::Failed);
        if self.servers.iter().all(|(state, _)| *state == ServerState::Failed) {
            self.outcome = Some(Err(LookupError::ServersFailed));
        }
    }

    fn set_state(&mut self, server: usize, new: ServerState) {
        if let Some((state, _)) = self.servers.get_mut(server) {
            *state = new;
        }
    }
}

#[cfg(test)]
mod tests;

//! The state machine of one lookup.
//!
//! A query is sent to all servers at the same time over UDP and repeated every second. The first address is the result.
//! A negative answer counts only if every server before it in the file has answered, failed, or is silent: as in
//! glibc, the first server that works decides. Then the next name of the search list is queried, also if all servers
//! failed for this name. AAAA is queried if there is no A record.

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
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LookupError {
    /// No name of the search list exists and has an address.
    NotFound,
    /// Every server failed for this name, and no other name has an address; a retry may succeed.
    ServersFailed(String),
    /// No server answered in time; a retry may succeed.
    TimedOut,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ServerState {
    /// A query is to be sent over this transport.
    Due(Transport),
    /// A query was sent over this transport.
    Sent(Transport),
    /// The name does not exist, or has no address of this type.
    Negative {
        /// The name exists.
        exists: bool,
    },
    /// The server failed or is unreachable.
    Failed,
}

#[derive(Clone, Copy, Debug)]
struct ServerStatus {
    state: ServerState,
    /// The id of the last query.
    id: u16,
    /// The server has not answered a query in its time. Other servers' answers no longer wait for it.
    is_silent: bool,
}

/// The state machine of one lookup.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The names still to query, in reverse order.
    names: Vec<String>,
    /// The types to query, in order.
    records: &'static [RecordType],
    question: Question,
    servers: Vec<ServerStatus>,
    tcp_only: bool,
    /// The time after which a server is silent.
    timeout: Duration,
    silent_at: Duration,
    resend_at: Duration,
    deadline: Duration,
    /// The first name for which all servers failed.
    failed_name: Option<String>,
    outcome: Option<Result<Vec<IpAddr>, LookupError>>,
}

impl Lookup {
    /// Starts at `now`; ends at the latest after [`ResolverConfig::total`]. `records` are the types to query; there must be
    /// at least one.
    pub fn new(config: &ResolverConfig, name: &str, records: &'static [RecordType], now: Duration) -> Self {
        let mut names = config.candidates(name);
        names.reverse();
        let server = ServerStatus { state: ServerState::Failed, id: 0, is_silent: false };
        let mut lookup = Self {
            names,
            records,
            question: Question { name: String::new(), record: RecordType::A },
            servers: vec![server; config.servers.len()],
            tcp_only: config.tcp_only,
            timeout: config.timeout,
            silent_at: now,
            resend_at: now,
            deadline: now + config.total,
            failed_name: None,
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
        let (index, server, transport) =
            self.servers.iter_mut().enumerate().find_map(|(index, server)| match server.state {
                ServerState::Due(transport) => Some((index, server, transport)),
                _ => None,
            })?;
        server.id = random();
        server.state = ServerState::Sent(transport);
        Some(Query { server: index, transport, message: self.question.encode(server.id) })
    }

    /// Handles a message from a server.
    pub fn receive(&mut self, server: usize, transport: Transport, message: &[u8], now: Duration) {
        let Some(server) = self.servers.get_mut(server).filter(|_| self.outcome.is_none()) else {
            return;
        };
        if server.state != ServerState::Sent(transport) {
            return;
        }
        // A forged message, or the answer to an earlier question, is ignored: the right one may still arrive.
        let Some(answer) = self.question.decode(server.id, message) else {
            return;
        };
        server.is_silent = false;
        server.state = match answer {
            Answer::Addresses(addresses) => {
                self.outcome = Some(Ok(addresses));
                return;
            }
            Answer::NoData => ServerState::Negative { exists: true },
            Answer::NxDomain => ServerState::Negative { exists: false },
            Answer::Truncated if transport == Transport::Udp => ServerState::Due(Transport::Tcp),
            Answer::Truncated | Answer::ServerFailure(_) => ServerState::Failed,
        };
        self.decide(now);
    }

    /// Records that a server can't be reached over this transport.
    pub fn unreachable(&mut self, server: usize, transport: Transport, now: Duration) {
        if let Some(server) = self.servers.get_mut(server)
            && server.state == ServerState::Sent(transport)
        {
            server.state = ServerState::Failed;
            self.decide(now);
        }
    }

    /// Repeats queries or ends the lookup when it is time to.
    pub fn tick(&mut self, now: Duration) {
        if self.outcome.is_some() {
            return;
        }
        if now >= self.deadline {
            let failed = self.failed_name.take().map(LookupError::ServersFailed);
            self.outcome = Some(Err(failed.unwrap_or(LookupError::TimedOut)));
        } else if now >= self.resend_at {
            self.resend_at = now + RESEND_INTERVAL;
            for server in &mut self.servers {
                server.is_silent |= now >= self.silent_at && matches!(server.state, ServerState::Sent(_));
                // TCP retransmits lost packets itself.
                if server.state == ServerState::Sent(Transport::Udp) {
                    server.state = ServerState::Due(Transport::Udp);
                }
            }
            self.decide(now);
        }
    }

    /// Ends the current question if the first server that works has answered it, or if all servers failed or are silent.
    fn decide(&mut self, now: Duration) {
        if self.outcome.is_some() {
            return;
        }
        let is_waiting = |server: &&ServerStatus| match server.state {
            ServerState::Due(_) | ServerState::Sent(_) => !server.is_silent,
            ServerState::Negative { .. } => true,
            ServerState::Failed => false,
        };
        match self.servers.iter().find(is_waiting).map(|server| server.state) {
            Some(ServerState::Negative { exists }) => match self.next_record() {
                Some(record) if exists => {
                    self.question.record = record;
                    self.query_all(now);
                }
                _ => self.next_name(now),
            },
            None if self.servers.iter().any(|server| server.state == ServerState::Failed) => {
                let name = self.question.name.clone();
                self.failed_name.get_or_insert(name);
                self.next_name(now);
            }
            // A server has not answered yet, or all are silent, but may still answer.
            Some(_) | None => {}
        }
    }

    fn next_record(&self) -> Option<RecordType> {
        let at = self.records.iter().position(|record| *record == self.question.record)?;
        self.records.get(at + 1).copied()
    }

    fn next_name(&mut self, now: Duration) {
        match (self.names.pop(), self.records.first()) {
            (Some(name), Some(record)) => {
                self.question = Question { name, record: *record };
                self.query_all(now);
            }
            _ => {
                let failed = self.failed_name.take().map(LookupError::ServersFailed);
                self.outcome = Some(Err(failed.unwrap_or(LookupError::NotFound)));
            }
        }
    }

    fn query_all(&mut self, now: Duration) {
        let transport = if self.tcp_only { Transport::Tcp } else { Transport::Udp };
        for server in &mut self.servers {
            (server.state, server.id) = (ServerState::Due(transport), 0);
        }
        self.resend_at = now + RESEND_INTERVAL;
        self.silent_at = now + self.timeout;
    }
}

#[cfg(test)]
mod tests;

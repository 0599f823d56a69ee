//! One lookup: which question goes to which server when, and when there is nothing more to ask.
//!
//! All servers get a question at once and again every second, over UDP; the first that knows is believed.
//! NXDOMAIN, or no address of either type, leads to the next name of the search list. When every server
//! fails, or time is up, the lookup ends there: going on with the search list could find another service
//! of the same name. A comes before AAAA, which is asked when there is no A.

use alloc::{string::String, vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

use super::{
    config::ResolverConfig,
    message::{Answer, Question, RecordType},
};

/// A server that has not answered is asked again after this long.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How a message travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// RFC 1035 section 4.2.2: a connection, each message behind its length.
    Tcp,
}

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// Index into [`ResolverConfig::servers`].
    pub server: usize,
    /// How to send it.
    pub transport: Transport,
    /// The message, without a length before it.
    pub message: Vec<u8>,
}

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupError {
    /// Every name of the search list is unknown, or known without an address.
    NotFound,
    /// Every server failed; worth another try.
    ServersFailed,
    /// No server answered in time; worth another try.
    TimedOut,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    /// A query is to be sent over this transport.
    Due(Transport),
    /// A query is under way.
    Asked(Transport),
    /// The server will not answer this question.
    Failed,
}

/// The state of one lookup.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The names still to ask for, the current one last.
    names: Vec<String>,
    question: Question,
    peers: Vec<(Peer, u16)>,
    tcp_only: bool,
    ask_again_at: Duration,
    give_up_at: Duration,
    outcome: Option<Result<Vec<IpAddr>, LookupError>>,
}

impl Lookup {
    /// Begins at `now`; ends at the latest after the configuration's total time.
    pub fn new(config: &ResolverConfig, name: &str, now: Duration) -> Self {
        let mut names = config.candidates(name);
        names.reverse();
        let mut lookup = Self {
            names,
            question: Question { name: String::new(), record: RecordType::A },
            peers: vec![(Peer::Failed, 0); config.servers.len()],
            tcp_only: config.tcp_only,
            ask_again_at: now,
            give_up_at: now + config.total,
            outcome: None,
        };
        lookup.next_name(now);
        lookup
    }

    /// The end of the lookup, once it is there.
    pub fn outcome(&self) -> Option<&Result<Vec<IpAddr>, LookupError>> {
        self.outcome.as_ref()
    }

    /// The question under way, for people.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// When [`Self::tick`] is to be called, if nothing happens before.
    pub fn wake_at(&self) -> Duration {
        self.ask_again_at.min(self.give_up_at)
    }

    /// The next message to send, with a fresh id from `random`. To be called until it gives none.
    pub fn next_query(&mut self, random: &mut dyn FnMut() -> u16) -> Option<Query> {
        if self.outcome.is_some() {
            return None;
        }
        let (server, transport) =
            self.peers.iter().enumerate().find_map(|(index, (peer, _))| match peer {
                Peer::Due(transport) => Some((index, *transport)),
                _ => None,
            })?;
        let id = random();
        *self.peers.get_mut(server)? = (Peer::Asked(transport), id);
        Some(Query { server, transport, message: self.question.encode(id) })
    }

    /// Takes a message that came from a server.
    pub fn receive(&mut self, server: usize, transport: Transport, message: &[u8], now: Duration) {
        let Some((Peer::Asked(asked), id)) = self.peers.get(server).copied() else {
            return;
        };
        if asked != transport || self.outcome.is_some() {
            return;
        }
        match self.question.decode(id, message) {
            // A repeat of an earlier question's answer, or forged: the real one may still come.
            None => {}
            Some(Answer::Addresses(addresses)) => self.outcome = Some(Ok(addresses)),
            Some(Answer::NoData) if self.question.record == RecordType::A => {
                self.question.record = RecordType::Aaaa;
                self.ask_all(now);
            }
            Some(Answer::NoData | Answer::NoName) => self.next_name(now),
            Some(Answer::Truncated) if transport == Transport::Udp => {
                self.set(server, Peer::Due(Transport::Tcp));
            }
            Some(Answer::Truncated | Answer::ServerFailure(_)) => self.fail(server),
        }
    }

    /// Takes note that a server can't be reached over this transport.
    pub fn unreachable(&mut self, server: usize, transport: Transport) {
        if self.peers.get(server).is_some_and(|(peer, _)| *peer == Peer::Asked(transport)) {
            self.fail(server);
        }
    }

    /// Takes note of the time: asks again, or gives up.
    pub fn tick(&mut self, now: Duration) {
        if self.outcome.is_some() {
            return;
        }
        if now >= self.give_up_at {
            self.outcome = Some(Err(LookupError::TimedOut));
        } else if now >= self.ask_again_at {
            self.ask_again_at = now + ASK_AGAIN;
            for (peer, _) in &mut self.peers {
                // Over TCP nothing gets lost, so nothing is repeated.
                if *peer == Peer::Asked(Transport::Udp) {
                    *peer = Peer::Due(Transport::Udp);
                }
            }
        }
    }

    fn next_name(&mut self, now: Duration) {
        match self.names.pop() {
            None => self.outcome = Some(Err(LookupError::NotFound)),
            Some(name) => {
                self.question = Question { name, record: RecordType::A };
                self.ask_all(now);
            }
        }
    }

    fn ask_all(&mut self, now: Duration) {
        let transport = if self.tcp_only { Transport::Tcp } else { Transport::Udp };
        self.peers.fill((Peer::Due(transport), 0));
        self.ask_again_at = now + ASK_AGAIN;
    }

    fn fail(&mut self, server: usize) {
        self.set(server, Peer::Failed);
        if self.peers.iter().all(|(peer, _)| *peer == Peer::Failed) {
            self.outcome = Some(Err(LookupError::ServersFailed));
        }
    }

    fn set(&mut self, server: usize, state: Peer) {
        if let Some((peer, _)) = self.peers.get_mut(server) {
            *peer = state;
        }
    }
}

#[cfg(test)]
mod tests;

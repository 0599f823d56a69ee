//! The I/O of a [`Lookup`].

use alloc::{format, vec, vec::Vec};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use curl_trigger::{
    dns::{
        config::{ResolverConfig, local_addresses},
        lookup::{Lookup, LookupError, Query, Transport},
        message::RecordType,
    },
    exit::{ExitCode, Failure},
    options::AddressFamily,
};
use rustix::{
    event::{PollFd, PollFlags},
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendFlags, SocketType, connect, recv, send},
    rand::{GetRandomFlags, getrandom},
};

use crate::{clock::Clock, files::read_or_empty, net};

/// The size of the receive buffer. Without EDNS, an answer over UDP has at most 512 bytes.
const DATAGRAM: usize = 1232;

/// Whether an address is of the family of `-4` and `-6`.
pub(crate) fn is_usable(address: IpAddr, family: AddressFamily) -> bool {
    match family {
        AddressFamily::Any => true,
        AddressFamily::Ipv4 => address.is_ipv4(),
        AddressFamily::Ipv6 => address.is_ipv6(),
    }
}

/// Resolves a name to at least one address of the family.
pub(crate) fn resolve(
    name: &str,
    family: AddressFamily,
    clock: &Clock,
    by: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let mut local = local_addresses(name, &read_or_empty("/etc/hosts"));
    local.retain(|address| is_usable(*address, family));
    if !local.is_empty() {
        return Ok(local);
    }
    let records: &[RecordType] = match family {
        AddressFamily::Any => &[RecordType::A, RecordType::Aaaa],
        AddressFamily::Ipv4 => &[RecordType::A],
        AddressFamily::Ipv6 => &[RecordType::Aaaa],
    };
    let config = ResolverConfig::parse(&read_or_empty("/etc/resolv.conf"));
    let mut sockets = DnsSockets { config: &config, sockets: vec![] };
    let mut lookup = Lookup::new(&config, name, records, clock.now());
    loop {
        while let Some(query) = lookup.next_query(&mut random_id) {
            sockets.send(&query, &mut lookup, clock.now());
        }
        match lookup.outcome() {
            Some(Ok(addresses)) => return Ok(addresses.clone()),
            Some(Err(error)) => return Err(failure(name, error, &config)),
            None if clock.now() >= by => {
                return Err(net::timed_out(&format!("the name {name} is not resolved")));
            }
            None => {}
        }
        sockets.wait(clock, lookup.wake_at().min(by));
        sockets.receive(&mut lookup, clock.now());
        lookup.tick(clock.now());
    }
}

fn failure(name: &str, error: &LookupError, config: &ResolverConfig) -> Failure {
    let servers = config.servers.len();
    let why = match error {
        LookupError::NotFound => {
            format!("the host {name} is not known: check its spelling, and the namespace of a Service")
        }
        LookupError::ServersFailed(failed) => {
            format!(
                "the host {name} was not resolved: all name servers ({servers}) failed for {failed}; a retry may succeed"
            )
        }
        LookupError::TimedOut => {
            format!(
                "the host {name} was not resolved: no name server (of {servers}) answered; a retry may succeed"
            )
        }
    };
    Failure::new(ExitCode::Resolve, format_args!("{why}"))
}

fn random_id() -> u16 {
    let mut id = [0; 2];
    // getrandom fails only early at boot. The random source port still protects against forged answers.
    let _ = getrandom(&mut id, GetRandomFlags::empty());
    u16::from_ne_bytes(id)
}

struct DnsSocket {
    server: usize,
    transport: Transport,
    fd: OwnedFd,
    /// With TCP, the rest of the query.
    outgoing: Vec<u8>,
    /// With TCP, the received part of the answer.
    incoming: Vec<u8>,
    ready: bool,
}

struct DnsSockets<'a> {
    config: &'a ResolverConfig,
    sockets: Vec<DnsSocket>,
}

impl DnsSockets<'_> {
    fn send(&mut self, query: &Query, lookup: &mut Lookup, now: Duration) {
        if self.try_send(query).is_err() {
            lookup.unreachable(query.server, query.transport, now);
        }
    }

    fn try_send(&mut self, query: &Query) -> Result<(), Errno> {
        let Query { server, transport, ref message } = *query;
        let address = self.config.servers.get(server).copied().ok_or(Errno::INVAL)?;
        if transport == Transport::Tcp {
            self.sockets.retain(|known| known.server != server || known.transport != Transport::Tcp);
            let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
            let outgoing = [&length[..], message].concat();
            return self.open(server, transport, address, outgoing).map(drop);
        }
        let known = |socket: &DnsSocket| socket.server == server && socket.transport == Transport::Udp;
        let at = match self.sockets.iter().position(known) {
            Some(at) => at,
            None => self.open(server, transport, address, vec![])?,
        };
        let socket = self.sockets.get(at).ok_or(Errno::INVAL)?;
        send(&socket.fd, message, SendFlags::NOSIGNAL).map(drop)
    }

    fn open(
        &mut self,
        server: usize,
        transport: Transport,
        address: SocketAddr,
        outgoing: Vec<u8>,
    ) -> Result<usize, Errno> {
        let kind = if transport == Transport::Udp { SocketType::DGRAM } else { SocketType::STREAM };
        let fd = net::socket(address, kind)?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        self.sockets.push(DnsSocket { server, transport, fd, outgoing, incoming: vec![], ready: false });
        Ok(self.sockets.len() - 1)
    }

    fn wait(&mut self, clock: &Clock, until: Duration) {
        let interest = |socket: &DnsSocket| {
            if socket.outgoing.is_empty() { PollFlags::IN } else { PollFlags::OUT }
        };
        let mut fds: Vec<_> =
            self.sockets.iter().map(|socket| PollFd::new(&socket.fd, interest(socket))).collect();
        net::wait(&mut fds, clock, Some(until));
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (socket, ready) in self.sockets.iter_mut().zip(ready) {
            socket.ready = ready;
        }
    }

    fn receive(&mut self, lookup: &mut Lookup, now: Duration) {
        self.sockets.retain_mut(|socket| {
            if !socket.ready {
                return true;
            }
            match socket.receive() {
                Ok(None) => true,
                Ok(Some(message)) => {
                    lookup.receive(socket.server, socket.transport, &message, now);
                    socket.transport == Transport::Udp
                }
                Err(_) => {
                    lookup.unreachable(socket.server, socket.transport, now);
                    false
                }
            }
        });
    }
}

impl DnsSocket {
    /// Continues sending or receiving; returns a message when it is complete.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        if !self.outgoing.is_empty() {
            let sent = send(&self.fd, &self.outgoing, SendFlags::NOSIGNAL)?;
            self.outgoing.drain(..sent);
            return Ok(None);
        }
        let mut buffer = [0; DATAGRAM];
        let length = match recv(&self.fd, &mut buffer, RecvFlags::empty()) {
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error),
        };
        let received = buffer.get(..length).unwrap_or_default();
        if self.transport == Transport::Udp {
            return Ok(Some(received.to_vec()));
        }
        if received.is_empty() {
            return Err(Errno::CONNRESET);
        }
        self.incoming.extend_from_slice(received);
        let Some((length, message)) = self.incoming.split_first_chunk() else {
            return Ok(None);
        };
        Ok(message.get(..u16::from_be_bytes(*length).into()).map(<[u8]>::to_vec))
    }
}

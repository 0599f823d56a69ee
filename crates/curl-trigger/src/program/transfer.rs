//! One transfer: name, connection, request, answer.

use alloc::{format, string::ToString, vec::Vec};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use curl_trigger::{
    exit::{Code, Failure},
    plan::Plan,
    request::Request,
    response::{Head, Reader, Sink},
    session::{Limits, MAX_KEPT_BODY, Role, Session, Transfer},
    text,
    url::{Host, Scheme, Url},
    write_out::{Facts, Times},
};
use rustix::{fd::OwnedFd, io::Errno};

use crate::{
    clock::Clock,
    errors::words,
    net::{self, ConnectError, Received},
    output::Printer,
    resolve,
    stream::Stream,
};

/// As much is read at once as a TLS record carries at most.
const BUFFER: usize = 16 * 1024;

/// Makes transfers and remembers the facts about the last one.
pub(crate) struct Client<'a> {
    plan: &'a Plan,
    clock: &'a Clock,
    facts: Facts,
}

impl<'a> Client<'a> {
    pub(crate) fn new(plan: &'a Plan, clock: &'a Clock) -> Self {
        Self { plan, clock, facts: Facts::default() }
    }

    /// The facts for `-w`, about the last transfer.
    pub(crate) fn facts(&self, session: &Session<'_>, failure: Option<Failure>) -> Facts {
        Facts {
            head: self.facts.head.clone(),
            failure,
            urls: (self.plan.request.url.to_string(), self.facts.urls.1.clone()),
            method: self.facts.method.clone(),
            remote: self.facts.remote,
            downloaded: self.facts.downloaded,
            redirects: session.redirects(),
            retries: session.retries(),
            times: self.facts.times,
        }
    }

    /// Sends the request and reads the answer, within the limits.
    pub(crate) fn transfer(
        &mut self,
        request: &Request,
        limits: Limits,
        role: Role,
        session: &Session<'a>,
        printer: &mut Printer<'a>,
    ) -> Transfer {
        let started = self.clock.now();
        if role == Role::Call {
            printer.restart();
        }
        self.facts.urls.1 = request.url.to_string();
        self.facts.method.clone_from(&request.method);
        (self.facts.head, self.facts.times, self.facts.downloaded) = (None, Times::default(), 0);
        let mut receiver = Receiver {
            role,
            session,
            printer,
            head: None,
            kept: Vec::new(),
            downloaded: 0,
            first_byte: None,
        };
        let failure = self.exchange(request, limits, started, &mut receiver).err();
        let Receiver { head, kept, downloaded, .. } = receiver;
        self.facts.times.total = self.clock.now().saturating_sub(started);
        self.facts.downloaded = downloaded;
        self.facts.head.clone_from(&head);
        Transfer { failure, head, body: kept }
    }

    fn exchange(
        &mut self,
        request: &Request,
        limits: Limits,
        started: Duration,
        receiver: &mut Receiver<'_, '_>,
    ) -> Result<(), Failure> {
        let mut stream = self.connect(&request.url, limits, started, receiver.printer)?;
        receiver.printer.verbose_request(request);
        // A server may answer and close without reading all: its answer counts, so a failure waits for it.
        let sent = stream.send(&request.encode(), self.clock, limits.done_by);
        if let Err(failure) = sent.as_ref()
            && failure.code == Code::Timeout
        {
            return Err(failure.clone());
        }
        let mut reader = Reader::new(&request.method);
        let mut buffer = [0; BUFFER];
        loop {
            let next = match stream.receive(&mut buffer, self.clock, limits.done_by) {
                Ok(next) => next,
                Err(failure) => return sent.and(Err(failure)),
            };
            match next {
                Received::Bytes(length) => {
                    if receiver.first_byte.is_none() {
                        receiver.first_byte = Some(self.clock.now());
                        self.facts.times.start_transfer = self.clock.now().saturating_sub(started);
                    }
                    if reader.feed(buffer.get(..length).unwrap_or_default(), receiver)? {
                        return Ok(());
                    }
                }
                Received::End { whole } => {
                    if receiver.first_byte.is_none() {
                        sent?;
                    }
                    reader.close()?;
                    if !whole {
                        let cut =
                            "the connection was closed without TLS's own end: the answer may have been cut";
                        return Err(Failure::new(Code::Receive, format_args!("{cut}")));
                    }
                    return Ok(());
                }
            }
        }
    }

    fn connect(
        &mut self,
        url: &Url,
        limits: Limits,
        started: Duration,
        printer: &mut Printer<'_>,
    ) -> Result<Stream, Failure> {
        let addresses = match &url.host {
            Host::Address(address) => [*address].to_vec(),
            Host::Name(name) => resolve::resolve(name, self.clock, limits.connect_by)?,
        };
        self.facts.times.name_lookup = self.clock.now().saturating_sub(started);
        let socket = self.connect_to_any(&addresses, url, limits, printer)?;
        self.facts.times.connect = self.clock.now().saturating_sub(started);
        let stream = self.secure(socket, url, limits)?;
        if url.scheme == Scheme::Https {
            self.facts.times.app_connect = self.clock.now().saturating_sub(started);
        }
        Ok(stream)
    }

    /// Tries every address. Each but the last has half of the time that is left, so that one which does not
    /// answer leaves time for the next.
    fn connect_to_any(
        &mut self,
        addresses: &[IpAddr],
        url: &Url,
        limits: Limits,
        printer: &mut Printer<'_>,
    ) -> Result<OwnedFd, Failure> {
        let mut last = None;
        for (position, address) in addresses.iter().enumerate() {
            let address = SocketAddr::new(*address, url.port);
            let now = self.clock.now();
            let left = limits.connect_by.saturating_sub(now);
            let share = if position + 1 < addresses.len() { left / 2 } else { left };
            let shown = format!("{} port {}", text::address(address.ip()), url.port);
            printer.verbose(&|| format!("* Trying {shown}..."));
            match net::connect_tcp(address, self.clock, now + share) {
                Ok(socket) => {
                    self.facts.remote = Some(address);
                    printer.verbose(&|| format!("* Connected to {shown}"));
                    return Ok(socket);
                }
                Err(error) => last = Some((shown, error)),
            }
        }
        let place = url.authority();
        Err(match last {
            Some((shown, ConnectError::Failed(error))) => {
                let why = words(error);
                let failure = Failure::new(
                    Code::Connect,
                    format_args!("{place} could not be connected to at {shown}: {why}"),
                );
                if error == Errno::CONNREFUSED { failure.refused() } else { failure }
            }
            _ => net::timed_out(&format!("{place} did not take a connection")),
        })
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the signature is that of the TLS flavour"
    )]
    fn secure(&self, socket: OwnedFd, _: &Url, _: Limits) -> Result<Stream, Failure> {
        Ok(Stream::Plain(socket))
    }

    #[cfg(feature = "tls")]
    fn secure(&self, socket: OwnedFd, url: &Url, limits: Limits) -> Result<Stream, Failure> {
        if url.scheme == Scheme::Http {
            return Ok(Stream::Plain(socket));
        }
        let session = crate::tls::Session::handshake(&socket, url, self.plan, self.clock, limits.connect_by)?;
        Ok(Stream::Tls(socket, alloc::boxed::Box::new(session)))
    }
}

/// Takes the answer apart: to the printer, and the beginning of the body to the session.
struct Receiver<'a, 'p> {
    role: Role,
    session: &'a Session<'p>,
    printer: &'a mut Printer<'p>,
    head: Option<Head>,
    kept: Vec<u8>,
    downloaded: u64,
    first_byte: Option<Duration>,
}

impl Sink for Receiver<'_, '_> {
    fn head(&mut self, head: &Head) -> Result<(), Failure> {
        self.printer.verbose_head(head);
        if head.status >= 200 {
            self.head = Some(head.clone());
        }
        if self.role == Role::Call {
            self.printer.head(head, self.session.shows_body(head))?;
        }
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.downloaded += bytes.len() as u64;
        let room = MAX_KEPT_BODY - self.kept.len();
        self.kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if self.role == Role::Call { self.printer.body(bytes) } else { Ok(()) }
    }
}

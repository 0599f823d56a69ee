//! The I/O of a transfer: name resolution, connection, request, response.

use alloc::{format, string::ToString, vec::Vec};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use curl_trigger::{
    address::show,
    exit::{ExitCode, Failure},
    plan::Plan,
    request::Request,
    response::{Head, ResponseHandler, ResponseReader},
    session::{
        Session,
        step::{Limits, MAX_STORED_BODY, RequestKind, TransferResult},
    },
    url::{Host, Scheme, Url},
    write_out::{TransferTimes, WriteOutValues},
};
use rustix::{fd::OwnedFd, io::Errno};

use crate::{
    clock::Clock,
    errors::describe,
    net::{self, ConnectError, Received},
    output::Printer,
    resolve,
    stream::Stream,
};

/// The size of the receive buffer: the maximum size of a TLS record, in bytes.
const BUFFER: usize = 16 * 1024;

/// Makes transfers and stores the values for `-w` of the last one.
pub(crate) struct Client<'a> {
    plan: &'a Plan,
    clock: &'a Clock,
    values: WriteOutValues,
}

impl<'a> Client<'a> {
    pub(crate) fn new(plan: &'a Plan, clock: &'a Clock) -> Self {
        Self { plan, clock, values: WriteOutValues::default() }
    }

    /// The values for `-w`, from the last transfer.
    pub(crate) fn write_out_values(&self, session: &Session<'_>, failure: Option<Failure>) -> WriteOutValues {
        WriteOutValues {
            head: self.values.head.clone(),
            failure,
            url: self.plan.request.url.to_string(),
            effective_url: self.values.effective_url.clone(),
            method: self.values.method.clone(),
            remote: self.values.remote,
            downloaded: self.values.downloaded,
            redirects: session.redirects(),
            retries: session.retries(),
            times: self.values.times,
        }
    }

    /// Sends the request and reads the response before the deadlines.
    pub(crate) fn transfer(
        &mut self,
        request: &Request,
        limits: Limits,
        kind: RequestKind,
        session: &Session<'_>,
        printer: &mut Printer<'_>,
    ) -> TransferResult {
        let started = self.clock.now();
        if kind == RequestKind::Call {
            printer.restart();
        }
        self.values.effective_url = request.url.to_string();
        self.values.method.clone_from(&request.method);
        (self.values.head, self.values.times, self.values.downloaded) = (None, TransferTimes::default(), 0);
        let mut receiver = ResponseReceiver {
            kind,
            session,
            printer,
            head: None,
            stored: Vec::new(),
            downloaded: 0,
            first_byte: None,
        };
        let failure = self.exchange(request, limits, started, &mut receiver).err();
        let ResponseReceiver { head, stored, downloaded, .. } = receiver;
        self.values.times.total = self.clock.now().saturating_sub(started);
        self.values.downloaded = downloaded;
        self.values.head.clone_from(&head);
        TransferResult { failure, head, body: stored }
    }

    fn exchange(
        &mut self,
        request: &Request,
        limits: Limits,
        started: Duration,
        receiver: &mut ResponseReceiver<'_, '_, '_>,
    ) -> Result<(), Failure> {
        let mut stream = self.connect(&request.url, limits, started, receiver.printer)?;
        receiver.printer.verbose_request(request);
        // A server may respond and close the connection before it has read the whole request. Its response takes
        // precedence over the error of sending.
        let sent = stream.send(&request.encode(), self.clock, limits.done_by);
        if let Err(failure) = sent.as_ref()
            && failure.code == ExitCode::Timeout
        {
            return Err(failure.clone());
        }
        let mut reader = ResponseReader::new(&request.method, request.head_only);
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
                        self.values.times.start_transfer = self.clock.now().saturating_sub(started);
                    }
                    if reader.feed(buffer.get(..length).unwrap_or_default(), receiver)? {
                        return Ok(());
                    }
                }
                Received::End { is_clean } => {
                    if receiver.first_byte.is_none() {
                        sent?;
                    }
                    reader.close()?;
                    if !is_clean {
                        let message = "the connection closed before the end of the TLS session: the response may be truncated";
                        return Err(Failure::new(ExitCode::Receive, format_args!("{message}")));
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
            Host::Address(address) if resolve::is_usable(*address, self.plan.family) => [*address].to_vec(),
            Host::Address(_) => {
                return Err(Failure::new(
                    ExitCode::Connect,
                    format_args!("the URL's address is not of the family of -4 or -6: remove the option"),
                ));
            }
            Host::Name(name) => resolve::resolve(name, self.plan.family, self.clock, limits.connect_by)?,
        };
        self.values.times.name_lookup = self.clock.now().saturating_sub(started);
        let socket = self.connect_to_any(&addresses, url, limits, printer)?;
        self.values.times.connect = self.clock.now().saturating_sub(started);
        let stream = self.secure(socket, url, limits)?;
        if url.scheme == Scheme::Https {
            self.values.times.app_connect = self.clock.now().saturating_sub(started);
        }
        Ok(stream)
    }

    /// Tries every address. Each one except the last gets half of the remaining time, so that there is time for the
    /// next one.
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
            let shown = format!("{} port {}", show(address.ip()), u64::from(url.port));
            printer.verbose(&|| format!("* Trying {shown}..."));
            match net::connect_tcp(address, self.clock, now + share) {
                Ok(socket) => {
                    self.values.remote = Some(address);
                    printer.verbose(&|| format!("* Connected to {shown}"));
                    return Ok(socket);
                }
                Err(error) => last = Some((shown, error)),
            }
        }
        let authority = url.authority();
        Err(match last {
            Some((shown, ConnectError::Failed(error))) => {
                let why = describe(error);
                let failure = Failure::new(
                    ExitCode::Connect,
                    format_args!("connecting to {authority} at {shown} failed: {why}"),
                );
                if error == Errno::CONNREFUSED { failure.refused() } else { failure }
            }
            _ => net::timed_out(&format!("{authority} did not accept a connection")),
        })
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the signature is the same as in the TLS flavor"
    )]
    fn secure(&self, socket: OwnedFd, _: &Url, _: Limits) -> Result<Stream, Failure> {
        Ok(Stream::Plain(socket))
    }

    #[cfg(feature = "tls")]
    fn secure(&self, socket: OwnedFd, url: &Url, limits: Limits) -> Result<Stream, Failure> {
        if url.scheme == Scheme::Http {
            return Ok(Stream::Plain(socket));
        }
        let session =
            crate::tls::TlsSession::handshake(&socket, url, self.plan, self.clock, limits.connect_by)?;
        Ok(Stream::Tls(socket, alloc::boxed::Box::new(session)))
    }
}

/// Prints a response, and stores its head and the beginning of its body for the session.
struct ResponseReceiver<'a, 's, 'p> {
    kind: RequestKind,
    session: &'a Session<'s>,
    printer: &'a mut Printer<'p>,
    head: Option<Head>,
    stored: Vec<u8>,
    downloaded: u64,
    first_byte: Option<Duration>,
}

impl ResponseHandler for ResponseReceiver<'_, '_, '_> {
    fn head(&mut self, head: &Head) -> Result<(), Failure> {
        self.printer.verbose_head(head);
        if head.status >= 200 {
            self.head = Some(head.clone());
        }
        if self.kind == RequestKind::Call {
            self.printer.head(head, self.session.prints_body(head))?;
        }
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.downloaded += bytes.len() as u64;
        let room = MAX_STORED_BODY - self.stored.len();
        self.stored.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if self.kind == RequestKind::Call { self.printer.body(bytes) } else { Ok(()) }
    }
}

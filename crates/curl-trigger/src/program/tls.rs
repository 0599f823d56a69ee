//! A TLS session over a socket, with rustls's unbuffered interface, which needs no standard library.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use curl_trigger::{
    address::show as address_text,
    exit::{ExitCode, Failure},
    plan::Plan,
    url::{Host, Url},
};
use rustix::fd::OwnedFd;
use rustls::{
    CertificateError, ClientConfig, Error, SupportedProtocolVersion,
    client::{Resumption, UnbufferedClientConnection},
    crypto::ring::default_provider,
    pki_types::{ServerName, UnixTime},
    time_provider::TimeProvider,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
    version::{TLS12, TLS13},
};

use crate::{
    clock::{self, Clock},
    net::{self, Received},
    trust::CertificateVerifier,
};

/// The maximum size of an incomplete record or handshake message, in bytes. A handshake message with certificates may
/// have several records.
const MAX_INCOMING: usize = 128 * 1024;
const READ: usize = 4096;

/// A TLS session.
pub(crate) struct TlsSession {
    connection: UnbufferedClientConnection,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Decrypted bytes that are not yet received by the caller.
    plain: Vec<u8>,
    /// The server has ended the session; rustls reports this only once.
    ended: bool,
}

/// The state after processing the received bytes.
enum TlsProgress {
    /// More bytes are needed.
    NeedsInput,
    /// The handshake is done, and all received bytes are processed.
    Ready,
    /// The server has ended the session.
    Ended,
}

impl TlsSession {
    /// Performs the handshake before the deadline.
    pub(crate) fn handshake(
        socket: &OwnedFd,
        url: &Url,
        plan: &Plan,
        clock: &Clock,
        by: Duration,
    ) -> Result<Self, Failure> {
        let host = match &url.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address_text(*address),
        };
        let name = ServerName::try_from(host.clone());
        let name = name.map_err(|_| handshake_failure("the host is not a DNS name"))?;
        let connection = UnbufferedClientConnection::new(Arc::new(config(plan, host)?), name)
            .map_err(|error| failure(&error))?;
        let mut session =
            Self { connection, incoming: Vec::new(), outgoing: Vec::new(), plain: Vec::new(), ended: false };
        loop {
            let progress = session.advance(None);
            // An alert is sent also after an error, so that the server can log the reason.
            let sent = session.flush(socket, clock, Some(by));
            match progress? {
                TlsProgress::Ready => return sent.map(|()| session),
                TlsProgress::Ended => return Err(handshake_failure("the server ended the session")),
                TlsProgress::NeedsInput => {
                    sent?;
                    if session.fill(socket, clock, Some(by)).map_err(in_handshake)? == 0 {
                        return Err(handshake_failure(
                            "the server closed the connection: check that the port is for https",
                        ));
                    }
                }
            }
        }
    }

    pub(crate) fn send(
        &mut self,
        socket: &OwnedFd,
        bytes: &[u8],
        clock: &Clock,
        by: Option<Duration>,
    ) -> Result<(), Failure> {
        self.advance(Some(bytes))?;
        self.flush(socket, clock, by)
    }

    pub(crate) fn receive(
        &mut self,
        socket: &OwnedFd,
        buffer: &mut [u8],
        clock: &Clock,
        by: Option<Duration>,
    ) -> Result<Received, Failure> {
        loop {
            if !self.plain.is_empty() {
                let length = self.plain.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(self.plain.drain(..length)) {
                    *to = from;
                }
                return Ok(Received::Bytes(length));
            }
            if self.ended {
                return Ok(Received::End { is_clean: true });
            }
            self.advance(None).map_err(|failure| in_transfer(&failure))?;
            self.flush(socket, clock, by)?;
            if !self.plain.is_empty() || self.ended {
                continue;
            }
            if self.fill(socket, clock, by)? == 0 {
                return Ok(Received::End { is_clean: false });
            }
        }
    }

    /// Receives more bytes; returns their number, 0 at the end of the connection.
    fn fill(&mut self, socket: &OwnedFd, clock: &Clock, by: Option<Duration>) -> Result<usize, Failure> {
        if self.incoming.len() >= MAX_INCOMING {
            return Err(handshake_failure("the server's messages are too large"));
        }
        let mut buffer = [0; READ];
        let length = net::receive(socket, &mut buffer, clock, by)?;
        self.incoming.extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self, socket: &OwnedFd, clock: &Clock, by: Option<Duration>) -> Result<(), Failure> {
        let outgoing = core::mem::take(&mut self.outgoing);
        net::send_all(socket, &outgoing, clock, by)
    }

    /// Processes the received bytes, and encrypts `message` when the handshake is done.
    fn advance(&mut self, mut message: Option<&[u8]>) -> Result<TlsProgress, Failure> {
        loop {
            let UnbufferedStatus { mut discard, state, .. } =
                self.connection.process_tls_records(&mut self.incoming);
            let outgoing = &mut self.outgoing;
            let mut progress = None;
            match state.map_err(|error| failure(&error))? {
                ConnectionState::EncodeTlsData(mut data) => {
                    append(outgoing, |room| {
                        data.encode(room).map_err(|error| match error {
                            EncodeError::InsufficientSize(needed) => Some(needed.required_size),
                            EncodeError::AlreadyEncoded => None,
                        })
                    })?;
                }
                // The caller flushes before it waits for a response.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::BlockedHandshake => progress = Some(TlsProgress::NeedsInput),
                ConnectionState::WriteTraffic(mut traffic) => match message.take() {
                    Some(message) => append(outgoing, |room| {
                        traffic.encrypt(message, room).map_err(|error| match error {
                            EncryptError::InsufficientSize(needed) => Some(needed.required_size),
                            EncryptError::EncryptExhausted => None,
                        })
                    })?,
                    None => progress = Some(TlsProgress::Ready),
                },
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| failure(&error))?;
                        discard += record.discard;
                        self.plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.ended = true;
                    progress = Some(TlsProgress::Ended);
                }
                _ => return Err(handshake_failure("unknown state")),
            }
            self.incoming.drain(..discard.min(self.incoming.len()));
            if let Some(progress) = progress {
                return Ok(progress);
            }
        }
    }
}

/// Appends the output of `write` to the bytes. If the room is too small, `write` returns the needed size as an error and
/// is called again.
fn append(
    bytes: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Failure> {
    let before = bytes.len();
    let mut room = 0;
    loop {
        bytes.resize(before + room, 0);
        match write(bytes.get_mut(before..).unwrap_or_default()) {
            Ok(written) => {
                bytes.truncate(before + written);
                return Ok(());
            }
            Err(Some(needed)) if needed > room => room = needed,
            Err(_) => return Err(handshake_failure("a message could not be encrypted")),
        }
    }
}

fn config(plan: &Plan, host: String) -> Result<ClientConfig, Failure> {
    let trust = CertificateVerifier::new(plan, host)?;
    let builder = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(TimeOfDay));
    let versions: &[&SupportedProtocolVersion] = if plan.tls13 { &[&TLS13] } else { &[&TLS13, &TLS12] };
    let versions = builder.with_protocol_versions(versions).map_err(|error| failure(&error))?;
    let mut config = versions.dangerous().with_custom_certificate_verifier(trust).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn handshake_failure(why: &str) -> Failure {
    Failure::new(ExitCode::TlsHandshake, format_args!("the TLS handshake failed: {why}"))
}

/// Changes the code of a connection error during the handshake to that of the handshake, as in curl.
fn in_handshake(failure: Failure) -> Failure {
    if failure.code == ExitCode::Receive { handshake_failure(&failure.message) } else { failure }
}

fn in_transfer(failure: &Failure) -> Failure {
    Failure::new(ExitCode::Receive, format_args!("{}", failure.message))
}

fn failure(error: &Error) -> Failure {
    let certificate = match error {
        Error::InvalidCertificate(certificate) => certificate,
        other => return handshake_failure(&reason(other)),
    };
    let why = match certificate {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no trusted authority signed it; set the CA file with --cacert, or accept any certificate with -k"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::Revoked => "it has been revoked",
        _ => "it is malformed, or not for servers",
    };
    Failure::new(ExitCode::Certificate, format_args!("the server's certificate is not accepted: {why}"))
}

fn reason(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("the server rejected it with alert {}", u8::from(*alert)),
        Error::InvalidMessage(_) => {
            "the server's response is not TLS: check that the port is for https".to_string()
        }
        Error::PeerIncompatible(_) => {
            "no common version or cipher; this program supports TLS 1.2 and 1.3, or only 1.3 with --tlsv1.3"
                .to_string()
        }
        _ => "the server violated the protocol".to_string(),
    }
}

#[derive(Debug)]
struct TimeOfDay;

impl TimeProvider for TimeOfDay {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(clock::time_of_day()))
    }
}

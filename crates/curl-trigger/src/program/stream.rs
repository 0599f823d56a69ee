//! A connection to a server, plain or with TLS.

use core::time::Duration;

use curl_trigger::exit::Failure;
use rustix::fd::OwnedFd;

#[cfg(feature = "tls")]
use crate::tls::TlsSession;
use crate::{
    clock::Clock,
    net::{self, Received},
};

/// A connection to a server.
pub(crate) enum Stream {
    /// Without TLS.
    Plain(OwnedFd),
    /// With a TLS session.
    #[cfg(feature = "tls")]
    Tls(OwnedFd, alloc::boxed::Box<TlsSession>),
}

impl Stream {
    pub(crate) fn send(&mut self, bytes: &[u8], clock: &Clock, by: Option<Duration>) -> Result<(), Failure> {
        match self {
            Self::Plain(socket) => net::send_all(socket, bytes, clock, by),
            #[cfg(feature = "tls")]
            Self::Tls(socket, session) => session.send(socket, bytes, clock, by),
        }
    }

    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        clock: &Clock,
        by: Option<Duration>,
    ) -> Result<Received, Failure> {
        let length = match self {
            Self::Plain(socket) => net::receive(socket, buffer, clock, by)?,
            #[cfg(feature = "tls")]
            Self::Tls(socket, session) => return session.receive(socket, buffer, clock, by),
        };
        Ok(if length == 0 { Received::End { is_clean: true } } else { Received::Bytes(length) })
    }
}

//! Waiting for sockets, and TCP connections with deadlines.

use core::{net::SocketAddr, time::Duration};

use curl_trigger::exit::{ExitCode, Failure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
        sockopt,
    },
};

use crate::{clock::Clock, errors::describe};

/// Waits until one of the descriptors is ready. Returns false if `until` comes first.
pub(crate) fn wait(fds: &mut [PollFd<'_>], clock: &Clock, until: Option<Duration>) -> bool {
    loop {
        let left = until.map(|until| until.saturating_sub(clock.now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            // For valid descriptors, the only other error is a lack of memory.
            Err(_) => return false,
        }
    }
}

/// Sleeps until this time.
pub(crate) fn sleep(clock: &Clock, until: Duration) {
    while clock.now() < until {
        wait(&mut [], clock, Some(until));
    }
}

/// A non-blocking socket.
pub(crate) fn socket(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
}

/// The reason why an address did not accept a connection.
pub(crate) enum ConnectError {
    TimedOut,
    Failed(Errno),
}

/// Connects before the deadline.
pub(crate) fn connect_tcp(address: SocketAddr, clock: &Clock, by: Duration) -> Result<OwnedFd, ConnectError> {
    let socket = socket(address, SocketType::STREAM).map_err(ConnectError::Failed)?;
    match connect(&socket, &address) {
        Ok(()) => return Ok(socket),
        Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(ConnectError::Failed(error)),
    }
    if !wait(&mut [PollFd::new(&socket, PollFlags::OUT)], clock, Some(by)) {
        return Err(ConnectError::TimedOut);
    }
    match sockopt::socket_error(&socket) {
        Ok(Ok(())) => Ok(socket),
        Ok(Err(error)) | Err(error) => Err(ConnectError::Failed(error)),
    }
}

/// Sends all bytes before the deadline.
pub(crate) fn send_all(
    socket: &OwnedFd,
    mut bytes: &[u8],
    clock: &Clock,
    by: Option<Duration>,
) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match send(socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !wait(&mut [PollFd::new(socket, PollFlags::OUT)], clock, by) {
                    return Err(timed_out("the server does not read the request"));
                }
            }
            Err(error) => {
                return Err(Failure::new(
                    ExitCode::Send,
                    format_args!("sending failed: {}", describe(error)),
                ));
            }
        }
    }
    Ok(())
}

/// The result of a read.
pub(crate) enum Received {
    /// The number of bytes read.
    Bytes(usize),
    /// The end. `is_clean` is false if the server closed the connection without ending the TLS session: the data may
    /// be truncated.
    End { is_clean: bool },
}

/// Receives bytes before the deadline; returns 0 if the server closed the connection.
pub(crate) fn receive(
    socket: &OwnedFd,
    buffer: &mut [u8],
    clock: &Clock,
    by: Option<Duration>,
) -> Result<usize, Failure> {
    loop {
        if by.is_some_and(|by| clock.now() >= by)
            || !wait(&mut [PollFd::new(socket, PollFlags::IN)], clock, by)
        {
            return Err(timed_out("the server's response is not complete"));
        }
        match recv(socket.as_fd(), &mut *buffer, RecvFlags::empty()) {
            Ok((length, _)) => return Ok(length),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                return Err(Failure::new(
                    ExitCode::Receive,
                    format_args!("receiving failed: {}", describe(error)),
                ));
            }
        }
    }
}

/// The failure for an exceeded deadline.
pub(crate) fn timed_out(what: &str) -> Failure {
    Failure::new(ExitCode::Timeout, format_args!("time is up: {what}"))
}

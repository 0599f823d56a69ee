//! Exit codes and the failures that carry them.

use alloc::{boxed::Box, string::String};
use core::{fmt, ops::Deref};

/// What the program exits with. Up to 99 these are curl's codes, with curl's meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// A scheme, or a protocol on the wire, that this program does not speak.
    UnsupportedProtocol = 1,
    /// An option, argument or environment variable that can't be used.
    Usage = 2,
    /// The URL can't be read.
    BadUrl = 3,
    /// The host's name was not resolved.
    Resolve = 6,
    /// No address of the host took a connection.
    Connect = 7,
    /// The server's answer breaks HTTP in a way that leaves no sense.
    WeirdReply = 8,
    /// The body ended early.
    PartialBody = 18,
    /// The server answered 400 or above, and `-f` was given.
    HttpStatus = 22,
    /// The output could not be written.
    Write = 23,
    /// A file could not be read.
    Read = 26,
    /// A time limit passed.
    Timeout = 28,
    /// The TLS handshake failed.
    TlsHandshake = 35,
    /// More redirects than `--max-redirs`.
    TooManyRedirects = 47,
    /// The server closed without a byte of an answer.
    EmptyReply = 52,
    /// Sending failed.
    Send = 55,
    /// Receiving failed.
    Receive = 56,
    /// The server's certificate was not accepted.
    Certificate = 60,
    /// The CA file can't be used.
    CaFile = 77,
    /// `--wait`: the run ended in failure.
    RunFailed = 100,
    /// `--wait`: the run was cancelled.
    RunCancelled = 101,
    /// `--wait`: the run was interrupted by a restart.
    RunInterrupted = 102,
    /// `--wait`: the server's answers don't say what became of the run.
    RunUnknown = 103,
}

impl Code {
    /// The number handed to the operating system.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Why something did not work. One word in size: almost every function may return one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure(Box<Details>);

/// What a failure says to a person: what happened, to which thing, what to do. Holds no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Details {
    /// The exit code it leads to.
    pub code: Code,
    /// The message, without the program's name.
    pub message: String,
    /// The peer refused the connection, which `--retry-connrefused` retries.
    pub refused: bool,
}

impl Failure {
    /// A failure with its message.
    #[cold]
    #[inline(never)]
    pub fn new(code: Code, message: fmt::Arguments<'_>) -> Self {
        Self(Box::new(Details { code, message: alloc::fmt::format(message), refused: false }))
    }

    /// A command line or environment that can't be used: exit 2.
    #[cold]
    #[inline(never)]
    pub fn usage(message: fmt::Arguments<'_>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same, the peer having refused the connection.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.0.refused = true;
        self
    }
}

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

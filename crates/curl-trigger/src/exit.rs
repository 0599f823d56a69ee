//! Exit codes and the errors that lead to them.

use alloc::{boxed::Box, string::String};
use core::{fmt, ops::Deref};

/// The exit code of the program. Those below 100 have curl's meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitCode {
    /// Success.
    Ok = 0,
    /// The scheme of a URL or the protocol of a response is not supported.
    UnsupportedProtocol = 1,
    /// An option, argument or environment variable is invalid.
    Usage = 2,
    /// The URL is invalid.
    BadUrl = 3,
    /// The host's name was not resolved.
    Resolve = 6,
    /// No address of the host accepted a connection.
    Connect = 7,
    /// The response is not valid HTTP.
    WeirdReply = 8,
    /// The body is incomplete.
    PartialBody = 18,
    /// The status is 400 or above, and an option such as `-f` makes that a failure.
    HttpStatus = 22,
    /// The output could not be written.
    Write = 23,
    /// A file could not be read.
    Read = 26,
    /// A time limit was exceeded.
    Timeout = 28,
    /// The TLS handshake failed.
    TlsHandshake = 35,
    /// There are more redirects than `--max-redirs`.
    TooManyRedirects = 47,
    /// The server closed the connection without a response.
    EmptyReply = 52,
    /// Sending failed.
    Send = 55,
    /// Receiving failed.
    Receive = 56,
    /// The server's certificate was not accepted.
    Certificate = 60,
    /// The CA file is missing or invalid.
    CaFile = 77,
    /// `--wait`: the run failed.
    RunFailed = 100,
    /// `--wait`: the run was cancelled.
    RunCancelled = 101,
    /// `--wait`: a restart of the server interrupted the run.
    RunInterrupted = 102,
    /// `--wait`: the server's responses don't have the final state of the run.
    RunUnknown = 103,
}

impl ExitCode {
    /// The number of the code.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// An error with its exit code. It is boxed because almost every function returns one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure(Box<FailureDetails>);

/// The exit code and message of a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FailureDetails {
    /// The exit code.
    pub code: ExitCode,
    /// The message: what happened, to which thing, and what to do. It has no secret and no program name.
    pub message: String,
    /// The connection was refused: `--retry-connrefused` retries.
    pub refused: bool,
}

impl Failure {
    /// A failure with this exit code and message.
    #[cold]
    #[inline(never)]
    pub fn new(code: ExitCode, message: fmt::Arguments<'_>) -> Self {
        Self(Box::new(FailureDetails { code, message: alloc::fmt::format(message), refused: false }))
    }

    /// An invalid command line or environment: exit code 2.
    #[cold]
    #[inline(never)]
    pub fn usage(message: fmt::Arguments<'_>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Marks the failure as a refused connection.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.0.refused = true;
        self
    }
}

impl Deref for Failure {
    type Target = FailureDetails;

    fn deref(&self) -> &FailureDetails {
        &self.0
    }
}

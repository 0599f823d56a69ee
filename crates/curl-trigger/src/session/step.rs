//! The steps of a session and the results of its transfers.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::{exit::Failure, report::Outcome, request::Request, response::Head};

/// The maximum size of the stored beginning of a body, in bytes. It is searched for the id and state of a run.
pub const MAX_STORED_BODY: usize = 256 * 1024;

/// The purpose of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestKind {
    /// The configured request. Its response is printed.
    Call,
    /// A request for the state of a run. Its response is not printed.
    Poll,
}

/// The deadlines of a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For name resolution, TCP connection and TLS handshake.
    pub connect_by: Duration,
    /// For the whole transfer; `None` is no limit.
    pub done_by: Option<Duration>,
}

/// The next action of the program.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send a request and read its response.
    Send(Request, Limits, RequestKind),
    /// Print the note, if there is one, and sleep until this time.
    Pause(Duration, Option<String>),
    /// Print the outcome and exit.
    Finish(Outcome),
}

/// The result of a transfer.
#[derive(Clone, Debug, Default)]
pub struct TransferResult {
    /// The error that ended the transfer.
    pub failure: Option<Failure>,
    /// The head of the final response, if it was received.
    pub head: Option<Head>,
    /// The first [`MAX_STORED_BODY`] bytes of the body.
    pub body: Vec<u8>,
}

//! The status line and the headers of a response.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{
    exit::{ExitCode, Failure},
    text::lossy,
};

/// The initial number of parsed headers; doubled until all headers fit.
const INITIAL_HEADER_SLOTS: usize = 32;

/// Status line and headers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The minor version: 1 in `HTTP/1.1`.
    pub minor_version: u8,
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: String,
    /// Names and values in order. Bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The received bytes, with the empty line at the end.
    pub raw: Vec<u8>,
}

impl Head {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status line, such as `HTTP/1.1 202 Accepted`.
    pub fn status_line(&self) -> String {
        let line =
            format!("HTTP/1.{} {} {}", u64::from(self.minor_version), u64::from(self.status), self.reason);
        line.trim_ascii_end().to_string()
    }
}

/// Receives the parts of a response. A failure that it returns ends the transfer.
pub trait ResponseHandler {
    /// A head, interim ones (1xx) included.
    fn head(&mut self, head: &Head) -> Result<(), Failure>;
    /// A piece of the body of the final response, without its transfer coding.
    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure>;
}

/// Parses a complete head.
pub(super) fn parse(raw: &[u8]) -> Result<Head, Failure> {
    let mut slots = INITIAL_HEADER_SLOTS;
    loop {
        let mut headers = vec![httparse::EMPTY_HEADER; slots];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(raw) {
            Err(httparse::Error::TooManyHeaders) => slots *= 2,
            Ok(httparse::Status::Complete(_)) => {
                return Ok(Head {
                    minor_version: response.version.unwrap_or(1),
                    status: response.code.unwrap_or_default(),
                    reason: response.reason.unwrap_or_default().into(),
                    headers: response.headers.iter().map(|h| (h.name.into(), lossy(h.value))).collect(),
                    raw: raw.into(),
                });
            }
            Err(httparse::Error::Status | httparse::Error::Version) => return Err(not_http()),
            Ok(httparse::Status::Partial) | Err(_) => {
                return Err(Failure::new(
                    ExitCode::WeirdReply,
                    format_args!("the response's status line or headers are invalid"),
                ));
            }
        }
    }
}

pub(super) fn not_http() -> Failure {
    Failure::new(
        ExitCode::UnsupportedProtocol,
        format_args!("the server's response is not HTTP/1: check the port"),
    )
}

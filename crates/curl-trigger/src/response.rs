//! Reading an HTTP/1.1 response (RFC 9112) from bytes that arrive in any pieces.

pub mod chunked;

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use self::chunked::Chunked;
use crate::{
    exit::{Code, Failure},
    text::lossy,
};

/// All heads of one answer together (interim ones included) may have this many bytes.
pub const MAX_HEAD: usize = 100 * 1024;
/// The first guess at a head's number of headers; doubled until they fit.
const FEW_HEADERS: usize = 32;

/// Status line and headers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The `1` of `HTTP/1.1`.
    pub minor_version: u8,
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: String,
    /// Names and values in order. Bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The bytes as they came, with the empty line at the end.
    pub raw: Vec<u8>,
}

impl Head {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `HTTP/1.1 202 Accepted`.
    pub fn status_line(&self) -> String {
        let line = format!("HTTP/1.{} {} {}", self.minor_version, self.status, self.reason);
        line.trim_ascii_end().to_string()
    }
}

/// Takes what the reader finds. A failure it returns ends the transfer.
pub trait Sink {
    /// A head, interim ones (1xx) included.
    fn head(&mut self, head: &Head) -> Result<(), Failure>;
    /// A piece of the final answer's body, without its transfer coding.
    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure>;
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// The reader of one response.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// The head as far as it is there.
    buffer: Vec<u8>,
    head_bytes: usize,
    /// A `HEAD` request's answer has no body, whatever its headers say.
    bodyless: bool,
}

impl Reader {
    /// A reader for the answer to a request of this method.
    pub fn new(method: &str) -> Self {
        Self { state: State::Head, buffer: vec![], head_bytes: 0, bodyless: method == "HEAD" }
    }

    /// Takes bytes from the wire; true once the answer is whole. Bytes behind it are dropped.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) -> Result<bool, Failure> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => bytes = self.feed_head(bytes, sink)?,
                State::Length(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (body, _) = bytes.split_at(length);
                    sink.body(body)?;
                    *left -= length as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                State::Chunked(chunked) => {
                    bytes = chunked.feed(bytes, sink)?;
                    if chunked.is_done() {
                        self.state = State::Done;
                    }
                }
                State::UntilClose => {
                    sink.body(bytes)?;
                    bytes = &[];
                }
                State::Done => bytes = &[],
            }
        }
        Ok(matches!(self.state, State::Done))
    }

    /// The server closed the connection.
    pub fn close(&self) -> Result<(), Failure> {
        match &self.state {
            State::Done | State::UntilClose => Ok(()),
            State::Head if self.head_bytes == self.buffer.len() && !self.buffer.contains(&b'\n') => {
                Err(Failure::new(
                    Code::EmptyReply,
                    format_args!("the server closed the connection without an answer"),
                ))
            }
            State::Head => Err(Failure::new(
                Code::Receive,
                format_args!("the server closed the connection within the headers"),
            )),
            State::Length(left) => Err(Failure::new(
                Code::PartialBody,
                format_args!("the body ended {left} bytes before its Content-Length"),
            )),
            State::Chunked(_) => {
                Err(Failure::new(Code::PartialBody, format_args!("the body ended before its last chunk")))
            }
        }
    }

    /// Adds to the head up to its end; returns what is behind it.
    fn feed_head<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn Sink) -> Result<&'a [u8], Failure> {
        let known = self.buffer.len();
        let room = MAX_HEAD - self.head_bytes;
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        check_beginning(&self.buffer)?;
        let Some(end) = head_end(&self.buffer, known) else {
            self.head_bytes += taken.len();
            if self.head_bytes >= MAX_HEAD {
                let limit = MAX_HEAD / 1024;
                return Err(Failure::new(
                    Code::Receive,
                    format_args!("the answer's headers are larger than {limit} KiB"),
                ));
            }
            return Ok(&[]);
        };
        self.head_bytes += end - known;
        self.buffer.truncate(end);
        let head = parse_head(&self.buffer)?;
        self.buffer.clear();
        sink.head(&head)?;
        self.state = framing(&head, self.bodyless)?;
        Ok(bytes.get(end - known..).unwrap_or_default())
    }
}

/// Refuses early what will never be HTTP/1: HTTP/0.9 has no head, and its "body" could be anything.
fn check_beginning(buffer: &[u8]) -> Result<(), Failure> {
    let beginning = b"HTTP/";
    let length = buffer.len().min(beginning.len());
    if buffer.get(..length) == beginning.get(..length) {
        return Ok(());
    }
    Err(not_http())
}

fn not_http() -> Failure {
    Failure::new(
        Code::UnsupportedProtocol,
        format_args!("the server's answer is not HTTP/1: is this the right port?"),
    )
}

/// The position behind the first empty line that ends at `from` or later.
fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    let ends_here = |end: &usize| {
        let head = buffer.get(..*end).unwrap_or_default();
        head.ends_with(b"\n\n") || head.ends_with(b"\n\r\n")
    };
    (from + 1..=buffer.len()).find(ends_here)
}

fn parse_head(raw: &[u8]) -> Result<Head, Failure> {
    let mut slots = FEW_HEADERS;
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
                    Code::WeirdReply,
                    format_args!("the answer's status line or headers can't be read"),
                ));
            }
        }
    }
}

/// How the body behind this head is delimited (RFC 9112 section 6.3).
fn framing(head: &Head, bodyless: bool) -> Result<State, Failure> {
    if head.status < 200 && head.status != 101 {
        return Ok(State::Head);
    }
    if bodyless || matches!(head.status, 101 | 204 | 304) {
        return Ok(State::Done);
    }
    if let Some(coding) = head.header("transfer-encoding") {
        return match coding.trim_ascii() {
            chunked if chunked.eq_ignore_ascii_case("chunked") => Ok(State::Chunked(Chunked::default())),
            identity if identity.eq_ignore_ascii_case("identity") => Ok(State::UntilClose),
            _ => Err(Failure::new(
                Code::WeirdReply,
                format_args!("the answer has a transfer coding that was not asked for"),
            )),
        };
    }
    let mut length = None;
    for value in head.values("content-length") {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let this = value.parse::<u64>().ok().filter(|_| digits);
        if this.is_none() || (length.is_some() && length != this) {
            return Err(Failure::new(
                Code::WeirdReply,
                format_args!("the answer's Content-Length is no number, or two numbers"),
            ));
        }
        length = this;
    }
    Ok(match length {
        Some(0) => State::Done,
        Some(length) => State::Length(length),
        None => State::UntilClose,
    })
}

#[cfg(test)]
mod tests;

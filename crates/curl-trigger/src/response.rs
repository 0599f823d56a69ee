//! Reads an HTTP/1.1 response (RFC 9112) from bytes that arrive in pieces of any size.

pub mod chunked;
pub mod head;
#[cfg(test)]
mod tests;

use alloc::{vec, vec::Vec};

use self::chunked::ChunkedDecoder;
pub use self::head::{Head, ResponseHandler};
use crate::exit::{ExitCode, Failure};

/// The maximum total size of the heads of one response, interim ones (1xx) included, in bytes.
pub const MAX_HEAD: usize = 100 * 1024;

#[derive(Debug)]
enum ReadState {
    Head,
    /// The body has this many bytes left.
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
}

/// Reads one response.
#[derive(Debug)]
pub struct ResponseReader {
    state: ReadState,
    /// The received part of the head.
    buffer: Vec<u8>,
    head_bytes: usize,
    /// The response has no body, even with a `Content-Length`: the method is `HEAD`, or `-I` is given.
    has_no_body: bool,
}

impl ResponseReader {
    /// A reader for the response to a request with this method. `head_only` ends it with the head.
    pub fn new(method: &str, head_only: bool) -> Self {
        let has_no_body = head_only || method == "HEAD";
        Self { state: ReadState::Head, buffer: vec![], head_bytes: 0, has_no_body }
    }

    /// Reads received bytes. Returns true when the response is complete; further bytes are ignored.
    pub fn feed(&mut self, mut bytes: &[u8], handler: &mut dyn ResponseHandler) -> Result<bool, Failure> {
        while !bytes.is_empty() {
            match &mut self.state {
                ReadState::Head => bytes = self.feed_head(bytes, handler)?,
                ReadState::Length(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (body, _) = bytes.split_at(length);
                    handler.body(body)?;
                    *left -= length as u64;
                    if *left == 0 {
                        self.state = ReadState::Done;
                    }
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                ReadState::Chunked(chunked) => {
                    bytes = chunked.feed(bytes, handler)?;
                    if chunked.is_done() {
                        self.state = ReadState::Done;
                    }
                }
                ReadState::UntilClose => {
                    handler.body(bytes)?;
                    bytes = &[];
                }
                ReadState::Done => bytes = &[],
            }
        }
        Ok(matches!(self.state, ReadState::Done))
    }

    /// Checks that the response is complete when the server has closed the connection.
    pub fn close(&self) -> Result<(), Failure> {
        match &self.state {
            ReadState::Done | ReadState::UntilClose => Ok(()),
            ReadState::Head if self.head_bytes == self.buffer.len() && !self.buffer.contains(&b'\n') => {
                Err(Failure::new(
                    ExitCode::EmptyReply,
                    format_args!("the server closed the connection without a response"),
                ))
            }
            ReadState::Head => Err(Failure::new(
                ExitCode::Receive,
                format_args!("the server closed the connection before the end of the headers"),
            )),
            ReadState::Length(left) => Err(Failure::new(
                ExitCode::PartialBody,
                format_args!("the body ended {left} bytes before its Content-Length"),
            )),
            ReadState::Chunked(_) => {
                Err(Failure::new(ExitCode::PartialBody, format_args!("the body ended before its last chunk")))
            }
        }
    }

    /// Reads up to the end of the head; returns the bytes after it.
    fn feed_head<'a>(
        &mut self,
        bytes: &'a [u8],
        handler: &mut dyn ResponseHandler,
    ) -> Result<&'a [u8], Failure> {
        let before = self.buffer.len();
        let room = MAX_HEAD - self.head_bytes;
        let added = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(added);
        check_start(&self.buffer)?;
        let Some(end) = head_end(&self.buffer, before) else {
            self.head_bytes += added.len();
            if self.head_bytes >= MAX_HEAD {
                let limit = MAX_HEAD / 1024;
                return Err(Failure::new(
                    ExitCode::Receive,
                    format_args!("the response headers are larger than {limit} KiB"),
                ));
            }
            return Ok(&[]);
        };
        self.head_bytes += end - before;
        self.buffer.truncate(end);
        let head = head::parse(&self.buffer)?;
        self.buffer.clear();
        handler.head(&head)?;
        self.state = state_after(&head, self.has_no_body)?;
        Ok(bytes.get(end - before..).unwrap_or_default())
    }
}

/// Rejects other protocols at the first bytes, HTTP/0.9 included, whose responses have no head.
fn check_start(buffer: &[u8]) -> Result<(), Failure> {
    let prefix = b"HTTP/";
    let length = buffer.len().min(prefix.len());
    if buffer.get(..length) == prefix.get(..length) {
        return Ok(());
    }
    Err(head::not_http())
}

/// The position after the first empty line that ends after `from`.
fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    let ends_here = |end: &usize| {
        let head = buffer.get(..*end).unwrap_or_default();
        head.ends_with(b"\n\n") || head.ends_with(b"\n\r\n")
    };
    (from + 1..=buffer.len()).find(ends_here)
}

/// The state after this head, by the length of its body (RFC 9112 section 6.3).
fn state_after(head: &Head, has_no_body: bool) -> Result<ReadState, Failure> {
    if head.status < 200 && head.status != 101 {
        return Ok(ReadState::Head);
    }
    if has_no_body || matches!(head.status, 101 | 204 | 304) {
        return Ok(ReadState::Done);
    }
    if let Some(coding) = head.header("transfer-encoding") {
        return match coding.trim_ascii() {
            chunked if chunked.eq_ignore_ascii_case("chunked") => {
                Ok(ReadState::Chunked(ChunkedDecoder::default()))
            }
            identity if identity.eq_ignore_ascii_case("identity") => Ok(ReadState::UntilClose),
            _ => Err(Failure::new(
                ExitCode::WeirdReply,
                format_args!("the response has an unsupported Transfer-Encoding"),
            )),
        };
    }
    let mut length = None;
    for value in head.values("content-length") {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = value.parse::<u64>().ok().filter(|_| digits);
        if parsed.is_none() || (length.is_some() && length != parsed) {
            return Err(Failure::new(
                ExitCode::WeirdReply,
                format_args!("the response's Content-Length is not one number"),
            ));
        }
        length = parsed;
    }
    Ok(match length {
        Some(0) => ReadState::Done,
        Some(length) => ReadState::Length(length),
        None => ReadState::UntilClose,
    })
}

//! The chunked transfer coding (RFC 9112 section 7.1).

use super::Sink;
use crate::exit::{Code, Failure};

/// Size line, extensions and trailers together may be this long between two chunks.
const MAX_OVERHEAD: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// In the hexadecimal size.
    #[default]
    Size,
    /// Behind the size, up to the line's end.
    Extension,
    /// In a chunk, with this many bytes left.
    Data,
    /// At the line end behind a chunk.
    AfterData,
    /// In the trailers, at the beginning of a line, or not.
    Trailer {
        line_is_empty: bool,
    },
    Done,
}

/// The decoder of one body.
#[derive(Debug, Default)]
pub struct Chunked {
    state: State,
    size: u64,
    digits: usize,
    overhead: usize,
}

impl Chunked {
    /// Whether the last chunk and the trailers have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes bytes from the wire; returns those behind the body's end.
    pub fn feed<'a>(&mut self, mut bytes: &'a [u8], sink: &mut dyn Sink) -> Result<&'a [u8], Failure> {
        while self.state != State::Done {
            if self.state == State::Data {
                let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len());
                let (data, rest) = bytes.split_at(length);
                if !data.is_empty() {
                    sink.body(data)?;
                }
                self.size -= length as u64;
                bytes = rest;
                if self.size > 0 {
                    return Ok(bytes);
                }
                self.state = State::AfterData;
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(bytes);
            };
            bytes = rest;
            self.overhead += 1;
            if self.overhead > MAX_OVERHEAD {
                return Err(broken("is followed by too much that is not data"));
            }
            self.state = self.step(*byte)?;
        }
        Ok(bytes)
    }

    fn step(&mut self, byte: u8) -> Result<State, Failure> {
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.digits += 1;
                let larger = self.size.checked_mul(16).ok_or_else(|| broken("has a size past all bounds"))?;
                self.size = larger + u64::from(digit);
                Ok(State::Size)
            }
            (State::Size, _) if self.digits == 0 => Err(broken("has no hexadecimal size")),
            (State::Size | State::Extension, b'\n') => Ok(self.begin_chunk()),
            (State::Size, b';' | b' ' | b'\t' | b'\r') | (State::Extension, _) => Ok(State::Extension),
            (State::Size, _) => Err(broken("has a size that is not hexadecimal")),
            (State::AfterData, b'\r') => Ok(State::AfterData),
            (State::AfterData, b'\n') => {
                (self.size, self.digits) = (0, 0);
                Ok(State::Size)
            }
            (State::AfterData, _) => Err(broken("is longer than its size says")),
            (State::Trailer { line_is_empty: true }, b'\n') => Ok(State::Done),
            (State::Trailer { line_is_empty }, b'\r') => Ok(State::Trailer { line_is_empty }),
            (State::Trailer { .. }, b'\n') => Ok(State::Trailer { line_is_empty: true }),
            (State::Trailer { .. }, _) => Ok(State::Trailer { line_is_empty: false }),
            (state @ (State::Data | State::Done), _) => Ok(state),
        }
    }

    fn begin_chunk(&mut self) -> State {
        if self.size == 0 {
            return State::Trailer { line_is_empty: true };
        }
        self.overhead = 0;
        State::Data
    }
}

fn broken(how: &str) -> Failure {
    Failure::new(Code::Receive, format_args!("a chunk of the body {how}"))
}

//! The chunked transfer coding (RFC 9112 section 7.1).

use super::head::ResponseHandler;
use crate::exit::{ExitCode, Failure};

/// The maximum size of the bytes between two chunks (size line and extensions) and of the trailers.
const MAX_OVERHEAD: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum ChunkState {
    /// In the hexadecimal size.
    #[default]
    Size,
    /// Between the size and the end of the line.
    Extension,
    /// In the data of a chunk.
    Data,
    /// At the end of the line after a chunk.
    AfterData,
    /// In the trailers.
    Trailer {
        line_is_empty: bool,
    },
    Done,
}

/// Decodes one body.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: ChunkState,
    size: u64,
    digits: usize,
    overhead: usize,
}

impl ChunkedDecoder {
    /// Whether the last chunk and the trailers are complete.
    pub fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Decodes received bytes; returns the bytes after the end of the body.
    pub fn feed<'a>(
        &mut self,
        mut bytes: &'a [u8],
        handler: &mut dyn ResponseHandler,
    ) -> Result<&'a [u8], Failure> {
        while self.state != ChunkState::Done {
            if self.state == ChunkState::Data {
                let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len());
                let (data, rest) = bytes.split_at(length);
                if !data.is_empty() {
                    handler.body(data)?;
                }
                self.size -= length as u64;
                bytes = rest;
                if self.size > 0 {
                    return Ok(bytes);
                }
                self.state = ChunkState::AfterData;
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(bytes);
            };
            bytes = rest;
            self.overhead += 1;
            if self.overhead > MAX_OVERHEAD {
                return Err(broken("is followed by too many bytes that are not data"));
            }
            self.state = self.step(*byte)?;
        }
        Ok(bytes)
    }

    fn step(&mut self, byte: u8) -> Result<ChunkState, Failure> {
        match (self.state, byte) {
            (ChunkState::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.digits += 1;
                let larger = self.size.checked_mul(16).ok_or_else(|| broken("has too large a size"))?;
                self.size = larger + u64::from(digit);
                Ok(ChunkState::Size)
            }
            (ChunkState::Size, _) if self.digits == 0 => Err(broken("has no hexadecimal size")),
            (ChunkState::Size | ChunkState::Extension, b'\n') => Ok(self.start_chunk()),
            (ChunkState::Size, b';' | b' ' | b'\t' | b'\r') | (ChunkState::Extension, _) => {
                Ok(ChunkState::Extension)
            }
            (ChunkState::Size, _) => Err(broken("has a size that is not hexadecimal")),
            (ChunkState::AfterData, b'\r') => Ok(ChunkState::AfterData),
            (ChunkState::AfterData, b'\n') => {
                (self.size, self.digits) = (0, 0);
                Ok(ChunkState::Size)
            }
            (ChunkState::AfterData, _) => Err(broken("is longer than its size")),
            (ChunkState::Trailer { line_is_empty: true }, b'\n') => Ok(ChunkState::Done),
            (ChunkState::Trailer { line_is_empty }, b'\r') => Ok(ChunkState::Trailer { line_is_empty }),
            (ChunkState::Trailer { .. }, b'\n') => Ok(ChunkState::Trailer { line_is_empty: true }),
            (ChunkState::Trailer { .. }, _) => Ok(ChunkState::Trailer { line_is_empty: false }),
            (state @ (ChunkState::Data | ChunkState::Done), _) => Ok(state),
        }
    }

    fn start_chunk(&mut self) -> ChunkState {
        if self.size == 0 {
            return ChunkState::Trailer { line_is_empty: true };
        }
        self.overhead = 0;
        ChunkState::Data
    }
}

fn broken(how: &str) -> Failure {
    Failure::new(ExitCode::Receive, format_args!("a chunk of the body {how}"))
}

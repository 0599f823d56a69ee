//! What a program prints, on its way into the log book.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use trigger_core::log_buffers::LogBuffers;
use trigger_core::run::RunId;

/// The longest line that is kept in one piece.
const LONGEST_PIECE: usize = 16 * 1024;

/// Reads until nobody can write any more. Lines that come together go into the book together.
pub(super) async fn keep(mut pipe: impl AsyncRead + Unpin, book: Arc<LogBuffers>, id: RunId) {
    let mut waiting = BytesMut::with_capacity(LONGEST_PIECE);
    let mut within_a_line = false;
    // A pipe that can't be read is as good as closed.
    while pipe.read_buf(&mut waiting).await.is_ok_and(|count| count > 0) {
        let whole_lines = waiting.iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
        let piece = whole_lines.unwrap_or(if waiting.len() < LONGEST_PIECE { 0 } else { waiting.len() });
        if piece > 0 {
            within_a_line = whole_lines.is_none();
            book.append(&id, &waiting.split_to(piece).freeze());
        }
        waiting.reserve(LONGEST_PIECE);
    }
    if !waiting.is_empty() {
        within_a_line = true;
        book.append(&id, &waiting.freeze());
    }
    if within_a_line {
        // What is printed next, by another attempt, begins a line.
        book.append(&id, &Bytes::from_static(b"\n"));
    }
}

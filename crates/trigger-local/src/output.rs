//! Copies a program's output to the log buffers.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::log_text::LogSource;
use trigger_core::run::RunId;

/// A longer line is appended in several pieces. In bytes.
const MAX_PIECE: usize = 16 * 1024;

/// Copies until every writer has closed the pipe. Only whole lines are appended, unless a line is too long or the last.
pub(super) async fn copy(
    mut pipe: impl AsyncRead + Unpin,
    logs: Arc<LogBuffers>,
    id: RunId,
    source: Arc<LogSource>,
) {
    let mut buffer = BytesMut::with_capacity(MAX_PIECE);
    let mut is_within_line = false;
    // A read error ends the log, as the end of the pipe does.
    while pipe.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        let whole_lines = buffer.iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
        let piece = whole_lines.unwrap_or(if buffer.len() < MAX_PIECE { 0 } else { buffer.len() });
        if piece > 0 {
            is_within_line = whole_lines.is_none();
            logs.append(&id, &source, &buffer.split_to(piece).freeze());
        }
        buffer.reserve(MAX_PIECE);
    }
    if !buffer.is_empty() {
        is_within_line = true;
        logs.append(&id, &source, &buffer.freeze());
    }
    if is_within_line {
        // The output of the next attempt begins on a new line.
        logs.append(&id, &source, &Bytes::from_static(b"\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_has_all_of_the_output_and_ends_with_a_whole_line() {
        let long = "x".repeat(3 * MAX_PIECE);
        for (output, expected) in [
            ("", String::new()),
            ("one\ntwo\n", "one\ntwo\n".to_owned()),
            ("one\ntwo", "one\ntwo\n".to_owned()),
            (&long, format!("{long}\n")),
        ] {
            let (logs, id) = (Arc::new(LogBuffers::default()), RunId::new("run"));
            logs.open(&id);
            copy(output.as_bytes(), Arc::clone(&logs), id.clone(), Arc::default()).await;
            assert_eq!(logs.tail(&id).unwrap().text, expected);
        }
    }
}

//! Joins the pieces of a log into pieces of whole lines.

use bytes::Bytes;
use trigger_core::log_text::LogPiece;

/// A longer line is split.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Joins pieces. The last line is kept until it is complete.
#[derive(Default)]
pub(super) struct WholeLines {
    rest: Option<LogPiece>,
}

impl WholeLines {
    /// The lines that the piece completes.
    pub(super) fn add(&mut self, piece: LogPiece) -> Vec<LogPiece> {
        let mut complete = Vec::new();
        let mut current = match self.rest.take() {
            Some(rest) if rest.source == piece.source && rest.end() == piece.offset => {
                let text = [&rest.text[..], &piece.text[..]].concat();
                LogPiece { text: Bytes::from(text), ..rest }
            }
            rest => {
                complete.extend(rest);
                piece
            }
        };
        let lines = current.text.iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
        let length = lines.unwrap_or_else(|| match current.text.len() {
            length if length > MAX_LINE_BYTES => length - incomplete_character(&current.text),
            _ => 0,
        });
        self.rest = current.clone().from_offset(current.offset + length as u64);
        if length > 0 {
            current.text.truncate(length);
            complete.push(current);
        }
        complete
    }

    /// The last line, if it has no end.
    pub(super) fn finish(&mut self) -> Option<LogPiece> {
        self.rest.take()
    }
}

/// The number of bytes at the end that are the beginning of a character.
fn incomplete_character(text: &[u8]) -> usize {
    // A character has at most four bytes, the first of which is at least 0xc0.
    let begin = text.iter().rev().take(3).position(|byte| *byte >= 0xc0).map_or(0, |position| position + 1);
    let last = &text[text.len() - begin..];
    if str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) { begin } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trigger_core::log_text::LogSource;

    use super::*;

    fn pieces(texts: &[&[u8]], source: &Arc<LogSource>) -> Vec<LogPiece> {
        let mut offset = 0;
        let piece = |text: &&[u8]| {
            let text = Bytes::copy_from_slice(text);
            let piece = LogPiece { offset, source: Some(Arc::clone(source)), source_offset: offset, text };
            offset = piece.end();
            piece
        };
        texts.iter().map(piece).collect()
    }

    fn joined(pieces: Vec<LogPiece>) -> Vec<(u64, Vec<u8>)> {
        let mut lines = WholeLines::default();
        let mut joined: Vec<LogPiece> = pieces.into_iter().flat_map(|piece| lines.add(piece)).collect();
        joined.extend(lines.finish());
        joined.into_iter().map(|piece| (piece.offset, piece.text.to_vec())).collect()
    }

    #[test]
    fn pieces_are_joined_to_whole_lines_wherever_they_end() {
        let source = Arc::default();
        let text = "eins\nzwölf\n\nfünf".as_bytes();
        for size in 1..text.len() {
            let parts: Vec<&[u8]> = text.chunks(size).collect();
            let found = joined(pieces(&parts, &source));
            let mut next = 0;
            for (offset, line) in &found {
                assert_eq!(*offset, next);
                next += line.len() as u64;
                assert!(line.ends_with(b"\n") || next == text.len() as u64, "in pieces of {size}: {found:?}");
            }
            assert_eq!(next, text.len() as u64);
        }
    }

    #[test]
    fn a_long_line_is_split_between_characters() {
        let text = "ä€😀".repeat(4_000);
        let parts: Vec<&[u8]> = text.as_bytes().chunks(1_001).collect();
        let found = joined(pieces(&parts, &Arc::default()));
        assert!(found.len() > 1);
        assert!(found.iter().all(|(_, line)| str::from_utf8(line).is_ok() && line.len() < 20_000));
        assert_eq!(found.into_iter().flat_map(|(_, line)| line).collect::<Vec<u8>>(), text.as_bytes());
    }

    #[test]
    fn lines_of_two_containers_are_not_joined() {
        let mut both = pieces(&[b"a", b"b"], &Arc::default());
        let other = LogSource { attempt: Some(2), ..LogSource::default() };
        both[1].source = Some(Arc::new(other));
        assert_eq!(joined(both), [(0, b"a".to_vec()), (1, b"b".to_vec())]);
    }
}

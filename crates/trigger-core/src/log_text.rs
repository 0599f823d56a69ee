//! The text of a run's log: its offsets, and which part of it comes from which container.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What prints a part of a log. A field is None if it does not apply, or is not known.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LogSource {
    /// The pod.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// The number of the container's start in the run, from 1: pods that replace others and restarts in a pod count.
    pub attempt: Option<u32>,
}

/// A piece of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPiece {
    /// The offset of its first byte in the log, in bytes.
    pub offset: u64,
    /// What printed it; None for a separator.
    pub source: Option<Arc<LogSource>>,
    /// The offset of its first byte in the text of its container alone. 0 for a separator.
    pub source_offset: u64,
    /// Its text, never empty.
    pub text: Bytes,
}

impl LogPiece {
    /// The offset after its last byte.
    pub fn end(&self) -> u64 {
        self.offset + self.text.len() as u64
    }

    /// The piece in the log of that container alone; None if it is not part of it.
    #[must_use]
    pub fn of_container(self, name: &str) -> Option<Self> {
        let is_of_container = self.source.as_ref()?.container.as_deref() == Some(name);
        is_of_container.then_some(Self { offset: self.source_offset, ..self })
    }

    /// The part of the piece from that offset on; None if it ends before.
    #[must_use]
    pub fn from_offset(mut self, offset: u64) -> Option<Self> {
        let surplus = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        if surplus >= self.text.len() {
            return None;
        }
        self.text = self.text.slice(surplus..);
        self.offset += surplus as u64;
        if self.source.is_some() {
            self.source_offset += surplus as u64;
        }
        Some(self)
    }
}

/// Assigns offsets to the output of a run's containers. The same output in the same order has the same offsets, so they are
/// valid in every replica.
#[derive(Debug, Default)]
pub struct LogAssembler {
    end: u64,
    last: Option<Arc<LogSource>>,
    /// The length of the text of each container alone.
    lengths: Vec<(Option<String>, u64)>,
}

impl LogAssembler {
    /// The offset after the last byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The pieces that this output adds to the log: a separator, if something else printed before it, and its text.
    pub fn add(&mut self, source: &Arc<LogSource>, text: Bytes) -> impl Iterator<Item = LogPiece> + use<> {
        if text.is_empty() {
            return None.into_iter().chain(None);
        }
        let is_other = self.last.as_ref().is_some_and(|last| last != source);
        let separator = is_other.then(|| self.piece(None, separator(source), 0));
        self.last = Some(Arc::clone(source));
        let index = self.lengths.iter().position(|(container, _)| *container == source.container);
        let index = index.unwrap_or_else(|| {
            self.lengths.push((source.container.clone(), 0));
            self.lengths.len() - 1
        });
        let source_offset = self.lengths[index].1;
        self.lengths[index].1 += text.len() as u64;
        let piece = self.piece(Some(Arc::clone(source)), text, source_offset);
        separator.into_iter().chain(Some(piece))
    }

    fn piece(&mut self, source: Option<Arc<LogSource>>, text: Bytes, source_offset: u64) -> LogPiece {
        let offset = self.end;
        self.end += text.len() as u64;
        LogPiece { offset, source, source_offset, text }
    }
}

/// Names the container whose lines follow, in the format of `tail -f` with several files.
fn separator(source: &LogSource) -> Bytes {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
    Bytes::from(format!("\n==> {}/{} <==\n", name(&source.pod), name(&source.container)))
}

/// Where a part of a log tail starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPart {
    /// The offset of its first byte in the log.
    pub start: u64,
    /// What printed it; None for a separator.
    pub source: Option<Arc<LogSource>>,
    /// The offset of its first byte in the text of its container alone.
    pub source_start: u64,
}

/// The last part of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogTail {
    /// At most 64 KiB. It starts at the start of a line, unless the last line is longer.
    pub text: Bytes,
    /// Whether the beginning of the log is missing.
    pub cut: bool,
    /// The offset of its first byte in the log. 0 if it is not known, because an older version stored the tail.
    pub start: u64,
    /// Which parts come from which container, in order. Empty if it is not known.
    pub parts: Vec<LogPart>,
}

impl LogTail {
    /// The offset after the last byte.
    pub fn end(&self) -> u64 {
        self.start + self.text.len() as u64
    }

    /// The tail as pieces.
    pub fn pieces(&self) -> Vec<LogPiece> {
        if self.parts.is_empty() && !self.text.is_empty() {
            let (offset, source) = (self.start, Some(Arc::default()));
            return vec![LogPiece { offset, source, source_offset: offset, text: self.text.clone() }];
        }
        let index = |offset: u64| {
            usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.text.len())
        };
        let ends = self.parts.iter().skip(1).map(|part| part.start).chain([self.end()]);
        let pieces = self.parts.iter().zip(ends).map(|(part, end)| LogPiece {
            offset: part.start,
            source: part.source.clone(),
            source_offset: part.source_start,
            text: self.text.slice(index(part.start)..index(end).max(index(part.start))),
        });
        pieces.filter(|piece| !piece.text.is_empty()).collect()
    }
}

/// The offset at which the last `count` lines of the pieces start; None if there are fewer lines.
pub fn last_lines_start(pieces: &[LogPiece], count: usize) -> Option<u64> {
    let end = pieces.last().map_or(0, LogPiece::end);
    if count == 0 {
        return Some(end);
    }
    let mut found = 0;
    for piece in pieces.iter().rev() {
        for (index, _) in piece.text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let start = piece.offset + index as u64 + 1;
            // The newline at the end of the log ends the last line.
            found += usize::from(start != end);
            if found == count {
                return Some(start);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(pod: &str, container: &str, attempt: u32) -> Arc<LogSource> {
        let (pod, container) = (Some(pod.to_owned()), Some(container.to_owned()));
        Arc::new(LogSource { pod, container, attempt: Some(attempt) })
    }

    fn log() -> Vec<LogPiece> {
        let mut assembler = LogAssembler::default();
        let (init, main, again) = (source("a", "init", 1), source("a", "main", 1), source("b", "main", 2));
        let output = [(&init, "zero\n"), (&main, "one\n"), (&main, "two\n"), (&again, "three\n")];
        output.into_iter().flat_map(|(source, text)| assembler.add(source, Bytes::from(text))).collect()
    }

    #[test]
    fn a_separator_precedes_the_output_of_another_start_and_counts_in_the_offsets() {
        let pieces = log();
        let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.text.to_vec()).collect();
        let expected = "zero\n\n==> a/main <==\none\ntwo\n\n==> b/main <==\nthree\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        let mut next = 0;
        for piece in &pieces {
            assert_eq!(piece.offset, next);
            next = piece.end();
        }
        assert_eq!(next, expected.len() as u64);
    }

    #[test]
    fn the_log_of_one_container_has_offsets_of_its_own_and_no_separators() {
        let main: Vec<LogPiece> = log().into_iter().filter_map(|piece| piece.of_container("main")).collect();
        let found: Vec<_> = main.iter().map(|piece| (piece.offset, &piece.text[..])).collect();
        assert_eq!(found, [(0, &b"one\n"[..]), (4, &b"two\n"[..]), (8, &b"three\n"[..])]);
    }

    #[test]
    fn a_piece_can_be_read_from_any_offset() {
        let piece = log().pop().unwrap();
        let rest = piece.clone().from_offset(piece.offset + 2).unwrap();
        assert_eq!((rest.offset, rest.source_offset, &rest.text[..]), (piece.offset + 2, 10, &b"ree\n"[..]));
        assert_eq!(piece.clone().from_offset(0), Some(piece.clone()));
        assert_eq!(piece.clone().from_offset(piece.end()), None);
    }

    #[test]
    fn the_last_lines_start_after_the_newline_before_them() {
        let main: Vec<LogPiece> = log().into_iter().filter_map(|piece| piece.of_container("main")).collect();
        for (count, expected) in [(0, Some(14)), (1, Some(8)), (2, Some(4)), (3, None), (9, None)] {
            assert_eq!(last_lines_start(&main, count), expected, "{count}");
        }
    }

    #[test]
    fn the_pieces_of_a_tail_have_the_offsets_of_the_log() {
        let part = |start, source, source_start| LogPart { start, source, source_start };
        let main = source("a", "main", 1);
        let tail = LogTail {
            text: Bytes::from_static(b"ne\n\n==> b/main <==\ntwo\n"),
            cut: true,
            start: 101,
            parts: vec![
                part(101, Some(Arc::clone(&main)), 11),
                part(104, None, 0),
                part(120, Some(source("b", "main", 2)), 14),
            ],
        };
        let pieces = tail.pieces();
        assert_eq!(pieces.iter().map(|piece| piece.offset).collect::<Vec<_>>(), [101, 104, 120]);
        assert_eq!((&pieces[0].text[..], &pieces[2].text[..]), (&b"ne\n"[..], &b"two\n"[..]));
        assert_eq!(pieces[2].end(), tail.end());
    }
}

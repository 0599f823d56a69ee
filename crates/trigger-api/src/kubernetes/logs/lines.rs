//! Log lines as the server gives them with `timestamps=true`.

use bytes::Bytes;

/// Takes lines apart that begin with the moment they were written at.
#[derive(Default)]
pub(super) struct Lines {
    /// The moment of the last line that was taken, as the server wrote it; a later one is a later text.
    last: String,
    /// What of a moment at the start of a line has come so far; None in the middle of a line.
    moment: Option<Vec<u8>>,
    /// Up to which moment lines were taken before the reading broke; None once that is passed. Clocks go back, and two
    /// streams of a container overtake each other, so otherwise the order of moments means nothing.
    taken_before: Option<String>,
    skipping: bool,
}

/// A moment with nanoseconds and an offset is shorter than this.
const LONGEST_MOMENT: usize = 40;

impl Lines {
    pub(super) fn begin(&mut self) {
        self.moment = Some(Vec::new());
        self.skipping = false;
        self.taken_before = Some(self.last.clone()).filter(|last| !last.is_empty());
    }

    pub(super) fn last_moment(&self) -> Option<jiff::Timestamp> {
        self.last.parse().ok()
    }

    /// The text of a piece without the moments, and without lines that were taken before.
    pub(super) fn take(&mut self, piece: &[u8]) -> Bytes {
        let mut text = Vec::with_capacity(piece.len());
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = part;
            if let Some(moment) = &mut self.moment {
                let Some(space) = rest.iter().position(|byte| *byte == b' ') else {
                    moment.extend_from_slice(rest);
                    if moment.len() <= LONGEST_MOMENT && !rest.ends_with(b"\n") {
                        continue;
                    }
                    // Not a moment after all.
                    text.append(moment);
                    self.moment = rest.ends_with(b"\n").then(Vec::new);
                    continue;
                };
                moment.extend_from_slice(&rest[..space]);
                let written = String::from_utf8_lossy(moment).into_owned();
                self.skipping = self.taken_before.as_ref().is_some_and(|before| written <= *before);
                if !self.skipping {
                    self.taken_before = None;
                    self.last = written;
                }
                rest = &rest[space + 1..];
                self.moment = None;
            }
            if !self.skipping {
                text.extend_from_slice(rest);
            }
            if rest.ends_with(b"\n") {
                self.moment = Some(Vec::new());
            }
        }
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-11-21T10:00:00.000000001Z one\n2026-11-21T10:00:00.000000002Z \n\
                       2026-11-21T10:00:01.000000000Z a b\n2026-11-21T10:00:02.000000000Z no end";

    #[test]
    fn moments_are_taken_off_wherever_the_pieces_end() {
        for size in 1..LOG.len() {
            let mut lines = Lines::default();
            lines.begin();
            let pieces: Vec<Bytes> = LOG.as_bytes().chunks(size).map(|piece| lines.take(piece)).collect();
            assert_eq!(pieces.concat(), b"one\n\na b\nno end", "in pieces of {size}");
        }
    }

    #[test]
    fn lines_that_come_again_after_a_break_are_left_out() {
        let mut lines = Lines::default();
        lines.begin();
        let first = lines.take(&LOG.as_bytes()[..LOG.find("2026-11-21T10:00:01").unwrap()]);
        assert_eq!(lines.last_moment(), Some("2026-11-21T10:00:00.000000002Z".parse().unwrap()));
        lines.begin();
        let rest = lines.take(LOG.as_bytes());
        assert_eq!([first, rest].concat(), b"one\n\na b\nno end");
    }

    #[test]
    fn a_line_whose_moment_is_before_that_of_the_line_above_is_kept() {
        let mut lines = Lines::default();
        lines.begin();
        let text = lines.take(b"2026-11-21T10:00:00.000000002Z one\n2026-11-21T09:00:00.000000000Z two\n");
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_line_without_a_moment_is_kept() {
        let mut lines = Lines::default();
        lines.begin();
        assert_eq!(lines.take(b"unexpected\n2026-11-21T10:00:00.000000001Z one\n"), "unexpected\none\n");
    }
}

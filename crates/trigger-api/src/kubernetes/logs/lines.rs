//! Parses logs that were requested with `timestamps=true`.

use bytes::Bytes;

/// Removes the timestamp at the start of each line.
#[derive(Default)]
pub(super) struct TimestampedLines {
    /// The timestamp of the first line.
    first: Option<jiff::Timestamp>,
    /// The timestamp of the last line, as text: the API server's format sorts by time.
    last: String,
    /// The part of a line's timestamp that has arrived so far; None after the timestamp.
    timestamp: Option<Vec<u8>>,
    /// The last timestamp before the connection broke; None once a line after it has arrived. Timestamps are compared only
    /// until then, because they are not ordered in general: clocks are set back, and a container has two output streams.
    resume_after: Option<String>,
    skipping: bool,
}

/// RFC 3339 timestamps with nanoseconds and an offset are shorter than this.
const MAX_TIMESTAMP_LENGTH: usize = 40;

impl TimestampedLines {
    /// Starts a new stream, which may repeat lines of the one before.
    pub(super) fn begin(&mut self) {
        self.timestamp = Some(Vec::new());
        self.skipping = false;
        self.resume_after = Some(self.last.clone()).filter(|last| !last.is_empty());
    }

    pub(super) fn first_timestamp(&self) -> Option<jiff::Timestamp> {
        self.first
    }

    pub(super) fn last_timestamp(&self) -> Option<jiff::Timestamp> {
        self.last.parse().ok()
    }

    /// The text of a chunk without timestamps, and without lines of an earlier stream.
    pub(super) fn strip(&mut self, chunk: &[u8]) -> Bytes {
        let mut text = Vec::with_capacity(chunk.len());
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = part;
            if let Some(timestamp) = &mut self.timestamp {
                let Some(space) = rest.iter().position(|byte| *byte == b' ') else {
                    timestamp.extend_from_slice(rest);
                    if timestamp.len() <= MAX_TIMESTAMP_LENGTH && !rest.ends_with(b"\n") {
                        continue;
                    }
                    // The line has no timestamp.
                    text.append(timestamp);
                    self.timestamp = rest.ends_with(b"\n").then(Vec::new);
                    continue;
                };
                timestamp.extend_from_slice(&rest[..space]);
                let written = String::from_utf8_lossy(timestamp).into_owned();
                self.skipping = self.resume_after.as_ref().is_some_and(|before| written <= *before);
                if !self.skipping {
                    self.resume_after = None;
                    self.first = self.first.or_else(|| written.parse().ok());
                    self.last = written;
                }
                rest = &rest[space + 1..];
                self.timestamp = None;
            }
            if !self.skipping {
                text.extend_from_slice(rest);
            }
            if rest.ends_with(b"\n") {
                self.timestamp = Some(Vec::new());
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
    fn timestamps_are_removed_wherever_the_chunks_end() {
        for size in 1..LOG.len() {
            let mut lines = TimestampedLines::default();
            lines.begin();
            let chunks: Vec<Bytes> = LOG.as_bytes().chunks(size).map(|chunk| lines.strip(chunk)).collect();
            assert_eq!(chunks.concat(), b"one\n\na b\nno end", "in chunks of {size}");
        }
    }

    #[test]
    fn lines_that_a_resumed_stream_repeats_are_skipped() {
        let mut lines = TimestampedLines::default();
        lines.begin();
        let first = lines.strip(&LOG.as_bytes()[..LOG.find("2026-11-21T10:00:01").unwrap()]);
        assert_eq!(lines.last_timestamp(), Some("2026-11-21T10:00:00.000000002Z".parse().unwrap()));
        assert_eq!(lines.first_timestamp(), Some("2026-11-21T10:00:00.000000001Z".parse().unwrap()));
        lines.begin();
        let rest = lines.strip(LOG.as_bytes());
        assert_eq!([first, rest].concat(), b"one\n\na b\nno end");
    }

    #[test]
    fn a_line_with_an_earlier_timestamp_than_the_line_before_is_kept() {
        let mut lines = TimestampedLines::default();
        lines.begin();
        let text = lines.strip(b"2026-11-21T10:00:00.000000002Z one\n2026-11-21T09:00:00.000000000Z two\n");
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_line_without_a_timestamp_is_kept() {
        let mut lines = TimestampedLines::default();
        lines.begin();
        assert_eq!(lines.strip(b"unexpected\n2026-11-21T10:00:00.000000001Z one\n"), "unexpected\none\n");
    }
}

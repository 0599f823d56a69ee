//! The tails of the logs of runs in progress, and their readers.
//!
//! An executor appends the output of its runs. When a run ends, its tail is closed and stored, before the cluster deletes
//! the pod.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::watch;

use super::run::RunId;

/// The maximum size of a tail, in bytes.
pub const TAIL_BYTES: usize = 64 * 1024;
/// The maximum size of all tails of runs in progress. If it is exceeded, the longest tail is halved.
pub const MAX_TAILS_BYTES: usize = 4 << 20;
/// The maximum size of a piece that a reader receives.
const PIECE_BYTES: usize = 16 * 1024;
const DROPPED: &[u8] = b"\n[some lines were dropped: the log is faster than its reader]\n";

/// The last part of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogTail {
    /// At most [`TAIL_BYTES`]. It starts at the start of a line, unless the last line is longer.
    pub text: Bytes,
    /// Whether the beginning of the log is missing.
    pub cut: bool,
}

/// The tails of the runs in progress.
#[derive(Debug, Default)]
pub struct LogBuffers {
    logs: Mutex<OpenLogs>,
}

#[derive(Debug, Default)]
struct OpenLogs {
    of_run: HashMap<RunId, OpenLog>,
    /// The size of all tails.
    bytes: usize,
}

/// An open log. Readers share its tail, so they need no memory of their own, however slow they are.
#[derive(Debug, Default)]
struct OpenLog {
    tail: Arc<Mutex<TailBuffer>>,
    /// Changes with each output; dropped when the log is closed.
    appended: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct TailBuffer {
    kept: BytesMut,
    cut: bool,
    /// How many bytes were appended in total.
    end: u64,
}

impl TailBuffer {
    fn append(&mut self, piece: &Bytes) {
        self.kept.extend_from_slice(piece);
        self.end += piece.len() as u64;
        // Trimmed only when it has doubled, so that it is not copied for every line.
        if self.kept.len() > 2 * TAIL_BYTES {
            self.shorten(TAIL_BYTES);
        }
    }

    /// Keeps at most the last `max_bytes`.
    fn shorten(&mut self, max_bytes: usize) {
        let surplus = self.kept.len().saturating_sub(max_bytes);
        if surplus > 0 {
            let line_end = self.kept[surplus - 1..].iter().position(|byte| *byte == b'\n');
            // If the last line is longer than the tail, the end of the line is kept.
            let next_line = line_end.map(|offset| surplus + offset).filter(|start| *start < self.kept.len());
            // Copied, so that the memory of the rest is released.
            self.kept = BytesMut::from(&self.kept[next_line.unwrap_or(surplus)..]);
            self.cut = true;
        }
    }

    fn tail(&mut self) -> LogTail {
        self.shorten(TAIL_BYTES);
        LogTail { text: Bytes::copy_from_slice(&self.kept), cut: self.cut }
    }

    /// The output from that position on, and the position after it; None if there is none yet.
    fn read(&self, position: u64) -> Option<(Bytes, u64)> {
        let start = self.end - self.kept.len() as u64;
        if position < start {
            return Some((Bytes::from_static(DROPPED), start));
        }
        let rest = &self.kept[usize::try_from(position - start).ok()?..];
        let piece = &rest[..rest.len().min(PIECE_BYTES)];
        (!piece.is_empty()).then(|| (Bytes::copy_from_slice(piece), position + piece.len() as u64))
    }
}

impl OpenLogs {
    fn append(&mut self, id: &RunId, piece: &Bytes) {
        self.change(id, |tail| tail.append(piece));
        if let Some(log) = self.of_run.get(id) {
            log.appended.send_replace(());
        }
        while self.bytes > MAX_TAILS_BYTES {
            let longest = self.of_run.iter().max_by_key(|(_, log)| locked(&log.tail).kept.len());
            let Some(id) = longest.map(|(id, _)| id.clone()) else { return };
            self.change(&id, |tail| tail.shorten(tail.kept.len() / 2));
        }
    }

    fn change<T>(&mut self, id: &RunId, change: impl FnOnce(&mut TailBuffer) -> T) -> T {
        let mut tail = locked(&self.of_run.entry(id.clone()).or_default().tail);
        let before = tail.kept.len();
        let changed = change(&mut tail);
        self.bytes = self.bytes + tail.kept.len() - before;
        changed
    }
}

impl LogBuffers {
    /// Opens the log of a run, unless it is open.
    pub fn open(&self, id: &RunId) {
        locked(&self.logs).of_run.entry(id.clone()).or_default();
    }

    /// Appends output of a run.
    pub fn append(&self, id: &RunId, piece: &Bytes) {
        locked(&self.logs).append(id, piece);
    }

    /// The tail of an open log.
    pub fn tail(&self, id: &RunId) -> Option<LogTail> {
        let mut logs = locked(&self.logs);
        logs.of_run.contains_key(id).then(|| logs.change(id, TailBuffer::tail))
    }

    /// The tail of an open log, and then the output that follows until it is closed.
    pub fn follow(&self, id: &RunId) -> Option<(LogTail, impl Stream<Item = Bytes> + Send + use<>)> {
        let mut logs = locked(&self.logs);
        let log = logs.of_run.get(id)?;
        let (shared, appended) = (Arc::clone(&log.tail), log.appended.subscribe());
        let (tail, position) = logs.change(id, |tail| (tail.tail(), tail.end));
        let reader = LogReader { tail: shared, appended, position };
        Some((tail, futures_util::stream::unfold(reader, LogReader::next)))
    }

    /// Closes a log and returns its tail; None if it was not open.
    pub fn close(&self, id: &RunId) -> Option<LogTail> {
        let mut logs = locked(&self.logs);
        let log = logs.of_run.remove(id)?;
        let mut tail = locked(&log.tail);
        logs.bytes -= tail.kept.len();
        Some(tail.tail())
    }
}

/// Follows a log.
struct LogReader {
    tail: Arc<Mutex<TailBuffer>>,
    appended: watch::Receiver<()>,
    position: u64,
}

impl LogReader {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            // Before the tail is read, so that the end of the log is not missed.
            let closed = self.appended.has_changed().is_err();
            let read = locked(&self.tail).read(self.position);
            if let Some((piece, position)) = read {
                self.position = position;
                return Some((piece, self));
            }
            if closed {
                return None;
            }
            // An error means that the log was closed.
            let _ = self.appended.changed().await;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn the_tail_has_the_last_whole_lines_that_fit() {
        let (logs, id) = (LogBuffers::default(), RunId::new("run"));
        assert_eq!(logs.tail(&id), None);
        for line in 0..20_000 {
            logs.append(&id, &Bytes::from(format!("line {line:05}\n")));
        }
        let tail = logs.close(&id).unwrap();
        assert!(tail.cut);
        assert!((TAIL_BYTES - 11..=TAIL_BYTES).contains(&tail.text.len()), "{}", tail.text.len());
        assert!(tail.text.starts_with(b"line "));
        assert!(tail.text.ends_with(b"line 19999\n"));
        assert_eq!(logs.tail(&id), None);
    }

    #[test]
    fn a_short_log_is_kept_whole_and_an_endless_line_is_cut() {
        let (logs, id) = (LogBuffers::default(), RunId::new("run"));
        logs.append(&id, &Bytes::from_static(b"no line end"));
        assert_eq!(logs.tail(&id).unwrap(), LogTail { text: Bytes::from_static(b"no line end"), cut: false });
        logs.append(&id, &Bytes::from(vec![b'x'; 3 * TAIL_BYTES]));
        let tail = logs.tail(&id).unwrap();
        assert_eq!((tail.text.len(), tail.cut), (TAIL_BYTES, true));
        logs.append(&id, &Bytes::from_static(b"\n"));
        assert_eq!(logs.tail(&id).unwrap().text.len(), TAIL_BYTES);
    }

    #[test]
    fn the_tails_of_many_runs_fit_into_the_limit_and_each_keeps_its_last_lines() {
        let logs = LogBuffers::default();
        let ids: Vec<RunId> = (0..300).map(|number| RunId::new(number.to_string())).collect();
        for line in 0..2_000 {
            for id in &ids {
                logs.append(id, &Bytes::from(format!("line {line:05} {}\n", "x".repeat(50))));
            }
        }
        let tails: Vec<LogTail> = ids.iter().filter_map(|id| logs.tail(id)).collect();
        let total: usize = tails.iter().map(|tail| tail.text.len()).sum();
        assert!((MAX_TAILS_BYTES / 4..=MAX_TAILS_BYTES).contains(&total), "{total}");
        for tail in tails {
            assert!(tail.cut && tail.text.starts_with(b"line "), "{}", tail.text.len());
            assert!(tail.text.windows(11).any(|text| text == b"line 01999 "));
        }
        for id in &ids {
            logs.close(id);
        }
        assert_eq!(locked(&logs.logs).bytes, 0);
    }

    #[tokio::test]
    async fn a_reader_receives_the_tail_the_output_that_follows_and_the_end() {
        let (logs, id) = (LogBuffers::default(), RunId::new("run"));
        logs.append(&id, &Bytes::from_static(b"one\n"));
        let (tail, pieces) = logs.follow(&id).unwrap();
        logs.append(&id, &Bytes::from_static(b"two\n"));
        logs.close(&id);
        assert_eq!(tail.text, "one\n");
        assert_eq!(pieces.collect::<Vec<_>>().await, ["two\n"]);
    }

    #[tokio::test]
    async fn a_slow_reader_needs_no_memory_and_learns_that_lines_were_dropped() {
        let (logs, id) = (LogBuffers::default(), RunId::new("run"));
        logs.open(&id);
        let (_, pieces) = logs.follow(&id).unwrap();
        for line in 0..20_000 {
            logs.append(&id, &Bytes::from(format!("line {line:05}\n")));
        }
        assert!(locked(&logs.logs).bytes <= 2 * TAIL_BYTES);
        logs.close(&id);
        let pieces: Vec<Bytes> = pieces.collect().await;
        assert_eq!(pieces[0], DROPPED);
        assert!(pieces[1].starts_with(b"line ") && pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        assert!(pieces.concat().ends_with(b"line 19999\n"));
        assert!(pieces.concat().len() <= DROPPED.len() + TAIL_BYTES);
    }
}

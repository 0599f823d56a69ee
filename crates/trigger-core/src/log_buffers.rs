//! The tails of the logs of runs in progress, and their readers.
//!
//! An executor appends the output of its runs. When a run ends, its tail is closed and stored, before the cluster deletes
//! the pod.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::broadcast::{self, error::RecvError};

use super::run::RunId;

/// The maximum size of a tail, in bytes.
pub const TAIL_BYTES: usize = 64 * 1024;
/// The maximum size of all tails of runs in progress. If it is exceeded, the longest tail is halved.
pub const MAX_TAILS_BYTES: usize = 4 << 20;
/// How many pieces a reader may lag behind before some are dropped.
const READER_BACKLOG: usize = 256;

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

#[derive(Debug)]
struct OpenLog {
    kept: BytesMut,
    cut: bool,
    readers: broadcast::Sender<Bytes>,
}

impl Default for OpenLog {
    fn default() -> Self {
        Self { kept: BytesMut::new(), cut: false, readers: broadcast::Sender::new(READER_BACKLOG) }
    }
}

impl OpenLog {
    fn append(&mut self, piece: &Bytes) {
        self.kept.extend_from_slice(piece);
        // Trimmed only when it has doubled, so that it is not copied for every line.
        if self.kept.len() > 2 * TAIL_BYTES {
            self.trim();
        }
        // An error means that there is no reader.
        let _ = self.readers.send(piece.clone());
    }

    fn trim(&mut self) {
        self.shorten(TAIL_BYTES);
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
        self.trim();
        LogTail { text: Bytes::copy_from_slice(&self.kept), cut: self.cut }
    }
}

impl OpenLogs {
    fn append(&mut self, id: &RunId, piece: &Bytes) {
        self.change(id, |log| log.append(piece));
        while self.bytes > MAX_TAILS_BYTES {
            let longest = self.of_run.iter().max_by_key(|(_, log)| log.kept.len());
            let Some(id) = longest.map(|(id, _)| id.clone()) else { return };
            self.change(&id, |log| log.shorten(log.kept.len() / 2));
        }
    }

    fn change<T>(&mut self, id: &RunId, change: impl FnOnce(&mut OpenLog) -> T) -> T {
        let log = self.of_run.entry(id.clone()).or_default();
        let before = log.kept.len();
        let changed = change(log);
        self.bytes = self.bytes + log.kept.len() - before;
        changed
    }
}

impl LogBuffers {
    /// Opens the log of a run, unless it is open.
    pub fn open(&self, id: &RunId) {
        self.locked().of_run.entry(id.clone()).or_default();
    }

    /// Appends output of a run.
    pub fn append(&self, id: &RunId, piece: &Bytes) {
        self.locked().append(id, piece);
    }

    /// The tail of an open log.
    pub fn tail(&self, id: &RunId) -> Option<LogTail> {
        let mut logs = self.locked();
        logs.of_run.contains_key(id).then(|| logs.change(id, OpenLog::tail))
    }

    /// The tail of an open log, and then the output that follows until it is closed.
    pub fn follow(&self, id: &RunId) -> Option<(LogTail, impl Stream<Item = Bytes> + Send + use<>)> {
        let mut logs = self.locked();
        let pieces = logs.of_run.get(id)?.readers.subscribe();
        Some((logs.change(id, OpenLog::tail), futures_util::stream::unfold(pieces, next_piece)))
    }

    /// Closes a log and returns its tail; None if it was not open.
    pub fn close(&self, id: &RunId) -> Option<LogTail> {
        let mut logs = self.locked();
        let mut log = logs.of_run.remove(id)?;
        logs.bytes -= log.kept.len();
        Some(log.tail())
    }

    fn locked(&self) -> MutexGuard<'_, OpenLogs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next_piece(mut pieces: broadcast::Receiver<Bytes>) -> Option<(Bytes, broadcast::Receiver<Bytes>)> {
    match pieces.recv().await {
        Ok(piece) => Some((piece, pieces)),
        Err(RecvError::Lagged(_)) => Some((
            Bytes::from_static(b"\n[some lines were dropped: the log is faster than its reader]\n"),
            pieces,
        )),
        Err(RecvError::Closed) => None,
    }
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
        assert_eq!(logs.locked().bytes, 0);
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
}

//! The tails of the logs of runs in progress, and their readers.
//!
//! An executor appends the output of its runs. When a run ends, its tail is closed and stored, before the cluster deletes
//! the pod.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::watch;

use super::log_text::{LogAssembler, LogPart, LogPiece, LogSource, LogTail};
use super::run::RunId;

/// The maximum size of a tail, in bytes.
pub const TAIL_BYTES: usize = 64 * 1024;
/// The maximum size of all tails of runs in progress. If it is exceeded, the longest tail is halved.
pub const MAX_TAILS_BYTES: usize = 4 << 20;
/// The maximum size of a piece that a reader receives.
const PIECE_BYTES: u64 = 16 * 1024;
/// The maximum number of parts of a tail: where containers print at the same time, the tail is shorter.
const MAX_PARTS: usize = 256;

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
    /// Where the kept parts start. The first one starts with the kept text.
    parts: VecDeque<LogPart>,
    assembler: LogAssembler,
}

impl TailBuffer {
    fn append(&mut self, source: &Arc<LogSource>, output: &Bytes) {
        for LogPiece { offset, source, source_offset, text } in self.assembler.add(source, output.clone()) {
            if self.parts.back().is_none_or(|part| part.source != source) {
                self.parts.push_back(LogPart { start: offset, source, source_start: source_offset });
            }
            self.kept.extend_from_slice(&text);
        }
        // Trimmed only when it has doubled, so that it is not copied for every line.
        if self.kept.len() > 2 * TAIL_BYTES || self.parts.len() > 2 * MAX_PARTS {
            self.shorten(TAIL_BYTES);
        }
    }

    fn start(&self) -> u64 {
        self.assembler.end() - self.kept.len() as u64
    }

    /// Keeps at most the last `max_bytes` and the last [`MAX_PARTS`].
    fn shorten(&mut self, max_bytes: usize) {
        let start = self.start();
        let first_part =
            self.parts.len().checked_sub(MAX_PARTS).map_or(start, |index| self.parts[index].start);
        let surplus = usize::try_from(first_part - start).unwrap_or_default();
        let surplus = surplus.max(self.kept.len().saturating_sub(max_bytes));
        if surplus > 0 {
            let line_end = self.kept[surplus - 1..].iter().position(|byte| *byte == b'\n');
            // If the last line is longer than the tail, the end of the line is kept.
            let next_line = line_end.map(|offset| surplus + offset).filter(|start| *start < self.kept.len());
            // Copied, so that the memory of the rest is released.
            self.kept = BytesMut::from(&self.kept[next_line.unwrap_or(surplus)..]);
            self.cut = true;
            self.remove_parts_before(self.start());
        }
    }

    fn remove_parts_before(&mut self, start: u64) {
        while self.parts.get(1).is_some_and(|second| second.start <= start) {
            self.parts.pop_front();
        }
        if let Some(first) = self.parts.front_mut() {
            if first.source.is_some() {
                first.source_start += start - first.start;
            }
            first.start = start;
        }
    }

    fn tail(&mut self) -> LogTail {
        self.shorten(TAIL_BYTES);
        LogTail {
            text: Bytes::copy_from_slice(&self.kept),
            cut: self.cut,
            start: self.start(),
            parts: self.parts.iter().cloned().collect(),
        }
    }

    /// A piece of the output from that offset on, or from the oldest kept one; None if there is none yet.
    fn read(&self, offset: u64) -> Option<LogPiece> {
        let (start, end) = (self.start(), self.assembler.end());
        let offset = offset.max(start);
        let after = self.parts.partition_point(|part| part.start <= offset);
        let part = self.parts.get(after.checked_sub(1)?)?;
        let part_end = self.parts.get(after).map_or(end, |next| next.start).min(offset + PIECE_BYTES);
        let index = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX);
        let text = self.kept.get(index(offset)..index(part_end)).filter(|text| !text.is_empty())?;
        Some(LogPiece {
            offset,
            source: part.source.clone(),
            source_offset: part.source.as_ref().map_or(0, |_| part.source_start + offset - part.start),
            text: Bytes::copy_from_slice(text),
        })
    }
}

impl OpenLogs {
    fn append(&mut self, id: &RunId, source: &Arc<LogSource>, output: &Bytes) {
        self.change(id, |tail| tail.append(source, output));
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

    /// Appends output of a run, which that source has printed.
    pub fn append(&self, id: &RunId, source: &Arc<LogSource>, output: &Bytes) {
        locked(&self.logs).append(id, source, output);
    }

    /// The tail of an open log.
    pub fn tail(&self, id: &RunId) -> Option<LogTail> {
        let mut logs = locked(&self.logs);
        logs.of_run.contains_key(id).then(|| logs.change(id, TailBuffer::tail))
    }

    /// The tail of an open log, and then the output that follows until it is closed. Offsets that are missing belong to
    /// output that was dropped, because the log is faster than the reader.
    pub fn follow(&self, id: &RunId) -> Option<(LogTail, impl Stream<Item = LogPiece> + Send + use<>)> {
        let mut logs = locked(&self.logs);
        let log = logs.of_run.get(id)?;
        let (shared, appended) = (Arc::clone(&log.tail), log.appended.subscribe());
        let tail = logs.change(id, TailBuffer::tail);
        let reader = LogReader { tail: shared, appended, offset: tail.end() };
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
    offset: u64,
}

impl LogReader {
    async fn next(mut self) -> Option<(LogPiece, Self)> {
        loop {
            // Before the tail is read, so that the end of the log is not missed.
            let closed = self.appended.has_changed().is_err();
            let read = locked(&self.tail).read(self.offset);
            if let Some(piece) = read {
                self.offset = piece.end();
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
mod tests;

//! The ends of the logs of runs that go on, and who reads along.
//!
//! An executor appends what its runs print. When a run ends its tail is closed and goes into the store, before
//! the cluster's clean-up takes the pod.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::broadcast::{self, error::RecvError};

use super::run::RunId;

/// How much of a log's end is kept, in bytes.
pub const TAIL_BYTES: usize = 64 * 1024;
/// How many pieces a reader may be behind before it loses some.
const READER_BACKLOG: usize = 256;

/// The end of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogTail {
    /// At most [`TAIL_BYTES`], beginning at the start of a line where the log has lines.
    pub text: Bytes,
    /// Whether something came before it.
    pub cut: bool,
}

/// The tails of the runs that go on.
#[derive(Debug, Default)]
pub struct LogBuffers {
    tails: Mutex<HashMap<RunId, Growing>>,
}

#[derive(Debug)]
struct Growing {
    kept: BytesMut,
    cut: bool,
    readers: broadcast::Sender<Bytes>,
}

impl Default for Growing {
    fn default() -> Self {
        Self { kept: BytesMut::new(), cut: false, readers: broadcast::Sender::new(READER_BACKLOG) }
    }
}

impl Growing {
    fn append(&mut self, piece: &Bytes) {
        self.kept.extend_from_slice(piece);
        // Cut only now and then, so that a log that comes line by line isn't copied for each line.
        if self.kept.len() > 2 * TAIL_BYTES {
            self.trim();
        }
        // No reader is no error.
        let _ = self.readers.send(piece.clone());
    }

    fn trim(&mut self) {
        let surplus = self.kept.len().saturating_sub(TAIL_BYTES);
        if surplus > 0 {
            let line_end = self.kept[surplus - 1..].iter().position(|byte| *byte == b'\n');
            // Of a last line that is longer than the tail its end is kept, rather than nothing.
            let next_line = line_end.map(|offset| surplus + offset).filter(|start| *start < self.kept.len());
            let _ = self.kept.split_to(next_line.unwrap_or(surplus));
            self.cut = true;
        }
    }

    fn tail(&mut self) -> LogTail {
        self.trim();
        LogTail { text: Bytes::copy_from_slice(&self.kept), cut: self.cut }
    }
}

impl LogBuffers {
    /// Begins the log of a run; one that has begun goes on.
    pub fn open(&self, id: &RunId) {
        self.locked().entry(id.clone()).or_default();
    }

    /// Adds what a run printed.
    pub fn append(&self, id: &RunId, piece: &Bytes) {
        self.locked().entry(id.clone()).or_default().append(piece);
    }

    /// The end of a log that is open.
    pub fn tail(&self, id: &RunId) -> Option<LogTail> {
        self.locked().get_mut(id).map(Growing::tail)
    }

    /// The end of a log that is open and then what follows, until it is closed.
    pub fn follow(&self, id: &RunId) -> Option<(LogTail, impl Stream<Item = Bytes> + Send + use<>)> {
        let mut tails = self.locked();
        let growing = tails.get_mut(id)?;
        let pieces = growing.readers.subscribe();
        Some((growing.tail(), futures_util::stream::unfold(pieces, next_piece)))
    }

    /// Ends a log and gives its end; None when it was not open.
    pub fn close(&self, id: &RunId) -> Option<LogTail> {
        self.locked().remove(id).map(|mut growing| growing.tail())
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<RunId, Growing>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next_piece(mut pieces: broadcast::Receiver<Bytes>) -> Option<(Bytes, broadcast::Receiver<Bytes>)> {
    match pieces.recv().await {
        Ok(piece) => Some((piece, pieces)),
        Err(RecvError::Lagged(_)) => Some((
            Bytes::from_static(b"\n[some lines are left out: the log is faster than its reader]\n"),
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
    fn the_tail_is_the_last_whole_lines_that_fit() {
        let (book, id) = (LogBuffers::default(), RunId::new("run"));
        assert_eq!(book.tail(&id), None);
        for line in 0..20_000 {
            book.append(&id, &Bytes::from(format!("line {line:05}\n")));
        }
        let tail = book.close(&id).unwrap();
        assert!(tail.cut);
        assert!((TAIL_BYTES - 11..=TAIL_BYTES).contains(&tail.text.len()), "{}", tail.text.len());
        assert!(tail.text.starts_with(b"line "));
        assert!(tail.text.ends_with(b"line 19999\n"));
        assert_eq!(book.tail(&id), None);
    }

    #[test]
    fn a_short_log_is_kept_whole_and_one_line_without_end_is_cut_where_it_must_be() {
        let (book, id) = (LogBuffers::default(), RunId::new("run"));
        book.append(&id, &Bytes::from_static(b"no line end"));
        assert_eq!(book.tail(&id).unwrap(), LogTail { text: Bytes::from_static(b"no line end"), cut: false });
        book.append(&id, &Bytes::from(vec![b'x'; 3 * TAIL_BYTES]));
        let tail = book.tail(&id).unwrap();
        assert_eq!((tail.text.len(), tail.cut), (TAIL_BYTES, true));
        book.append(&id, &Bytes::from_static(b"\n"));
        assert_eq!(book.tail(&id).unwrap().text.len(), TAIL_BYTES);
    }

    #[tokio::test]
    async fn a_reader_gets_the_tail_what_follows_and_the_end() {
        let (book, id) = (LogBuffers::default(), RunId::new("run"));
        book.append(&id, &Bytes::from_static(b"one\n"));
        let (tail, pieces) = book.follow(&id).unwrap();
        book.append(&id, &Bytes::from_static(b"two\n"));
        book.close(&id);
        assert_eq!(tail.text, "one\n");
        assert_eq!(pieces.collect::<Vec<_>>().await, ["two\n"]);
    }
}

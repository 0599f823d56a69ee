//! The logs of runs.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};

use super::Runs;
use crate::executor::{ExecutorError, WholeLog};
use crate::log_text::{LogPiece, LogTail, last_lines_start};
use crate::run::Run;
use crate::store_error::StoreError;

/// The maximum size of the last lines of a log, in bytes.
pub const MAX_LAST_LINES_BYTES: usize = 256 * 1024;

/// Selects a part of a log.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only the text of this container, without separators. Offsets are those of this text.
    pub container: Option<String>,
    /// Where the part starts.
    pub position: LogPosition,
    /// Whether the log continues until the run ends.
    pub follow: bool,
}

/// Where a part of a log starts.
#[derive(Clone, Copy, Debug, Default)]
pub enum LogPosition {
    /// At the beginning, or at the oldest available text.
    #[default]
    Start,
    /// At this offset, in bytes.
    Offset(u64),
    /// At the last lines, of which at most [`MAX_LAST_LINES_BYTES`] are read.
    LastLines(usize),
}

/// A part of a run's log.
pub struct RunLog {
    /// The offset of its first byte; None if the text was put together from containers that ran at the same time, or whose
    /// earlier output is missing. Such a text has no offsets.
    pub start: Option<u64>,
    /// Whether a beginning is missing that was requested.
    pub cut: bool,
    /// Its pieces. Offsets between two pieces are missing if the text was dropped, because the reader was too slow.
    pub pieces: BoxStream<'static, Result<LogPiece, ExecutorError>>,
}

impl LogQuery {
    /// The piece as far as it is selected.
    fn selected(&self, piece: LogPiece, from: u64) -> Option<LogPiece> {
        let piece = match &self.container {
            Some(container) => piece.of_container(container)?,
            None => piece,
        };
        piece.from_offset(from)
    }

    fn all_selected(&self, pieces: Vec<LogPiece>, from: u64) -> Vec<LogPiece> {
        pieces.into_iter().filter_map(|piece| self.selected(piece, from)).collect()
    }

    fn select(
        self,
        pieces: impl Stream<Item = Result<LogPiece, ExecutorError>> + Send + 'static,
        from: u64,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        let select = move |piece: Result<LogPiece, _>| {
            let selected = piece.map(|piece| self.selected(piece, from)).transpose();
            std::future::ready(selected)
        };
        pieces.filter_map(select).boxed()
    }
}

/// The selected part of a tail, from the requested position.
struct SelectedTail {
    start: u64,
    cut: bool,
    /// Whether it has everything from the requested position on.
    has_all: bool,
    pieces: Vec<LogPiece>,
}

impl SelectedTail {
    fn new(query: &LogQuery, tail: &LogTail) -> Self {
        let pieces = query.all_selected(tail.pieces(), 0);
        let oldest = match (&query.container, pieces.first()) {
            (_, Some(first)) => first.offset,
            (None, None) => tail.end(),
            (Some(_), None) => 0,
        };
        let is_cut = oldest > 0 || (tail.cut && tail.start == 0);
        let (start, cut) = match query.position {
            LogPosition::Start => (oldest, is_cut),
            LogPosition::Offset(offset) => (offset.max(oldest), offset < oldest),
            LogPosition::LastLines(count) => match last_lines_start(&pieces, count) {
                Some(start) => (start, false),
                None => (oldest, is_cut),
            },
        };
        let has_all = !cut && (query.container.is_none() || !pieces.is_empty());
        let pieces = pieces.into_iter().filter_map(|piece| piece.from_offset(start)).collect();
        Self { start, cut, has_all, pieces }
    }

    fn into_log(self, query: LogQuery, rest: impl Stream<Item = LogPiece> + Send + 'static) -> RunLog {
        let start = self.start;
        let pieces = stream::iter(self.pieces.into_iter().map(Ok)).chain(query.select(rest.map(Ok), start));
        RunLog { start: Some(start), cut: self.cut, pieces: pieces.boxed() }
    }
}

impl Runs {
    /// The log of a run; None if nothing is left of it. With `follow` the log continues until the run ends.
    ///
    /// # Errors
    /// When the store can't be read, or nothing is left of the log because a right is missing.
    pub async fn log(&self, run: &Run, query: LogQuery) -> Result<Option<RunLog>, ExecutorError> {
        if query.follow
            && let Some((tail, rest)) = self.logs.follow(&run.id)
        {
            return Ok(Some(SelectedTail::new(&query, &tail).into_log(query, rest)));
        }
        let is_part = !matches!(query.position, LogPosition::Start);
        // The open log of a run that has ended is not complete: its last output may still be read.
        if is_part && !(run.state.is_final() && self.logs.tail(&run.id).is_some()) {
            let tail = self.kept_log(run).await?.map(|tail| SelectedTail::new(&query, &tail));
            if let Some(tail) = tail.filter(|tail| tail.has_all) {
                return Ok(Some(tail.into_log(query, stream::empty())));
            }
        }
        let missing_right = match self.executor.log(run, query.container.as_deref()).await {
            Ok(Some(whole)) if whole.has_offsets => return Ok(Some(part_of(whole, query).await)),
            Ok(Some(whole)) if matches!(query.position, LogPosition::Start) => {
                let pieces = query.select(whole.pieces, 0);
                return Ok(Some(RunLog { start: None, cut: whole.cut, pieces }));
            }
            Ok(_) => None,
            Err(error @ ExecutorError::Forbidden { .. }) => Some(error),
            Err(error) => {
                tracing::warn!(%error, run.id = %run.id, "cannot read the log; answering with the stored tail");
                None
            }
        };
        let tail = self.kept_log(run).await?;
        let tail =
            tail.filter(|tail| query.container.is_none() || !query.all_selected(tail.pieces(), 0).is_empty());
        match (tail, missing_right) {
            (None, Some(error)) => Err(error),
            (tail, _) => {
                Ok(tail.map(|tail| SelectedTail::new(&query, &tail).into_log(query, stream::empty())))
            }
        }
    }

    async fn kept_log(&self, run: &Run) -> Result<Option<LogTail>, StoreError> {
        match self.logs.tail(&run.id).filter(|tail| !tail.text.is_empty()) {
            Some(tail) => Ok(Some(tail)),
            None => self.recorder.log(&run.id).await,
        }
    }
}

/// The selected part of a whole log.
async fn part_of(whole: WholeLog, query: LogQuery) -> RunLog {
    match query.position {
        LogPosition::Start => {
            RunLog { start: Some(0), cut: whole.cut, pieces: query.select(whole.pieces, 0) }
        }
        LogPosition::Offset(from) => {
            RunLog { start: Some(from), cut: false, pieces: query.select(whole.pieces, from) }
        }
        LogPosition::LastLines(count) => last_lines(query.select(whole.pieces, 0), count).await,
    }
}

/// Reads a log to its end and keeps its last lines. An error is kept as the last item, so that the reader detects it.
async fn last_lines(mut pieces: BoxStream<'static, Result<LogPiece, ExecutorError>>, count: usize) -> RunLog {
    let (mut kept, mut bytes, mut failure) = (VecDeque::new(), 0, None);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => {
                bytes += piece.text.len();
                kept.push_back(piece);
            }
            Err(error) => failure = Some(error),
        }
        while let Some(first) = kept.front().filter(|_| bytes > MAX_LAST_LINES_BYTES) {
            bytes -= first.text.len();
            kept.pop_front();
        }
    }
    let kept = Vec::from(kept);
    let oldest = kept.first().map_or(0, |piece| piece.offset);
    let found = last_lines_start(&kept, count);
    let start = found.unwrap_or(oldest);
    let pieces = kept.into_iter().filter_map(move |piece| piece.from_offset(start));
    let pieces = stream::iter(pieces.map(Ok).chain(failure.map(Err)));
    RunLog { start: Some(start), cut: found.is_none() && oldest > 0, pieces: pieces.boxed() }
}

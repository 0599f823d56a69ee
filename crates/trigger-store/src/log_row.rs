//! The tail of a log as a row of the table `run_logs`.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::log_text::{LogPart, LogSource, LogTail};
use trigger_core::run::RunId;

use super::row::Row;
use super::run_row::decode_error;
use super::statement::{SqlValue, Statement, storable};

/// A part of the text in JSON: its start, what printed it, and its start in the text of its container.
type PartRow = (u64, Option<LogSource>, u64);

/// Stores nothing if the run does not exist, because another replica can have deleted it. An empty tail does not replace a
/// stored one, because it can come from a replica that read the log after the pod was deleted.
pub(super) fn save_log(id: &RunId, tail: &LogTail) -> Statement {
    let sql = "INSERT INTO run_logs (run_id, text, cut, start, parts, saved_at) \
        SELECT $1, $2, $3, $4, $5, $6 FROM runs WHERE id = $1 \
        ON CONFLICT (run_id) DO UPDATE SET text = excluded.text, cut = excluded.cut, start = excluded.start, \
        parts = excluded.parts, saved_at = excluded.saved_at \
        WHERE length(excluded.text) > 0";
    let values = vec![
        SqlValue::text(id.as_str()),
        SqlValue::Bytes(tail.text.to_vec()),
        SqlValue::Integer(Some(tail.cut.into())),
        SqlValue::number(i64::try_from(tail.start).unwrap_or(i64::MAX)),
        SqlValue::Text((!tail.parts.is_empty()).then(|| parts_text(&tail.parts))),
        SqlValue::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

pub(super) fn log(id: &RunId) -> Statement {
    let sql = "SELECT text, cut, start, parts FROM run_logs WHERE run_id = $1";
    Statement::new(sql, vec![SqlValue::text(id.as_str())])
}

pub(super) fn read_log_tail(row: &Row) -> Result<LogTail, sqlx::Error> {
    let text: Vec<u8> = row.try_get("text")?;
    let start: i64 = row.try_get("start")?;
    let parts: Option<String> = row.try_get("parts")?;
    Ok(LogTail {
        text: Bytes::from(text),
        cut: row.try_get::<i32>("cut")? != 0,
        start: u64::try_from(start).map_err(|error| decode_error("start", error))?,
        parts: parts.map_or(Ok(Vec::new()), |text| parse_parts(&text))?,
    })
}

fn parts_text(parts: &[LogPart]) -> String {
    let row =
        |part: &LogPart| -> PartRow { (part.start, part.source.as_deref().cloned(), part.source_start) };
    let rows: Vec<_> = parts.iter().map(row).collect();
    storable(&serde_json::to_string(&rows).expect("a list of numbers and texts is JSON")).into_owned()
}

fn parse_parts(text: &str) -> Result<Vec<LogPart>, sqlx::Error> {
    let rows: Vec<PartRow> = serde_json::from_str(text).map_err(|error| decode_error("parts", error))?;
    let part = |(start, source, source_start): PartRow| LogPart {
        start,
        source: source.map(Arc::new),
        source_start,
    };
    Ok(rows.into_iter().map(part).collect())
}

//! Reads the answers of D1's HTTP API.
//!
//! `{"success", "errors": [{"code", "message"}], "result": [{"success", "results", "meta": {"changes"}}]}`.

use common::http::{Answer, RetryingClient};
use common::text::single_line;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The code of all errors of SQLite and of the database's host.
const QUERY_FAILED: i64 = 7500;

/// Parts of the messages of transient errors.
const TRANSIENT: [&str; 7] = [
    "overloaded",
    "reset",
    "internal error",
    "exceeded timeout",
    "timed out",
    "connection lost",
    "transient issue",
];

/// The maximum size of an answer that is parsed as an error, in bytes. A larger answer contains rows, and parsing it twice
/// would be expensive.
const MAX_ERROR: usize = 64 << 10;

/// The maximum length of D1's text in an error, in bytes.
const MAX_FOREIGN_TEXT: usize = 1024;

#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<ApiMessage>,
    #[serde(default)]
    result: Option<Vec<QueryResult>>,
}

#[derive(Deserialize)]
struct ApiMessage {
    #[serde(default)]
    code: i64,
    message: String,
}

/// The outcome of one statement.
#[derive(Deserialize)]
pub(super) struct QueryResult {
    success: Option<bool>,
    results: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    meta: Value,
}

impl QueryResult {
    /// Whether the result explicitly reports success.
    pub(super) fn succeeded(&self) -> bool {
        self.success == Some(true)
    }

    /// The rows of a query.
    pub(super) fn rows(&self) -> &[Map<String, Value>] {
        self.results.as_deref().unwrap_or_default()
    }

    /// The number of rows that the statement changed; None if D1 did not report it.
    pub(super) fn changes(&self) -> Option<u64> {
        self.meta["changes"].as_u64()
    }
}

/// The status and message of a transient error, which can have any status; None for other answers.
pub(super) fn transient(answer: &Answer, client: &RetryingClient) -> Option<String> {
    if answer.body.len() > MAX_ERROR {
        return None;
    }
    let envelope = envelope(answer).filter(|envelope| !envelope.success)?;
    let error = envelope.errors.first()?;
    let text = error.message.to_ascii_lowercase();
    let is_transient = error.code == QUERY_FAILED && TRANSIENT.iter().any(|part| text.contains(part));
    is_transient.then(|| format!("status {}{}", answer.status, shown(error, client)))
}

/// Why there are no results, and what to do.
pub(super) enum AnswerError {
    /// D1 reported that the statements failed.
    Failed(String),
    /// The status is a success, but the body does not have the form of an answer of D1.
    Unclear(String),
}

/// One result per statement.
pub(super) fn results(answer: &Answer, client: &RetryingClient) -> Result<Vec<QueryResult>, AnswerError> {
    let envelope = envelope(answer).unwrap_or_default();
    if envelope.success
        && answer.status.is_success()
        && let Some(results) = envelope.result
    {
        return Ok(results);
    }
    let error = envelope.errors.first();
    let text = error.map_or_else(|| client.excerpt(&answer.body), |error| shown(error, client));
    let status = answer.status.as_u16();
    if answer.status.is_success() && error.is_none() {
        let text = if text.is_empty() { " without a body" } else { &text };
        return Err(AnswerError::Unclear(format!(
            "status {status}{text}; that is not an answer of D1; check D1_API_URL"
        )));
    }
    let advice = advice(answer.status, error.map_or("", |error| &error.message));
    Err(AnswerError::Failed(format!("status {status}{text}; {advice}")))
}

fn envelope(answer: &Answer) -> Option<Envelope> {
    serde_json::from_slice(&answer.body).ok()
}

fn shown(error: &ApiMessage, client: &RetryingClient) -> String {
    let message = single_line(&client.masked(&error.message), MAX_FOREIGN_TEXT);
    format!(": {message} (code {})", error.code)
}

fn advice(status: StatusCode, message: &str) -> &'static str {
    if message.contains("no such table") {
        return "apply the migrations of deploy/worker";
    }
    if message.contains("NOT NULL constraint failed: metrics_portfolio_assets.symbol") {
        return "a holding without a symbol needs the second migration of deploy/worker; apply it";
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "check that CLOUDFLARE_API_TOKEN is correct and has permission to edit D1"
        }
        StatusCode::NOT_FOUND => "check D1_API_URL, CLOUDFLARE_ACCOUNT_ID and D1_DATABASE_ID",
        StatusCode::BAD_REQUEST | StatusCode::OK => "D1 does not accept this request for the reason above",
        _ => "check D1_API_URL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_migrations_are_the_advice_only_for_the_errors_that_they_cause() {
        let symbol = "NOT NULL constraint failed: metrics_portfolio_assets.symbol: SQLITE_CONSTRAINT";
        for (status, message, part) in [
            (StatusCode::BAD_REQUEST, "no such table: metrics_daily", "apply the migrations"),
            (StatusCode::BAD_REQUEST, symbol, "the second migration"),
            (StatusCode::BAD_REQUEST, "no such column: v", "does not accept this request"),
            (StatusCode::FORBIDDEN, "Authentication error", "CLOUDFLARE_API_TOKEN"),
            (StatusCode::NOT_FOUND, "", "D1_DATABASE_ID"),
            (StatusCode::FOUND, "", "D1_API_URL"),
        ] {
            assert!(advice(status, message).contains(part), "{status} {message}");
        }
    }
}

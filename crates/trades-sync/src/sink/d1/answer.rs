//! What D1's HTTP API answers, and what that means.
//!
//! `{"success", "errors": [{"code", "message"}], "result": [{"success", "results", "meta": {"changes"}}]}`.

use common::http::{Answer, RetryingClient};
use common::text::single_line;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The code of every error that SQLite or the database's host gives.
const QUERY_FAILED: i64 = 7500;

/// What D1 says of itself when a request failed that succeeds when it is sent again.
const TRANSIENT: [&str; 7] = [
    "overloaded",
    "reset",
    "internal error",
    "exceeded timeout",
    "timed out",
    "connection lost",
    "transient issue",
];

/// The size up to which an answer may be an error; beyond, it holds rows, and is not worth reading twice.
const MAX_ERROR: usize = 64 << 10;

/// How much of D1's text an error shows, in bytes.
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
    /// Whether the statement succeeded, in so many words.
    pub(super) fn succeeded(&self) -> bool {
        self.success == Some(true)
    }

    /// The rows that a query found.
    pub(super) fn rows(&self) -> &[Map<String, Value>] {
        self.results.as_deref().unwrap_or_default()
    }

    /// How many rows the statement changed; None when D1 did not say.
    pub(super) fn changes(&self) -> Option<u64> {
        self.meta["changes"].as_u64()
    }
}

/// D1's words for an error that passes, whatever the status of the answer.
pub(super) fn transient(answer: &Answer, client: &RetryingClient) -> Option<String> {
    if answer.body.len() > MAX_ERROR {
        return None;
    }
    let envelope = envelope(answer).filter(|envelope| !envelope.success)?;
    let error = envelope.errors.first()?;
    let text = error.message.to_ascii_lowercase();
    let passes = error.code == QUERY_FAILED && TRANSIENT.iter().any(|words| text.contains(words));
    passes.then(|| format!("status {}{}", answer.status, shown(error, client)))
}

/// Why there are no results, and what to do.
pub(super) enum Problem {
    /// D1 reported that the statements failed.
    Failed(String),
    /// A success that does not say what became of them.
    Unclear(String),
}

/// One result per statement.
pub(super) fn results(answer: &Answer, client: &RetryingClient) -> Result<Vec<QueryResult>, Problem> {
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
        return Err(Problem::Unclear(format!(
            "status {status}{text}; that is no answer of D1, check D1_API_URL"
        )));
    }
    let advice = advice(answer.status, error.map_or("", |error| &error.message));
    Err(Problem::Failed(format!("status {status}{text}; {advice}")))
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
            "check CLOUDFLARE_API_TOKEN and that it may edit D1"
        }
        StatusCode::NOT_FOUND => "check D1_API_URL, CLOUDFLARE_ACCOUNT_ID and D1_DATABASE_ID",
        StatusCode::BAD_REQUEST | StatusCode::OK => "D1 does not take this request; its message says why",
        _ => "check D1_API_URL",
    }
}

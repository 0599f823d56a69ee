//! Stores and reads days in Cloudflare D1 through its HTTP API.
//!
//! `POST /accounts/{account}/d1/database/{database}/query` with `{"batch": [{"sql", "params"}]}` executes the statements
//! in one transaction.

mod answer;

use bytes::Bytes;
use common::http::{RetryPolicy, RetryingClient};
use jiff::civil::Date;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use self::answer::{AnswerError, QueryResult};
use super::d1_limits::check_d1_limits;
use super::statements::{Statement, replace_day, select_day};
use super::{Receipt, SinkError};
use crate::config::D1Config;
use crate::domain::{Cell, Snapshot, TABLES, Table, TableShape};
use crate::plural::counted;

/// The maximum size of an answer, in bytes. A row of a day is JSON of about 200 bytes.
const MAX_ANSWER: usize = 256 << 20;

/// A D1 database.
#[derive(Debug)]
pub struct D1Sink {
    client: RetryingClient,
    config: D1Config,
}

impl D1Sink {
    /// The database that the configuration names.
    pub fn new(config: D1Config, retries: RetryPolicy) -> Self {
        let client = RetryingClient::new(&config.api_url, retries, MAX_ANSWER).masking([&config.api_token]);
        Self { client, config }
    }

    pub(super) async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        let statements = replace_day(snapshot);
        check_d1_limits(&statements, &self.name(), snapshot.date)?;
        let body = Bytes::from(json!({ "batch": statements }).to_string());
        let bytes = body.len();
        let results = self.query(body).await?;
        unconfirmed(&statements, &results).map_or(Ok(Receipt { sink: "d1", bytes }), |problem| {
            let date = snapshot.date;
            let advice =
                format!("the day may have been stored: run trades-sync verify --date {date} --sink d1");
            Err(SinkError::Unconfirmed { sink: self.name(), reason: format!("{problem}; {advice}") })
        })
    }

    pub(super) async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        let select = |shape: &TableShape| json!({ "sql": select_day(shape), "params": [date.to_string()] });
        let batch = TABLES.iter().map(select).collect::<Value>();
        let results = self.select(batch).await?;
        let tables = TABLES.iter().zip(results);
        Ok(tables
            .map(|(shape, result)| Table {
                shape,
                rows: result.rows().iter().map(|row| cells(shape, row)).collect(),
            })
            .collect())
    }

    pub(super) async fn check(&self) -> Result<String, SinkError> {
        // No row has this date. The queries contain all tables and columns, and return no rows.
        let batch: Value =
            TABLES.iter().map(|shape| json!({ "sql": select_day(shape), "params": [""] })).collect();
        self.select(batch).await?;
        let columns = json!({ "sql": "PRAGMA table_info(metrics_portfolio_assets)", "params": [] });
        let results = self.query(columns.to_string().into()).await?;
        let mut columns = results.iter().flat_map(QueryResult::rows);
        if columns.any(|column| column.get("name") == Some(&json!("symbol")) && column["notnull"] == 1) {
            let reason = "metrics_portfolio_assets can't store a holding without a symbol; \
                          apply the second migration of deploy/worker";
            return Err(SinkError::rejected(&self.name(), reason));
        }
        Ok(format!("{} answers and has the five tables", self.name()))
    }

    /// The results of one query per table.
    async fn select(&self, batch: Value) -> Result<Vec<QueryResult>, SinkError> {
        let results = self.query(json!({ "batch": batch }).to_string().into()).await?;
        if results.len() == TABLES.len() && results.iter().all(QueryResult::succeeded) {
            return Ok(results);
        }
        let succeeded = results.iter().filter(|result| result.succeeded()).count();
        let reason = format!("{succeeded} of {} queries succeeded; check D1_API_URL", TABLES.len());
        Err(SinkError::rejected(&self.name(), reason))
    }

    async fn query(&self, body: Bytes) -> Result<Vec<QueryResult>, SinkError> {
        let D1Config { api_url, account_id, database_id, api_token } = &self.config;
        let url = format!("{api_url}/accounts/{account_id}/d1/database/{database_id}/query");
        let token = api_token.expose_secret();
        let request = |client: &Client| {
            client.post(&url).bearer_auth(token).header(CONTENT_TYPE, "application/json").body(body.clone())
        };
        let answer = self.client.send_judged(request, |answer| answer::transient(answer, &self.client)).await;
        let answer = answer.map_err(|error| SinkError::of_http(self.name(), &error))?;
        let sink = self.name();
        answer::results(&answer, &self.client).map_err(|error| match error {
            AnswerError::Failed(reason) => SinkError::Rejected { sink, reason },
            AnswerError::Unclear(reason) => SinkError::Unconfirmed { sink, reason },
        })
    }

    fn name(&self) -> String {
        format!("D1 database {} at {}", self.config.database_id, self.config.api_url)
    }
}

/// The reason why the results do not confirm the day; None if they confirm that all statements changed the expected number
/// of rows.
fn unconfirmed(statements: &[Statement], results: &[QueryResult]) -> Option<String> {
    if statements.len() != results.len() {
        return Some(format!(
            "D1 returned {} for {}",
            counted(results.len(), "result"),
            counted(statements.len(), "statement")
        ));
    }
    let mut pairs = (1..).zip(statements.iter().zip(results));
    pairs.find_map(|(number, (statement, result))| {
        let table = statement.table;
        if !result.succeeded() {
            return Some(format!("statement {number}, on {table}, did not succeed"));
        }
        let sent = u64::try_from(statement.rows?).ok()?;
        match result.changes() {
            Some(changes) if changes == sent => None,
            Some(changes) => Some(format!(
                "D1 changed {changes} instead of {} in {table}",
                counted(statement.rows?, "row")
            )),
            None => Some(format!("D1 does not report how many rows it changed in {table}")),
        }
    })
}

fn cells(shape: &TableShape, row: &Map<String, Value>) -> Vec<Cell> {
    let cell = |column: &&str| match row.get(*column) {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(value) => value.as_f64().map_or_else(|| Cell::Text(value.to_string()), Cell::Number),
    };
    shape.columns.iter().map(cell).collect()
}

//! Days in Cloudflare D1, through its HTTP API.
//!
//! `POST /accounts/{account}/d1/database/{database}/query` takes `{"batch": [{"sql", "params"}]}` and runs
//! it as one transaction.

mod answer;

use bytes::Bytes;
use common::http::{RetryPolicy, RetryingClient};
use jiff::civil::Date;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use self::answer::{Problem, QueryResult};
use super::statements::{Statement, fits_d1, replace_day, select_day};
use super::{Receipt, SinkError};
use crate::domain::{Cell, Snapshot, TABLES, Table, TableShape};

/// A day's rows come back as JSON of some 200 bytes a row.
const MAX_ANSWER: usize = 256 << 20;

/// Which database, and the right to it.
#[derive(Clone, Debug)]
pub struct D1Config {
    /// `D1_API_URL`, without a slash at its end.
    pub api_url: String,
    /// `CLOUDFLARE_ACCOUNT_ID`.
    pub account_id: String,
    /// `D1_DATABASE_ID`.
    pub database_id: String,
    /// `CLOUDFLARE_API_TOKEN`.
    pub api_token: SecretString,
}

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
        fits_d1(&statements, &self.place(), snapshot.date)?;
        let body = Bytes::from(json!({ "batch": statements }).to_string());
        let bytes = body.len();
        let results = self.query(body).await?;
        unconfirmed(&statements, &results).map_or(Ok(Receipt { sink: "d1", bytes }), |problem| {
            let date = snapshot.date;
            let advice =
                format!("the day may have been stored: run trades-sync verify --date {date} --sink d1");
            Err(SinkError::Unconfirmed { place: self.place(), reason: format!("{problem}; {advice}") })
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
        // An impossible date: the query names every table and column, and finds nothing.
        let batch: Value =
            TABLES.iter().map(|shape| json!({ "sql": select_day(shape), "params": [""] })).collect();
        self.select(batch).await?;
        let columns = json!({ "sql": "PRAGMA table_info(metrics_portfolio_assets)", "params": [] });
        let results = self.query(columns.to_string().into()).await?;
        let mut columns = results.iter().flat_map(QueryResult::rows);
        if columns.any(|column| column.get("name") == Some(&json!("symbol")) && column["notnull"] == 1) {
            let reason = "metrics_portfolio_assets takes no holding without a symbol; \
                          apply the second migration of deploy/worker";
            return Err(SinkError::refused(&self.place(), reason));
        }
        Ok(format!("{} answers and has the five tables", self.place()))
    }

    /// The results of one query per table.
    async fn select(&self, batch: Value) -> Result<Vec<QueryResult>, SinkError> {
        let results = self.query(json!({ "batch": batch }).to_string().into()).await?;
        if results.len() == TABLES.len() && results.iter().all(QueryResult::succeeded) {
            return Ok(results);
        }
        let succeeded = results.iter().filter(|result| result.succeeded()).count();
        let reason = format!("{succeeded} of {} queries succeeded; check D1_API_URL", TABLES.len());
        Err(SinkError::refused(&self.place(), reason))
    }

    async fn query(&self, body: Bytes) -> Result<Vec<QueryResult>, SinkError> {
        let D1Config { api_url, account_id, database_id, api_token } = &self.config;
        let url = format!("{api_url}/accounts/{account_id}/d1/database/{database_id}/query");
        let token = api_token.expose_secret();
        let request = |client: &Client| {
            client.post(&url).bearer_auth(token).header(CONTENT_TYPE, "application/json").body(body.clone())
        };
        let answer = self.client.send_judged(request, |answer| answer::transient(answer, &self.client)).await;
        let answer = answer.map_err(|error| SinkError::of_http(self.place(), &error))?;
        let place = self.place();
        answer::results(&answer, &self.client).map_err(|problem| match problem {
            Problem::Failed(reason) => SinkError::Refused { place, reason },
            Problem::Unclear(reason) => SinkError::Unconfirmed { place, reason },
        })
    }

    fn place(&self) -> String {
        format!("D1 database {} at {}", self.config.database_id, self.config.api_url)
    }
}

/// Why the results are no proof that every statement did what it was sent for; None when they are.
fn unconfirmed(statements: &[Statement], results: &[QueryResult]) -> Option<String> {
    if statements.len() != results.len() {
        return Some(format!("it answered {} results for {} statements", results.len(), statements.len()));
    }
    let mut pairs = (1..).zip(statements.iter().zip(results));
    pairs.find_map(|(number, (statement, result))| {
        let table = statement.table;
        if !result.succeeded() {
            return Some(format!("statement {number}, on {table}, has no success"));
        }
        let sent = u64::try_from(statement.rows?).ok()?;
        match result.changes() {
            Some(changes) if changes == sent => None,
            Some(changes) => Some(format!("{table} got {changes} rows of {sent}")),
            None => Some(format!("it does not say how many rows {table} got, of {sent}")),
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

//! Days in Cloudflare D1, through its HTTP API.
//!
//! `POST /accounts/{account}/d1/database/{database}/query` takes `{"batch": [{"sql", "params"}]}` and runs
//! it as one transaction; the envelope is `{"success", "errors": [{"code", "message"}], "result": [...]}`.

use bytes::Bytes;
use common::http::{RetryPolicy, RetryingClient, excerpt};
use jiff::civil::Date;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::statements::{fits_d1, replace_day, select_day};
use super::{Receipt, SinkError};
use crate::domain::{Cell, Snapshot, TABLES, Table, TableShape};

/// A day's rows come back as JSON of some 200 bytes a row.
const LONGEST_ANSWER: usize = 256 << 20;

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

#[derive(Deserialize)]
struct Envelope {
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

#[derive(Deserialize)]
struct QueryResult {
    #[serde(default)]
    results: Vec<Map<String, Value>>,
}

impl D1Sink {
    /// The database that the configuration names.
    pub fn new(config: D1Config, retries: RetryPolicy) -> Self {
        Self { client: RetryingClient::new(&config.api_url, retries, LONGEST_ANSWER), config }
    }

    pub(super) async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        let statements = replace_day(snapshot);
        fits_d1(&statements, &self.place(), snapshot.date)?;
        let body = Bytes::from(json!({ "batch": statements }).to_string());
        let bytes = body.len();
        self.query(body).await?;
        Ok(Receipt { sink: "d1", bytes })
    }

    pub(super) async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        let select = |shape: &TableShape| json!({ "sql": select_day(shape), "params": [date.to_string()] });
        let batch = TABLES.iter().map(select).collect::<Value>();
        let results = self.query(json!({ "batch": batch }).to_string().into()).await?;
        let tables = TABLES.iter().zip(results);
        Ok(tables
            .map(|(shape, result)| Table {
                shape,
                rows: result.results.iter().map(|row| cells(shape, row)).collect(),
            })
            .collect())
    }

    pub(super) async fn check(&self) -> Result<String, SinkError> {
        // An impossible date: the query names every table and column, and finds nothing.
        let batch: Value =
            TABLES.iter().map(|shape| json!({ "sql": select_day(shape), "params": [""] })).collect();
        self.query(json!({ "batch": batch }).to_string().into()).await?;
        Ok(format!("{} answers and has the five tables", self.place()))
    }

    async fn query(&self, body: Bytes) -> Result<Vec<QueryResult>, SinkError> {
        let D1Config { api_url, account_id, database_id, api_token } = &self.config;
        let url = format!("{api_url}/accounts/{account_id}/d1/database/{database_id}/query");
        let token = api_token.expose_secret();
        let request = |client: &Client| {
            client.post(&url).bearer_auth(token).header(CONTENT_TYPE, "application/json").body(body.clone())
        };
        let answer =
            self.client.send(request).await.map_err(|error| SinkError::of_http(self.place(), &error))?;
        let envelope: Option<Envelope> = serde_json::from_slice(&answer.body).ok();
        match envelope {
            Some(Envelope { success: true, result: Some(results), .. }) if answer.status.is_success() => {
                Ok(results)
            }
            envelope => {
                let said = envelope.and_then(|envelope| envelope.errors.into_iter().next());
                let said = said.map_or_else(
                    || excerpt(&answer.body),
                    |said| format!(": {} (code {})", said.message, said.code),
                );
                let reason = format!("status {}{said}; {}", answer.status.as_u16(), advice(answer.status));
                Err(SinkError::refused(&self.place(), reason))
            }
        }
    }

    fn place(&self) -> String {
        format!("D1 database {} at {}", self.config.database_id, self.config.api_url)
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "check CLOUDFLARE_API_TOKEN and that it may edit D1"
        }
        StatusCode::NOT_FOUND => "check D1_API_URL, CLOUDFLARE_ACCOUNT_ID and D1_DATABASE_ID",
        StatusCode::BAD_REQUEST => "check that the migrations of deploy/worker have been applied",
        _ => "check D1_API_URL",
    }
}

fn cells(shape: &TableShape, row: &Map<String, Value>) -> Vec<Cell> {
    let cell = |column: &&str| match row.get(*column) {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(value) => value.as_f64().map_or_else(|| Cell::Text(value.to_string()), Cell::Number),
    };
    shape.columns.iter().map(cell).collect()
}

//! Reads stored days through the API.

use common::http::{Answer, RetryPolicy, RetryingClient};
use common::text::single_line;
use jiff::civil::Date;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::SinkError;
use crate::config::{ApiReaderConfig, ReadCredential};
use crate::domain::{NormalizeError, Normalized, Table, no_rows, normalize, tables};

/// The maximum size of an answer, in bytes. A document in D1 is smaller than 2 MB; other receivers can have larger ones.
const MAX_ANSWER: usize = 256 << 20;

/// The maximum length of a receiver's text in an error, in bytes.
const MAX_FOREIGN_TEXT: usize = 1024;

impl ReadCredential {
    fn header(&self) -> (&'static str, &SecretString) {
        match self {
            Self::ReadToken(token) => ("x-read-token", token),
            Self::InternalToken(token) => ("x-internal-token", token),
        }
    }

    fn setting(&self) -> &'static str {
        match self {
            Self::ReadToken(_) => "READ_TOKEN",
            Self::InternalToken(_) => "INTERNAL_TOKEN",
        }
    }
}

/// The receiver's API for reading.
#[derive(Debug)]
pub struct ApiReader {
    client: RetryingClient,
    config: ApiReaderConfig,
}

impl ApiReader {
    /// The receiver that the configuration names.
    pub fn new(config: ApiReaderConfig, retries: RetryPolicy) -> Self {
        let client = RetryingClient::new(&config.url, retries, MAX_ANSWER);
        let client = client.masking([config.credential.header().1]);
        Self { client, config }
    }

    /// The tables of the stored document.
    pub(super) async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        let url = format!("{}/{date}", self.config.url);
        let (header, token) = self.config.credential.header();
        let request = self.client.send(|client| {
            client.get(&url).header(header, token.expose_secret()).header(ACCEPT, "application/json")
        });
        let answer = request.await.map_err(|error| SinkError::of_http(self.name(), &error))?;
        match answer.status {
            StatusCode::OK => self.read(&answer, date),
            StatusCode::NOT_FOUND if is_not_stored(&answer) => Ok(no_rows()),
            _ => Err(self.rejection(&answer)),
        }
    }

    fn read(&self, answer: &Answer, date: Date) -> Result<Vec<Table>, SinkError> {
        let rejected = |reason: String| {
            let reason = single_line(&reason, MAX_FOREIGN_TEXT);
            let advice = "check SNAPSHOT_READ_ENDPOINT, or verify with --sink d1";
            SinkError::rejected(&self.name(), format!("the answer for {date} {reason}; {advice}"))
        };
        match normalize(&answer.body) {
            Ok(Normalized { snapshot, .. }) if snapshot.date == date => Ok(tables(&snapshot).into()),
            Ok(Normalized { snapshot, .. }) => Err(rejected(format!("is the document of {}", snapshot.date))),
            Err(NormalizeError::EmptyDay(day)) if day == date => Ok(no_rows()),
            Err(error) => Err(rejected(format!("is not a snapshot document: {error}"))),
        }
    }

    fn rejection(&self, answer: &Answer) -> SinkError {
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("check {} against the receiver's", self.config.credential.setting())
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "the receiver does not return stored days at this address; check SNAPSHOT_READ_ENDPOINT, \
                 or verify with --sink d1"
                    .to_owned()
            }
            _ => "check SNAPSHOT_API_URL and SNAPSHOT_READ_ENDPOINT, or verify with --sink d1".to_owned(),
        };
        let reason =
            format!("status {}{}; {advice}", answer.status.as_u16(), self.client.excerpt(&answer.body));
        SinkError::rejected(&self.name(), reason)
    }

    fn name(&self) -> String {
        format!("API {}", self.config.url)
    }
}

/// Whether a 404 is the contract's answer for a day that is not stored, and not the answer for an unknown route.
fn is_not_stored(answer: &Answer) -> bool {
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &answer["error"];
    let message = error["message"].as_str().unwrap_or_default();
    error["code"] == "not_found" && message.ends_with("is not stored")
}

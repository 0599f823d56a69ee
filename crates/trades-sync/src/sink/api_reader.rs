//! Stored days, read through the API.

use common::http::{Answer, RetryPolicy, RetryingClient};
use common::text::single_line;
use jiff::civil::Date;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{SinkError, no_rows};
use crate::domain::{Normalized, Refusal, Table, normalize, tables};

/// Documents of days that D1 can hold are smaller than 2 MB; other receivers may hold larger ones.
const MAX_ANSWER: usize = 256 << 20;

/// How much of a receiver's text an error shows, in bytes.
const MAX_FOREIGN_TEXT: usize = 1024;

/// Where stored days are read, and the right to it.
#[derive(Clone, Debug)]
pub struct ApiReaderConfig {
    /// `SNAPSHOT_API_URL` and `SNAPSHOT_READ_ENDPOINT` together; the date is appended.
    pub url: String,
    /// What the requests are sent with.
    pub credential: ReadCredential,
}

/// A token that permits reading.
#[derive(Clone, Debug)]
pub enum ReadCredential {
    /// `READ_TOKEN`, which permits nothing else.
    ReadToken(SecretString),
    /// `INTERNAL_TOKEN`.
    InternalToken(SecretString),
}

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

/// The reading side of the API.
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

    /// The tables that the stored document stands for.
    pub(super) async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        let url = format!("{}/{date}", self.config.url);
        let (header, token) = self.config.credential.header();
        let request = self.client.send(|client| {
            client.get(&url).header(header, token.expose_secret()).header(ACCEPT, "application/json")
        });
        let answer = request.await.map_err(|error| SinkError::of_http(self.place(), &error))?;
        match answer.status {
            StatusCode::OK => self.read(&answer, date),
            StatusCode::NOT_FOUND if says_not_stored(&answer) => Ok(no_rows()),
            _ => Err(self.refusal(&answer)),
        }
    }

    fn read(&self, answer: &Answer, date: Date) -> Result<Vec<Table>, SinkError> {
        let refused = |reason: String| {
            let reason = single_line(&reason, MAX_FOREIGN_TEXT);
            let advice = "check SNAPSHOT_READ_ENDPOINT, or verify with --sink d1";
            SinkError::refused(&self.place(), format!("the answer for {date} {reason}; {advice}"))
        };
        match normalize(&answer.body) {
            Ok(Normalized { snapshot, .. }) if snapshot.date == date => Ok(tables(&snapshot).into()),
            Ok(Normalized { snapshot, .. }) => Err(refused(format!("is the document of {}", snapshot.date))),
            Err(Refusal::EmptyDay(day)) if day == date => Ok(no_rows()),
            Err(refusal) => Err(refused(format!("is not a snapshot document: {refusal}"))),
        }
    }

    fn refusal(&self, answer: &Answer) -> SinkError {
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("check {} against the receiver's", self.config.credential.setting())
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "the receiver does not give stored days back at this address; check SNAPSHOT_READ_ENDPOINT, \
                 or verify with --sink d1"
                    .to_owned()
            }
            _ => "check SNAPSHOT_API_URL and SNAPSHOT_READ_ENDPOINT, or verify with --sink d1".to_owned(),
        };
        let reason =
            format!("status {}{}; {advice}", answer.status.as_u16(), self.client.excerpt(&answer.body));
        SinkError::refused(&self.place(), reason)
    }

    fn place(&self) -> String {
        format!("API {}", self.config.url)
    }
}

/// Whether a 404 means that the day is not stored, in the contract's words, and not that there is no such route.
fn says_not_stored(answer: &Answer) -> bool {
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &answer["error"];
    let message = error["message"].as_str().unwrap_or_default();
    error["code"] == "not_found" && message.ends_with("is not stored")
}

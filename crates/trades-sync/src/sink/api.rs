//! Days through the receiving API, which has its own way to D1.

use bytes::Bytes;
use common::http::{Answer, RetryPolicy, RetryingClient};
use common::text::single_line;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;

use super::{Receipt, SinkError};
use crate::domain::{Snapshot, body_json};

const MAX_ANSWER: usize = 1 << 20;

/// Where the receiver is, and what it asks for.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// `SNAPSHOT_API_URL` and `SNAPSHOT_ENDPOINT` together.
    pub url: String,
    /// `INTERNAL_TOKEN`.
    pub token: SecretString,
    /// `SIGNING_SECRET`.
    pub signing_secret: Option<SecretString>,
    /// `ACCEPT_ANY_2XX`: whether a success without the contract's answer counts.
    pub accept_any_2xx: bool,
}

/// The receiving API.
#[derive(Debug)]
pub struct ApiSink {
    client: RetryingClient,
    config: ApiConfig,
}

impl ApiSink {
    /// The receiver that the configuration names.
    pub fn new(config: ApiConfig, retries: RetryPolicy) -> Self {
        let secrets = std::iter::once(&config.token).chain(&config.signing_secret);
        let client = RetryingClient::new(&config.url, retries, MAX_ANSWER).masking(secrets);
        Self { client, config }
    }

    pub(super) async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        let body = Bytes::from(body_json(snapshot));
        let bytes = body.len();
        let answer = self.post(body).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        self.confirm(&answer, snapshot.date)?;
        Ok(Receipt { sink: "api", bytes })
    }

    /// Stored means confirmed: a success counts with the contract's `{"ok": true, "date": <the day>}`.
    fn confirm(&self, answer: &Answer, date: Date) -> Result<(), SinkError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["ok"] == Value::Bool(false) {
            return Err(self.refusal(answer));
        }
        if said["ok"] == Value::Bool(true) && said["date"] == date.to_string() {
            warn_of_losses(&self.place(), &said["dropped"]);
            return Ok(());
        }
        let status = answer.status.as_u16();
        let body = self.client.excerpt(&answer.body);
        let body = if body.is_empty() { " without a body" } else { &body };
        let answered = format!(
            "status {status}{body}; that is not the contract's {{\"ok\":true,\"date\":\"{date}\"}}; \
             the day may have been stored: run trades-sync verify --date {date}"
        );
        if self.config.accept_any_2xx {
            tracing::warn!("{} did not confirm the day, which counts as stored: {answered}", self.place());
            return Ok(());
        }
        let reason = format!("{answered}; ACCEPT_ANY_2XX=true accepts such answers");
        Err(SinkError::Unconfirmed { place: self.place(), reason })
    }

    /// Sends what no receiver can store, a text that is not JSON: a receiver that knows the token objects
    /// to the text, and one that doesn't objects to the token.
    pub(super) async fn check(&self) -> Result<String, SinkError> {
        let answer = self.post(Bytes::from_static(b"{")).await?;
        match answer.status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(format!("{} answers and takes the token", self.place()))
            }
            status if status.is_success() => {
                let reason = format!(
                    "status {} for a text that is not JSON; this is no receiver of snapshots, check SNAPSHOT_API_URL",
                    status.as_u16()
                );
                Err(SinkError::refused(&self.place(), reason))
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    async fn post(&self, body: Bytes) -> Result<Answer, SinkError> {
        let token = self.config.token.expose_secret();
        let signature = self.config.signing_secret.as_ref().map(|secret| signature(secret, &body));
        let answer = self.client.send(|client| {
            let mut request = client
                .post(&self.config.url)
                .header(CONTENT_TYPE, "application/json")
                .header("x-internal-token", token);
            if let Some(signature) = &signature {
                request = request.header("x-signature", signature);
            }
            request.body(body.clone())
        });
        answer.await.map_err(|error| SinkError::of_http(self.place(), &error))
    }

    fn refusal(&self, answer: &Answer) -> SinkError {
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "check INTERNAL_TOKEN (and SIGNING_SECRET) against the receiver's"
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "check SNAPSHOT_API_URL and SNAPSHOT_ENDPOINT"
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "the day is too large for the receiver; ship fewer series points or KPIs"
            }
            status if status.is_redirection() => {
                "redirects are not followed; set SNAPSHOT_API_URL to the final address"
            }
            _ => "the receiver does not take this day; its message says why",
        };
        let reason =
            format!("status {}{}; {advice}", answer.status.as_u16(), self.client.excerpt(&answer.body));
        SinkError::refused(&self.place(), reason)
    }

    fn place(&self) -> String {
        format!("API {}", self.config.url)
    }
}

/// The contract's `dropped` counts what the receiver did not store of a day that it stored. What this program sends has
/// nothing to drop.
fn warn_of_losses(place: &str, dropped: &Value) {
    if !(dropped.is_null() || *dropped == 0) {
        let dropped = single_line(&dropped.to_string(), 64);
        tracing::warn!("{place} stored the day, but dropped {dropped} of its rows or numbers; verify it");
    }
}

/// The lower-case hex HMAC-SHA256 of the body.
fn signature(secret: &SecretString, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

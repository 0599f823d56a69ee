//! Days through the receiving API, which has its own way to D1.

use bytes::Bytes;
use common::http::{Answer, RetryPolicy, RetryingClient, excerpt};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::{Receipt, SinkError};
use crate::domain::{Snapshot, body_json};

const LONGEST_ANSWER: usize = 1 << 20;

/// Where the receiver is, and what it asks for.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// `SNAPSHOT_API_URL` and `SNAPSHOT_ENDPOINT` together.
    pub url: String,
    /// `INTERNAL_TOKEN`.
    pub token: SecretString,
    /// `SIGNING_SECRET`.
    pub signing_secret: Option<SecretString>,
}

/// The receiving API.
#[derive(Debug)]
pub struct ApiSink {
    client: RetryingClient,
    config: ApiConfig,
}

/// What a success looks like: `{"ok": true, "date", "updated_at", "request_id"}`.
#[derive(Deserialize)]
struct Acknowledgement {
    ok: Option<bool>,
}

impl ApiSink {
    /// The receiver that the configuration names.
    pub fn new(config: ApiConfig, retries: RetryPolicy) -> Self {
        Self { client: RetryingClient::new(&config.url, retries, LONGEST_ANSWER), config }
    }

    pub(super) async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        let body = Bytes::from(body_json(snapshot));
        let bytes = body.len();
        let answer = self.post(body).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        match serde_json::from_slice(&answer.body) {
            Ok(Acknowledgement { ok: Some(true) }) => {}
            Ok(Acknowledgement { ok: Some(false) }) => return Err(self.refusal(&answer)),
            _ => tracing::warn!(
                "the receiver took the day without the contract's answer; verify the day in D1"
            ),
        }
        Ok(Receipt { sink: "api", bytes })
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

    pub(super) fn gives_no_rows(&self) -> SinkError {
        SinkError::refused(
            &self.place(),
            "the API gives no rows to compare; verify with --sink d1 or --sink sqlite",
        )
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
                "the day is too large for the receiver; ship fewer series points"
            }
            status if status.is_redirection() => {
                "redirects are not followed; set SNAPSHOT_API_URL to the final address"
            }
            _ => "the receiver does not take this day; its message says why",
        };
        let reason = format!("status {}{}; {advice}", answer.status.as_u16(), excerpt(&answer.body));
        SinkError::refused(&self.place(), reason)
    }

    fn place(&self) -> String {
        format!("API {}", self.config.url)
    }
}

/// The lower-case hex HMAC-SHA256 of the body.
fn signature(secret: &SecretString, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

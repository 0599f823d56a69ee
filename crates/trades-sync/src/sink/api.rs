//! Stores days through the receiving API.

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
use crate::config::ApiConfig;
use crate::domain::{Snapshot, body_json};

/// The maximum size of an answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

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
            return Err(self.rejection(&answer));
        }
        self.confirm(&answer, snapshot.date)?;
        Ok(Receipt { sink: "api", bytes })
    }

    /// Checks that a 2xx answer confirms the day.
    fn confirm(&self, answer: &Answer, date: Date) -> Result<(), SinkError> {
        match Confirmation::of(&answer.body, date) {
            Confirmation::Stored { dropped } => {
                warn_of_losses(&self.name(), &dropped);
                Ok(())
            }
            Confirmation::Failed => Err(self.rejection(answer)),
            Confirmation::Missing => self.unconfirmed(answer, date),
        }
    }

    fn unconfirmed(&self, answer: &Answer, date: Date) -> Result<(), SinkError> {
        let status = answer.status.as_u16();
        let body = self.client.excerpt(&answer.body);
        let body = if body.is_empty() { " without a body" } else { &body };
        let answered = format!(
            "status {status}{body}; that is not the contract's {{\"ok\":true,\"date\":\"{date}\"}}; \
             the day may have been stored: run trades-sync verify --date {date}"
        );
        if self.config.accept_any_2xx {
            tracing::warn!("{} did not confirm the day, which counts as stored: {answered}", self.name());
            return Ok(());
        }
        let reason = format!("{answered}; ACCEPT_ANY_2XX=true accepts such answers");
        Err(SinkError::Unconfirmed { sink: self.name(), reason })
    }

    /// Sends a text that is not JSON, which no receiver stores. A receiver that accepts the token rejects the text; any other
    /// receiver rejects the token.
    pub(super) async fn check(&self) -> Result<String, SinkError> {
        let answer = self.post(Bytes::from_static(b"{")).await?;
        match answer.status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(format!("{} answers and accepts the token", self.name()))
            }
            status if status.is_success() => {
                let reason = format!(
                    "status {} for a text that is not JSON; this is not a receiver of snapshots; check SNAPSHOT_API_URL",
                    status.as_u16()
                );
                Err(SinkError::rejected(&self.name(), reason))
            }
            _ => Err(self.rejection(&answer)),
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
        answer.await.map_err(|error| SinkError::of_http(self.name(), &error))
    }

    fn rejection(&self, answer: &Answer) -> SinkError {
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
            _ => "the receiver does not accept this day for the reason above",
        };
        let reason =
            format!("status {}{}; {advice}", answer.status.as_u16(), self.client.excerpt(&answer.body));
        SinkError::rejected(&self.name(), reason)
    }

    fn name(&self) -> String {
        format!("API {}", self.config.url)
    }
}

/// The meaning of the body of a 2xx answer.
#[derive(Debug, PartialEq)]
enum Confirmation {
    /// The contract's `{"ok": true, "date": <the day>}`, with the value of `dropped`.
    Stored { dropped: Value },
    /// `"ok": false`.
    Failed,
    /// Any other body.
    Missing,
}

impl Confirmation {
    fn of(body: &[u8], date: Date) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match &body["ok"] {
            Value::Bool(false) => Self::Failed,
            Value::Bool(true) if body["date"] == date.to_string() => {
                Self::Stored { dropped: body["dropped"].clone() }
            }
            _ => Self::Missing,
        }
    }
}

/// Warns if the receiver dropped rows or numbers of a day that it stored. The days that this program sends have none to
/// drop.
fn warn_of_losses(sink: &str, dropped: &Value) {
    if !(dropped.is_null() || *dropped == 0) {
        let dropped = single_line(&dropped.to_string(), 64);
        tracing::warn!("{sink} stored the day, but dropped {dropped} of its rows or numbers; verify it");
    }
}

/// The lower-case hex HMAC-SHA256 of the body.
fn signature(secret: &SecretString, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC accepts keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_contracts_answer_for_the_same_day_is_a_confirmation() {
        for (body, expected) in [
            (r#"{"ok":true,"date":"2026-02-11"}"#, Confirmation::Stored { dropped: Value::Null }),
            (r#"{"ok":true,"date":"2026-02-11","dropped":2}"#, Confirmation::Stored { dropped: json!(2) }),
            (r#"{"ok":false,"date":"2026-02-11"}"#, Confirmation::Failed),
            (r#"{"ok":true,"date":"2026-02-10"}"#, Confirmation::Missing),
            (r#"{"ok":"true","date":"2026-02-11"}"#, Confirmation::Missing),
            (r#"{"date":"2026-02-11"}"#, Confirmation::Missing),
            ("[]", Confirmation::Missing),
            ("<html>", Confirmation::Missing),
            ("", Confirmation::Missing),
        ] {
            assert_eq!(Confirmation::of(body.as_bytes(), date(2026, 2, 11)), expected, "{body}");
        }
    }

    #[test]
    fn a_signature_is_the_lower_case_hex_hmac_sha256_of_the_body() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(&"Jefe".into(), b"what do ya want for nothing?"), expected);
    }
}

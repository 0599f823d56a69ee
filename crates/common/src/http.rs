//! An HTTP client that retries requests within a total budget.
//!
//! It retries connect errors, timeouts, broken connections and the statuses 408, 429 and 5xx, with exponential backoff and
//! jitter. It obeys `Retry-After` when that fits into the budget. The caller decides what any other answer means;
//! [`RetryingClient::send_judged`] lets it add transient errors of its own. Callers must send only requests that are safe to
//! send twice.
//!
//! Proxies (`HTTPS_PROXY`, `ALL_PROXY`, except for the hosts in `NO_PROXY`) are used for https servers only: a request to an
//! http server would reveal its credentials to the proxy.

mod attempt;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use self::attempt::{RequestError, cause, fitting_wait, read_body, retry_after};
use crate::text::single_line;
use crate::{telemetry, tls};

/// The maximum length of an excerpt of an answer in bytes.
const MAX_EXCERPT_BYTES: usize = 512;

/// The number of bytes of an answer that are searched for secrets to make its excerpt.
const MAX_MASKED_BYTES: usize = 64 << 10;

/// Shorter secrets are not masked, because they can be parts of ordinary words.
const MIN_MASKED_BYTES: usize = 6;

/// The limits of the attempts at one request.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The maximum duration of all attempts and the waits between them.
    pub budget: Duration,
    /// The maximum duration of one attempt.
    pub attempt_timeout: Duration,
    /// The maximum number of attempts.
    pub attempts: usize,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { budget: Duration::from_mins(1), attempt_timeout: Duration::from_secs(30), attempts: 5 }
    }
}

/// A final answer: any status but 408, 429 and 5xx.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// There is no final answer. The texts contain neither the URL nor a header.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Every attempt failed.
    #[error("no usable answer after {attempts} tries in {:.1} s; the last: {last}", elapsed.as_secs_f32())]
    Unreachable {
        /// The number of attempts.
        attempts: usize,
        /// The duration of all attempts.
        elapsed: Duration,
        /// The error of the last attempt.
        last: String,
        /// Whether the server may have received the request: the answer was lost, or was an error.
        may_have_arrived: bool,
    },
    /// The server's certificate is not trusted. This is final: another attempt would get the same certificate.
    #[error("{reason}; correct the certificate, or name the root of a private one in SSL_CERT_FILE")]
    Untrusted {
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The body of the answer is longer than the client accepts.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// A client for the server at `base_url` that does not retry, for answers that are streams. A request ends when the server
/// sends nothing for the time `max_silence`. Redirects, certificates and proxies are treated as by [`RetryingClient`].
///
/// # Panics
/// When TLS can't be set up, which is an error of the build.
pub fn streaming_client(base_url: &str, max_silence: Duration) -> Client {
    let client = builder(base_url, max_silence).read_timeout(max_silence).build();
    client.expect("the client's settings are constants")
}

/// Why there is no answer, without the URL, which may contain a secret.
pub fn transport_problem(error: reqwest::Error) -> String {
    tls::certificate_problem(&error).unwrap_or_else(|| cause(error))
}

fn builder(base_url: &str, timeout: Duration) -> ClientBuilder {
    tls::install_provider();
    let client = Client::builder()
        .user_agent(concat!("tradeops/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5).min(timeout))
        .redirect(Policy::none());
    if tls::is_https(base_url) {
        client.tls_backend_preconfigured(tls::system_config())
    } else {
        client.tls_certs_only([]).no_proxy()
    }
}

/// A `reqwest` client with a [`RetryPolicy`].
#[derive(Clone, Debug)]
pub struct RetryingClient {
    client: Client,
    policy: RetryPolicy,
    max_answer_bytes: usize,
    secrets: Vec<SecretString>,
}

impl RetryingClient {
    /// A client for the server at `base_url` that accepts answers of at most `max_answer_bytes` bytes. It follows no
    /// redirect, so that no credential is sent to a server that is not configured. The certificate of an https server is
    /// verified with the system's certificates, or those of the file that `SSL_CERT_FILE` names.
    ///
    /// # Panics
    /// When TLS can't be set up, which is an error of the build.
    pub fn new(base_url: &str, policy: RetryPolicy, max_answer_bytes: usize) -> Self {
        let client =
            builder(base_url, policy.attempt_timeout).build().expect("the client's settings are constants");
        Self { client, policy, max_answer_bytes, secrets: Vec::new() }
    }

    /// Masks these secrets in texts of answers, because some servers repeat the request.
    #[must_use]
    pub fn masking<'a>(mut self, secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        self.secrets.extend(secrets.into_iter().cloned());
        self
    }

    /// Sends the request that `request` makes until an answer is final.
    ///
    /// # Errors
    /// [`HttpError::Unreachable`] when the attempts or the budget are used up.
    pub async fn send(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, HttpError> {
        self.send_judged(request, |_| None).await
    }

    /// [`RetryingClient::send`] for a server whose transient errors have other statuses too: when `transient` returns a
    /// reason for an answer, the request is retried.
    ///
    /// # Errors
    /// [`HttpError::Unreachable`] when the attempts or the budget are used up.
    pub async fn send_judged(
        &self,
        request: impl Fn(&Client) -> RequestBuilder,
        transient: impl Fn(&Answer) -> Option<String>,
    ) -> Result<Answer, HttpError> {
        let started = Instant::now();
        let deadline = started + self.policy.budget;
        let (mut attempts, arrived) = (0, AtomicBool::new(false));
        let attempt = || {
            attempts += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.attempt(request(&self.client).timeout(left.min(self.policy.attempt_timeout)));
            async {
                let judged = answer.await.and_then(|answer| match transient(&answer) {
                    Some(reason) => {
                        Err(RequestError::Transient { reason, retry_after: None, may_have_arrived: true })
                    }
                    None => Ok(answer),
                });
                if !matches!(judged, Err(RequestError::Transient { may_have_arrived: false, .. })) {
                    arrived.store(true, Ordering::Relaxed);
                }
                judged
            }
        };
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_times(self.policy.attempts.saturating_sub(1))
            .with_jitter();
        let answer = attempt
            .retry(waits)
            .when(|error| matches!(error, RequestError::Transient { .. }))
            .adjust(|error, wait| wait.and_then(|wait| fitting_wait(error, wait, deadline)))
            .notify(|error, wait| {
                if let RequestError::Transient { reason, .. } = error {
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(reason, wait_ms, "no usable answer, trying again");
                }
            })
            .await;
        answer.map_err(|error| match error {
            RequestError::TooLong => HttpError::TooLong(self.max_answer_bytes),
            RequestError::Untrusted { reason } => HttpError::Untrusted { reason },
            RequestError::Transient { reason: last, .. } => HttpError::Unreachable {
                attempts,
                elapsed: started.elapsed(),
                last,
                may_have_arrived: arrived.load(Ordering::Relaxed),
            },
        })
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Answer, RequestError> {
        let failed = |error: reqwest::Error| match tls::certificate_problem(&error) {
            Some(reason) => RequestError::Untrusted { reason },
            None => {
                let may_have_arrived = !error.is_connect();
                RequestError::Transient { reason: cause(error), retry_after: None, may_have_arrived }
            }
        };
        let traced = telemetry::trace_headers();
        let request = traced.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = read_body(&mut response, self.max_answer_bytes)
            .await
            .map_err(failed)?
            .ok_or(RequestError::TooLong)?;
        if status.is_server_error()
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
        {
            let reason = format!("status {status}{}", self.excerpt(&body));
            return Err(RequestError::Transient { reason, retry_after, may_have_arrived: true });
        }
        Ok(Answer { status, body })
    }

    /// The text without this client's secrets. Mask a text before truncating it, so that no part of a secret remains.
    pub fn masked(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        let secrets = secrets.filter(|secret| secret.len() >= MIN_MASKED_BYTES);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// The start of an answer's text for a message, on one line and without this client's secrets.
    pub fn excerpt(&self, body: &[u8]) -> String {
        let text = &body[..body.len().min(MAX_MASKED_BYTES)];
        let line = single_line(&self.masked(&String::from_utf8_lossy(text)), MAX_EXCERPT_BYTES);
        if line.is_empty() { line } else { format!(": {line}") }
    }
}

//! An HTTP client that repeats what is safe to repeat, within a total budget.
//!
//! Tried again are connect errors, timeouts, broken connections and the statuses 408, 429 and 5xx, with
//! exponential backoff and full jitter; `Retry-After` is obeyed when it fits into the budget. Any other
//! answer is the caller's to judge; [`RetryingClient::send_judged`] lets it add transient errors of its own.
//! Callers send only requests that do no harm when they arrive twice.
//!
//! Proxies (`HTTPS_PROXY`, `ALL_PROXY`, except for the hosts in `NO_PROXY`) are used for https servers only: a request
//! to an http server would show a proxy its credentials.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::text::single_line;
use crate::{telemetry, tls};

/// How much of an answer's text is shown.
const MAX_EXCERPT_BYTES: usize = 512;

/// How much of an answer is looked at for its beginning, in bytes.
const MAX_MASKED_BYTES: usize = 64 << 10;

/// Shorter secrets are not masked: they are parts of ordinary words.
const MIN_MASKED_BYTES: usize = 6;

/// How long and how often a request is tried.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The time that all tries and the waits between them may take together.
    pub budget: Duration,
    /// The time that one try may take.
    pub attempt_timeout: Duration,
    /// How many tries there are at most.
    pub attempts: usize,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { budget: Duration::from_mins(1), attempt_timeout: Duration::from_secs(30), attempts: 5 }
    }
}

/// An answer that is final: anything but 408, 429 and 5xx.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// No final answer was to be had. The texts name neither the URL nor any header.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Every try failed.
    #[error("no usable answer after {attempts} tries in {:.1} s; the last: {last}", elapsed.as_secs_f32())]
    Unreachable {
        /// How many times it was tried.
        attempts: usize,
        /// How long that took.
        elapsed: Duration,
        /// What the last try met.
        last: String,
        /// Whether the server may have received the request all the same: its answer was lost, or was an error.
        may_have_arrived: bool,
    },
    /// The server's certificate is not trusted. This is final: the server is there, and nobody knows who it is.
    #[error("{reason}; correct the certificate, or name the root of a private one in SSL_CERT_FILE")]
    Untrusted {
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The answer's body is longer than the client takes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// A `reqwest` client with a [`RetryPolicy`].
#[derive(Clone, Debug)]
pub struct RetryingClient {
    client: Client,
    policy: RetryPolicy,
    longest_answer: usize,
    secrets: Vec<SecretString>,
}

/// One try that did not give a final answer.
enum Miss {
    Again { reason: String, retry_after: Option<Duration>, may_have_arrived: bool },
    Untrusted { reason: String },
    TooLong,
}

impl RetryingClient {
    /// A client for the server at `base_url` that takes answers of at most `longest_answer` bytes. It follows no
    /// redirect, so that no credential travels to a place that was not configured. An https server is
    /// checked against the system's certificates, or those of the file that `SSL_CERT_FILE` names.
    ///
    /// # Panics
    /// When TLS can't be set up, which is a fault of the build.
    pub fn new(base_url: &str, policy: RetryPolicy, longest_answer: usize) -> Self {
        tls::install_provider();
        let client = Client::builder()
            .user_agent(concat!("tradeops/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5).min(policy.attempt_timeout))
            .redirect(Policy::none());
        let client = if is_https(base_url) {
            client.tls_backend_preconfigured(tls::system_config())
        } else {
            client.tls_certs_only([]).no_proxy()
        };
        let client = client.build().expect("the client is made of constants");
        Self { client, policy, longest_answer, secrets: Vec::new() }
    }

    /// Masks these secrets in texts of answers: some servers show what they were sent.
    #[must_use]
    pub fn masking<'a>(mut self, secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        self.secrets.extend(secrets.into_iter().cloned());
        self
    }

    /// Sends the request that `request` makes, again and again if need be, until an answer is final.
    ///
    /// # Errors
    /// [`HttpError::Unreachable`] when tries or budget are used up.
    pub async fn send(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, HttpError> {
        self.send_judged(request, |_| None).await
    }

    /// The same for a server whose transient errors have other statuses too: `transient` gives the reason why an
    /// answer is one of them, and the request is tried again.
    ///
    /// # Errors
    /// [`HttpError::Unreachable`] when tries or budget are used up.
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
                    Some(reason) => Err(Miss::Again { reason, retry_after: None, may_have_arrived: true }),
                    None => Ok(answer),
                });
                if !matches!(judged, Err(Miss::Again { may_have_arrived: false, .. })) {
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
            .when(|miss| matches!(miss, Miss::Again { .. }))
            .adjust(|miss, wait| wait.and_then(|wait| fitting_wait(miss, wait, deadline)))
            .notify(|miss, wait| {
                if let Miss::Again { reason, .. } = miss {
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(reason, wait_ms, "no usable answer, trying again");
                }
            })
            .await;
        answer.map_err(|miss| match miss {
            Miss::TooLong => HttpError::TooLong(self.longest_answer),
            Miss::Untrusted { reason } => HttpError::Untrusted { reason },
            Miss::Again { reason: last, .. } => HttpError::Unreachable {
                attempts,
                elapsed: started.elapsed(),
                last,
                may_have_arrived: arrived.load(Ordering::Relaxed),
            },
        })
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Answer, Miss> {
        let again = |error: reqwest::Error| match tls::certificate_problem(&error) {
            Some(reason) => Miss::Untrusted { reason },
            None => {
                let may_have_arrived = !error.is_connect();
                Miss::Again { reason: cause(error), retry_after: None, may_have_arrived }
            }
        };
        let traced = telemetry::trace_headers();
        let request = traced.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let mut response = request.send().await.map_err(again)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body =
            read_body(&mut response, self.longest_answer).await.map_err(again)?.ok_or(Miss::TooLong)?;
        if status.is_server_error()
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
        {
            let reason = format!("status {status}{}", self.excerpt(&body));
            return Err(Miss::Again { reason, retry_after, may_have_arrived: true });
        }
        Ok(Answer { status, body })
    }

    /// The text without this client's secrets. Mask before anything is cut off, so that no piece of one remains.
    pub fn masked(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        let secrets = secrets.filter(|secret| secret.len() >= MIN_MASKED_BYTES);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// The beginning of an answer's text, for a message: on one line, and without this client's secrets.
    pub fn excerpt(&self, body: &[u8]) -> String {
        let text = &body[..body.len().min(MAX_MASKED_BYTES)];
        let line = single_line(&self.masked(&String::from_utf8_lossy(text)), MAX_EXCERPT_BYTES);
        if line.is_empty() { line } else { format!(": {line}") }
    }
}

/// The wait before the next try, or None when the budget would be over by then.
fn fitting_wait(miss: &Miss, wait: Duration, deadline: Instant) -> Option<Duration> {
    let wanted = match miss {
        Miss::Again { retry_after: Some(retry_after), .. } => wait.max(*retry_after),
        _ => wait,
    };
    // A server may ask for more than a clock can hold.
    let next = Instant::now().checked_add(wanted)?;
    (next < deadline).then_some(wanted)
}

async fn read_body(response: &mut Response, longest: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The root cause without the URL, which may hold what a log must not.
fn cause(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut source: &dyn std::error::Error = &error;
    while let Some(next) = source.source() {
        source = next;
    }
    if timed_out { "timed out".to_owned() } else { single_line(&source.to_string(), MAX_EXCERPT_BYTES) }
}

/// Whether the server speaks TLS, in which case a proxy sees neither requests nor answers.
pub(crate) fn is_https(base_url: &str) -> bool {
    base_url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

//! The client of trigger-api.

pub mod documents;
pub mod problem;
mod sse;
mod stream;
mod token;

use std::time::Duration;

use common::http::{streaming_client, transport_problem};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use self::documents::Run;
use self::problem::Refusal;
pub use self::sse::ServerEvent;
pub use self::stream::EventStream;
use self::token::Token;
use crate::cluster::Cluster;
use crate::cluster::forward::Forward;
use crate::cluster::pods::ServicePods;
use crate::config::Config;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// A request ends after this time without a byte; streams have a ping every 15 s.
const MAX_SILENCE: Duration = Duration::from_secs(40);
/// How long requests are repeated while there is no answer.
const MAX_RETRY: Duration = Duration::from_secs(6);
/// The first pause before a request is repeated. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// Characters that are not escaped in a part of a URL.
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The connection to trigger-api.
///
/// Every request may be sent twice: those that start a run have an idempotency key.
pub struct Api {
    client: Client,
    base: String,
    token: Option<Token>,
    forward: Option<Forward>,
    /// Writes commands for messages.
    pub hints: Hints,
}

/// An answer, or why there is none.
enum Attempt {
    Answer(Response),
    Refused(Refusal),
    /// The connection failed. The flag is true if another attempt can't help.
    NoAnswer(Failure, bool),
}

impl Api {
    /// Connects to the trigger-api of `TRADEOPS_URL`, or to that of the release.
    ///
    /// # Errors
    /// When there is no such release, or it is stopped.
    pub async fn connect(config: &Config) -> Result<Self, Failure> {
        match &config.url {
            Some(url) => Ok(Self::new(url.clone(), configured_token(config)?, None, config)),
            None => Self::of_release(config, &Cluster::connect(config).await?).await,
        }
    }

    /// Connects to a pod of the release that is ready.
    ///
    /// # Errors
    /// When there is none.
    pub async fn of_release(config: &Config, cluster: &Cluster) -> Result<Self, Failure> {
        Self::through_forward(
            config,
            cluster,
            ServicePods::new(cluster, cluster.release.api_service()).await?,
        )
        .await
    }

    /// Connects to a pod of the release that is running, even if it is not ready.
    ///
    /// # Errors
    /// When there is none.
    pub async fn of_running_pod(config: &Config, cluster: &Cluster) -> Result<Self, Failure> {
        let pods = ServicePods::new(cluster, cluster.release.api_service()).await?;
        Self::through_forward(config, cluster, pods.including_unready()).await
    }

    async fn through_forward(config: &Config, cluster: &Cluster, pods: ServicePods) -> Result<Self, Failure> {
        // Reports a stopped release before anything is sent.
        pods.find().await.map_err(|missing| missing.failure)?;
        let forward = Forward::start(pods, 0).await?;
        let token = match configured_token(config)? {
            Some(token) => Some(token),
            None => Token::of_release(cluster).await?,
        };
        let base = format!("http://{}", forward.address());
        Ok(Self::new(base, token, Some(forward), config))
    }

    fn new(base: String, token: Option<Token>, forward: Option<Forward>, config: &Config) -> Self {
        let client = streaming_client(&base, MAX_SILENCE);
        Self { client, base, token, forward, hints: config.hints.clone() }
    }

    /// Gets a document.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.send(|client, url| client.get(url), path).await?;
        self.accept(answer).await
    }

    /// Gets a document; None if trigger-api answers with that kind of problem.
    ///
    /// # Errors
    /// When there is no answer, or it is another error.
    pub async fn get_unless(&self, path: &str, kind: &str) -> Result<Option<Value>, Failure> {
        match self.send(|client, url| client.get(url), path).await? {
            Err(refusal) if refusal.kind() == kind => Ok(None),
            answer => self.accept(answer).await.map(Some),
        }
    }

    /// Gets the document of a probe, which is an answer whatever its status is.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn probe(&self, path: &str) -> Result<Value, Failure> {
        match self.send(|client, url| client.get(url), path).await? {
            Ok(response) => document(response).await,
            Err(refusal) if refusal.document.get("status").is_some_and(Value::is_string) => {
                Ok(refusal.document)
            }
            Err(refusal) => Err(refusal.into_failure(&self.hints)),
        }
    }

    /// Sends a request with or without a body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Result<Value, Refusal>, Failure> {
        let answer = self.send(
            |client, url| {
                let mut request = client.request(method.clone(), url);
                if let Some(key) = key {
                    // With a preference, trigger-api does not wait for the end of the default target's run.
                    request = request.header("Idempotency-Key", key).header("Prefer", "respond-async");
                }
                if let Some(body) = body {
                    request = request.header("Content-Type", "application/json").body(body.to_string());
                }
                request
            },
            path,
        );
        match answer.await? {
            Ok(response) => document(response).await.map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Opens an answer that is read in parts.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, path: &str) -> Result<Result<Response, Refusal>, Failure> {
        self.send(|client, url| client.get(url), path).await
    }

    /// Follows a stream of events, and resumes it.
    pub fn events(&self, path: String) -> EventStream<'_> {
        EventStream::new(self, path)
    }

    /// Finds a run by its id or by the name of its Job.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn find_run(&self, name: &str) -> Result<(Run, Value), Failure> {
        let path = format!("/v1/runs/{}", escaped(name));
        if let Some(document) = self.get_unless(&path, "unknown-run").await? {
            return Ok((parsed(&document)?, document));
        }
        let mut page = self.get(&format!("/v1/runs?job_name={}&limit=1", escaped(name))).await?;
        match page["runs"].get_mut(0).map(Value::take) {
            Some(document) => Ok((parsed(&document)?, document)),
            None => Err(Failure::new(
                Outcome::Rejected,
                format!("there is no run with the id or Job name {name}"),
            )
            .with_next(self.hints.to("list the runs", "runs"))),
        }
    }

    async fn accept(&self, answer: Result<Response, Refusal>) -> Result<Value, Failure> {
        match answer {
            Ok(response) => document(response).await,
            Err(refusal) => Err(refusal.into_failure(&self.hints)),
        }
    }

    /// Sends the request until there is an answer.
    async fn send(
        &self,
        request: impl Fn(&Client, &str) -> RequestBuilder,
        path: &str,
    ) -> Result<Result<Response, Refusal>, Failure> {
        let (deadline, mut pause) = (Instant::now() + MAX_RETRY, FIRST_PAUSE);
        loop {
            match self.attempt(&request, path).await {
                Attempt::Answer(response) => return Ok(Ok(response)),
                Attempt::Refused(refusal) => return Ok(Err(refusal)),
                Attempt::NoAnswer(failure, is_final) if is_final || Instant::now() + pause > deadline => {
                    return Err(failure);
                }
                Attempt::NoAnswer(..) => sleep(pause).await,
            }
            pause = MAX_PAUSE.min(pause * 2);
        }
    }

    async fn attempt(&self, request: impl Fn(&Client, &str) -> RequestBuilder, path: &str) -> Attempt {
        let request = request(&self.client, &format!("{}{path}", self.base));
        let request = self.token.iter().fold(request, |request, token| token.add_to(request));
        let response = match request.send().await {
            Ok(response) if response.status().is_success() => return Attempt::Answer(response),
            Ok(response) => response,
            Err(error) => return self.no_answer(error),
        };
        let status = response.status();
        match response.bytes().await {
            Ok(body) => Attempt::Refused(Refusal::new(status, &body)),
            Err(error) => self.no_answer(error),
        }
    }

    /// Why there is no answer: the forward knows more than the connection to it.
    fn no_answer(&self, error: reqwest::Error) -> Attempt {
        if let Some((failure, is_final)) = self.forward.as_ref().and_then(Forward::take_problem) {
            return Attempt::NoAnswer(failure, is_final);
        }
        let problem = transport_problem(error);
        let server = if self.forward.is_some() { "trigger-api" } else { &self.base };
        let failure = Failure::new(Outcome::Unavailable, format!("{server} does not answer: {problem}"));
        let failure = match &self.forward {
            Some(_) => failure.with_next(self.hints.to("see the reason", "status")),
            None => failure.with_next("check TRADEOPS_URL, and whether its server is running"),
        };
        Attempt::NoAnswer(failure, false)
    }
}

fn configured_token(config: &Config) -> Result<Option<Token>, Failure> {
    config.token.as_ref().map(Token::of_unknown_kind).transpose()
}

async fn document(response: Response) -> Result<Value, Failure> {
    let incomplete = |error| {
        let problem = transport_problem(error);
        Failure::new(Outcome::Unknown, format!("the answer of trigger-api is incomplete: {problem}"))
    };
    let body = response.bytes().await.map_err(incomplete)?;
    serde_json::from_slice(&body).map_err(|_| not_understood())
}

/// Reads a document.
///
/// # Errors
/// When it does not have the expected fields.
pub fn parsed<T: DeserializeOwned>(document: &Value) -> Result<T, Failure> {
    T::deserialize(document).map_err(|_| not_understood())
}

fn not_understood() -> Failure {
    Failure::new(Outcome::Unavailable, "the answer is not that of trigger-api, or of another version of it")
        .with_next("check TRADEOPS_URL, and install the version of tradeops that belongs to the release")
}

/// A part of a path or query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, UNESCAPED).to_string()
}

/// A key that identifies one start, however often it is sent.
pub fn idempotency_key() -> String {
    format!("tradeops-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

//! The client of trigger-api.

pub mod documents;
pub mod problem;
mod sse;
mod stream;
mod token;
mod transport;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::documents::Run;
use self::problem::Refusal;
pub use self::sse::ServerEvent;
pub use self::stream::EventStream;
use self::token::Token;
use self::transport::{Transport, not_understood, repeat};
use crate::cluster::Cluster;
use crate::cluster::forward::Forward;
use crate::cluster::pods::ServicePods;
use crate::config::Config;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// Characters that are not escaped in a part of a URL.
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The connection to trigger-api.
///
/// Every request may be sent twice: those that start a run have an idempotency key.
pub struct Api {
    transport: Transport,
    /// Writes commands for messages.
    pub hints: Hints,
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
        let hints = config.hints.clone();
        Self { transport: Transport::new(base, token, forward, hints.clone()), hints }
    }

    /// Gets a document.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.request(Method::GET, path, None, None).await?;
        answer.map_err(|refusal| refusal.into_failure(&self.hints))
    }

    /// Gets a document; None if trigger-api answers with that kind of problem.
    ///
    /// # Errors
    /// When there is no answer, or it is another error.
    pub async fn get_unless(&self, path: &str, kind: &str) -> Result<Option<Value>, Failure> {
        match self.request(Method::GET, path, None, None).await? {
            Ok(document) => Ok(Some(document)),
            Err(refusal) if refusal.kind() == kind => Ok(None),
            Err(refusal) => Err(refusal.into_failure(&self.hints)),
        }
    }

    /// Gets the document of a probe, which is an answer whatever its status is.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn probe(&self, path: &str) -> Result<Value, Failure> {
        match self.request(Method::GET, path, None, None).await? {
            Ok(document) => Ok(document),
            Err(refusal) if refusal.document["status"].is_string() => Ok(refusal.document),
            Err(refusal) => Err(refusal.into_failure(&self.hints)),
        }
    }

    /// Sends a request with or without a body, until there is an answer.
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
        let request = |client: &Client, url: &str| {
            let mut request = client.request(method.clone(), url);
            if let Some(key) = key {
                // With a preference, trigger-api does not wait for the end of the default target's run.
                request = request.header("Idempotency-Key", key).header("Prefer", "respond-async");
            }
            if let Some(body) = body {
                request = request.header("Content-Type", "application/json").body(body.to_string());
            }
            request
        };
        repeat(async || self.transport.document(&request, path).await).await
    }

    /// Opens an answer that is read in parts.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, path: &str) -> Result<Result<Response, Refusal>, Failure> {
        repeat(async || self.transport.open(|client, url| client.get(url), path).await).await
    }

    /// Follows a stream of events, and resumes it.
    pub fn events(&self, path: String) -> EventStream<'_> {
        EventStream::new(&self.transport, path)
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
}

fn configured_token(config: &Config) -> Result<Option<Token>, Failure> {
    config.token.as_ref().map(Token::of_unknown_kind).transpose()
}

/// Reads a document.
///
/// # Errors
/// When it does not have the expected fields.
pub fn parsed<T: DeserializeOwned>(document: &Value) -> Result<T, Failure> {
    T::deserialize(document).map_err(|_| not_understood())
}

/// A part of a path or query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, UNESCAPED).to_string()
}

/// A key that identifies one start, however often it is sent.
pub fn idempotency_key() -> String {
    format!("tradeops-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

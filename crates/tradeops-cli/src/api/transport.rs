//! Sends requests, and explains why there is no answer.

use std::time::Duration;

use common::http::{streaming_client, transport_problem};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::problem::Refusal;
use super::token::Token;
use crate::cluster::forward::Forward;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// A request ends after this time without a byte; streams have a ping every 15 s.
const MAX_SILENCE: Duration = Duration::from_secs(40);
/// How long requests are repeated while there is no answer.
const MAX_RETRY: Duration = Duration::from_secs(4);
/// The first pause before a request is repeated. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The way to trigger-api.
pub(super) struct Transport {
    client: Client,
    base: String,
    token: Option<Token>,
    forward: Option<Forward>,
    pub(super) hints: Hints,
}

/// An answer, or why there is none.
pub(super) enum Attempt<T> {
    Answer(T),
    Refused(Refusal),
    /// The connection failed. The flag is true if another attempt can't help.
    NoAnswer(Failure, bool),
}

impl Transport {
    pub(super) fn new(base: String, token: Option<Token>, forward: Option<Forward>, hints: Hints) -> Self {
        let client = streaming_client(&base, MAX_SILENCE);
        Self { client, base, token, forward, hints }
    }

    /// Sends a request, and reads the head of the answer.
    pub(super) async fn open(
        &self,
        request: impl Fn(&Client, &str) -> RequestBuilder,
        path: &str,
    ) -> Attempt<Response> {
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

    /// Sends a request, and reads the document of the answer.
    pub(super) async fn document(
        &self,
        request: impl Fn(&Client, &str) -> RequestBuilder,
        path: &str,
    ) -> Attempt<Value> {
        let response = match self.open(request, path).await {
            Attempt::Answer(response) => response,
            Attempt::Refused(refusal) => return Attempt::Refused(refusal),
            Attempt::NoAnswer(failure, is_final) => return Attempt::NoAnswer(failure, is_final),
        };
        match response.bytes().await {
            Err(error) => self.no_answer(error),
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(document) => Attempt::Answer(document),
                Err(_) => Attempt::NoAnswer(not_understood(), true),
            },
        }
    }

    /// Why there is no answer: the forward knows more than the connection to it.
    fn no_answer<T>(&self, error: reqwest::Error) -> Attempt<T> {
        if let Some((failure, is_final)) = self.forward.as_ref().and_then(Forward::take_problem) {
            return Attempt::NoAnswer(failure, is_final);
        }
        let problem = transport_problem(error);
        let server = self.forward.as_ref().map_or(self.base.as_str(), Forward::service);
        let failure = Failure::new(Outcome::Unavailable, format!("{server} does not answer: {problem}"));
        let failure = match &self.forward {
            Some(_) => failure.with_next(self.hints.to("see the reason", "status")),
            None => failure.with_next("check TRADEOPS_URL, and whether its server is running"),
        };
        Attempt::NoAnswer(failure, false)
    }
}

/// Repeats a request until there is an answer.
pub(super) async fn repeat<T>(attempt: impl AsyncFn() -> Attempt<T>) -> Result<Result<T, Refusal>, Failure> {
    let (deadline, mut pause) = (Instant::now() + MAX_RETRY, FIRST_PAUSE);
    loop {
        match attempt().await {
            Attempt::Answer(answer) => return Ok(Ok(answer)),
            Attempt::Refused(refusal) => return Ok(Err(refusal)),
            Attempt::NoAnswer(failure, is_final) if is_final || Instant::now() + pause > deadline => {
                return Err(failure);
            }
            Attempt::NoAnswer(..) => sleep(pause).await,
        }
        pause *= 2;
    }
}

/// An answer that is not a document of trigger-api.
pub(super) fn not_understood() -> Failure {
    Failure::new(Outcome::Unavailable, "the answer is not that of trigger-api, or of another version of it")
        .with_next("check TRADEOPS_URL, and install the version of tradeops that belongs to the release")
}

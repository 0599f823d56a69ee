//! Streams of events that outlive their connection.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use tokio::time::{Instant, sleep_until};

use super::sse::{EventParser, ServerEvent};
use super::transport::{Attempt, Transport};
use crate::failure::Failure;
use crate::output::note;

/// How long a stream is resumed while there is no answer: the time in which a pod is replaced.
const MAX_OUTAGE: Duration = Duration::from_mins(2);
/// The pause before a stream is resumed.
const PAUSE: Duration = Duration::from_millis(500);
/// A shorter interruption is not mentioned.
const MENTIONED_OUTAGE: Duration = Duration::from_secs(3);

/// A stream of server-sent events. When it is interrupted, it continues after its last event.
pub struct EventStream<'a> {
    transport: &'a Transport,
    path: String,
    parser: EventParser,
    last_id: Option<String>,
    response: Option<Response>,
    outage: Outage,
}

/// An interruption of a stream.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    next_attempt: Option<Instant>,
    is_mentioned: bool,
}

impl<'a> EventStream<'a> {
    pub(super) fn new(transport: &'a Transport, path: String) -> Self {
        Self {
            transport,
            path,
            parser: EventParser::default(),
            last_id: None,
            response: None,
            outage: Outage::default(),
        }
    }

    /// The next event that is not a ping. It can be cancelled, and called again. The caller must know when the stream has no
    /// further event, because an end of the stream is an interruption.
    ///
    /// # Errors
    /// When the stream can't be resumed.
    pub async fn next(&mut self) -> Result<ServerEvent, Failure> {
        loop {
            while let Some(event) = self.parser.next() {
                self.outage.end();
                if event.id.is_some() {
                    self.last_id.clone_from(&event.id);
                }
                if event.name != "ping" {
                    return Ok(event);
                }
            }
            let Some(response) = &mut self.response else {
                self.reconnect().await?;
                continue;
            };
            match response.chunk().await {
                Ok(Some(bytes)) => self.parser.add(&bytes),
                Ok(None) | Err(_) => {
                    // A part of an event is sent again.
                    self.parser = EventParser::default();
                    self.response = None;
                }
            }
        }
    }

    async fn reconnect(&mut self) -> Result<(), Failure> {
        if let Some(time) = self.outage.next_attempt {
            sleep_until(time).await;
        }
        self.outage.begin();
        let last_id = self.last_id.clone();
        let request = |client: &reqwest::Client, url: &str| -> RequestBuilder {
            let request = client.get(url).header("Accept", "text/event-stream");
            last_id.iter().fold(request, |request, id| request.header("Last-Event-ID", id))
        };
        match self.transport.open(request, &self.path).await {
            Attempt::Answer(response) => {
                self.response = Some(response);
                Ok(())
            }
            Attempt::Refused(refusal) if refusal.is_temporary() && self.outage.may_continue() => Ok(()),
            Attempt::Refused(refusal) => Err(refusal.into_failure(&self.transport.hints)),
            Attempt::NoAnswer(failure, is_final) if is_final || !self.outage.may_continue() => Err(failure),
            Attempt::NoAnswer(failure, _) => {
                self.outage.mention(&failure);
                Ok(())
            }
        }
    }
}

impl Outage {
    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.next_attempt = Some(Instant::now() + PAUSE);
    }

    fn end(&mut self) {
        self.since = None;
        self.is_mentioned = false;
    }

    fn lasts(&self) -> Duration {
        self.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn may_continue(&self) -> bool {
        self.lasts() < MAX_OUTAGE
    }

    fn mention(&mut self, failure: &Failure) {
        if !self.is_mentioned && self.lasts() > MENTIONED_OUTAGE {
            self.is_mentioned = true;
            note(&format!("the connection is interrupted, trying again: {failure}"));
        }
    }
}

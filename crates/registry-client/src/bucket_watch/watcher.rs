//! The watch of a bucket: one consumer after another.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::entries::Entries;
use super::message::{Operation, Position};
use super::pauses::{MIN_PAUSE, failures_after, pause_after};
use super::progress::Pace;
use super::replay::{End, Replay, end_of_messages};
use super::stream_info::{BucketInfo, Probe, probe_repeatedly};
use super::{BucketEvent, BucketPut, BucketReport, BucketState, Removal};
use crate::connection::{Link, NatsConnection};

/// How much later than `max_age` an entry is removed here: the server must have removed it by then.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_millis(250);
/// How much earlier than `max_age` an entry is no longer expected in the stream: the clock of the server is known from messages
/// that can have been delivered late.
const PROBE_MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// Follows a bucket. See the module for what it survives.
pub struct BucketWatch {
    connection: NatsConnection,
    bucket: String,
    entries: Entries,
    state: BucketState,
    max_age: SignedDuration,
    /// The last moment at which NATS delivered something.
    last_contact: Timestamp,
    replays: u64,
    info: watch::Sender<Option<BucketInfo>>,
    problem: watch::Sender<Option<String>>,
    report: BucketReport,
}

impl BucketWatch {
    /// A watch of a bucket, which may not exist yet.
    pub fn new(connection: &NatsConnection, bucket: &str) -> Self {
        let (info, received_info) = watch::channel(None);
        let (problem, received_problem) = watch::channel(None);
        let zero = || Arc::new(AtomicU64::new(0));
        Self {
            connection: connection.clone(),
            bucket: bucket.to_owned(),
            entries: Entries::default(),
            state: BucketState::Connecting,
            max_age: SignedDuration::ZERO,
            last_contact: Timestamp::now(),
            replays: 0,
            info,
            problem,
            report: BucketReport {
                resyncs: zero(),
                lag: zero(),
                info: received_info,
                problem: received_problem,
            },
        }
    }

    /// What happens to the watch while it runs.
    pub fn report(&self) -> BucketReport {
        self.report.clone()
    }

    /// Follows the bucket, and passes every event to `sink`. It never returns.
    pub async fn run(mut self, mut sink: impl FnMut(BucketEvent<'_>) + Send) {
        let (sender, mut probes) = watch::channel(Probe::Unknown);
        // The task ends when the receiver is dropped.
        tokio::spawn(probe_repeatedly(self.connection.clone(), format!("KV_{}", self.bucket), sender));
        let mut failures = 0;
        let mut link = self.connection.link();
        loop {
            self.wait_for_link(&mut link, &mut sink).await;
            let began = Instant::now();
            let opened = tokio::select! {
                opened = Replay::open(&self.connection, &self.bucket) => opened,
                _ = link.changed() => Err(End::LinkLost),
            };
            let (end, was_complete) = match opened {
                Ok(mut replay) => {
                    self.begin(&replay);
                    let end = self.follow(&mut replay, &mut link, &mut probes, &mut sink).await;
                    let was_complete = replay.is_complete;
                    replay.delete();
                    (end, was_complete)
                }
                Err(end) => (end, false),
            };
            failures = failures_after(&end, failures, began.elapsed());
            let pause = pause_after(&end, failures);
            // A bucket that is read again at once, or after a short while, is not unavailable.
            let stays_live = was_complete && pause <= MIN_PAUSE;
            self.end(end, stays_live, &mut sink);
            // A link that is lost in the pause is reported at once.
            let _ = tokio::time::timeout(pause, link.changed()).await;
        }
    }

    async fn wait_for_link(
        &mut self,
        link: &mut watch::Receiver<Link>,
        sink: &mut (impl FnMut(BucketEvent<'_>) + Send),
    ) {
        if !link.borrow_and_update().connected {
            self.lose_contact(None, sink);
            let connected = link.wait_for(|link| link.connected).await.is_ok();
            if !connected {
                std::future::pending::<()>().await;
            }
        }
    }

    fn begin(&mut self, replay: &Replay) {
        self.entries.begin_replay();
        self.apply_info(replay.info.clone());
        if self.replays > 0 {
            self.report.resyncs.fetch_add(1, Ordering::Relaxed);
        }
        self.replays += 1;
    }

    /// Delivers the messages of a consumer until it ends.
    async fn follow(
        &mut self,
        replay: &mut Replay,
        link: &mut watch::Receiver<Link>,
        probes: &mut watch::Receiver<Probe>,
        sink: &mut (impl FnMut(BucketEvent<'_>) + Send),
    ) -> End {
        probes.mark_unchanged();
        let mut count = pin!(replay.count_pending());
        loop {
            let expiry = self.until_expiry(replay);
            let step = tokio::select! {
                message = replay.messages.next() => match message {
                    Some(Ok(message)) => self.apply_message(replay, &message, sink),
                    Some(Err(error)) => Err(end_of_messages(Some(&error))),
                    None => Err(end_of_messages(None)),
                },
                _ = link.changed() => Err(End::LinkLost),
                _ = probes.changed() => {
                    let probe = probes.borrow_and_update().clone();
                    self.apply_probe(replay, probe)
                }
                () = tokio::time::sleep(expiry.unwrap_or_default()), if expiry.is_some() => {
                    self.expire(replay, sink);
                    Ok(())
                }
                pending = &mut count, if !replay.is_complete => {
                    count.set(replay.count_pending());
                    replay.apply_count(pending).map(|is_complete| {
                        if is_complete {
                            self.complete(replay, sink);
                        }
                    })
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn apply_message(
        &mut self,
        replay: &mut Replay,
        message: &Message,
        sink: &mut (impl FnMut(BucketEvent<'_>) + Send),
    ) -> Result<(), End> {
        let position = Position::of(message).ok_or(End::Lost("it delivers other messages"))?;
        if !replay.advance(position) {
            return Err(End::Lost("a message was lost"));
        }
        self.last_contact = Timestamp::now();
        if let Some(key) = message.subject.strip_prefix(&replay.subject_prefix) {
            self.apply_operation(key, position, message, sink);
        }
        if !replay.is_complete && position.pending == 0 {
            self.complete(replay, sink);
        }
        Ok(())
    }

    fn apply_operation(
        &mut self,
        key: &str,
        position: Position,
        message: &Message,
        sink: &mut (impl FnMut(BucketEvent<'_>) + Send),
    ) {
        let (revision, stored_at) = (position.stream, position.stored_at);
        match Operation::of(message.headers.as_ref()) {
            Operation::Put if self.entries.put(key, revision, stored_at) => {
                let headers = message.headers.as_ref();
                sink(BucketEvent::Put(BucketPut {
                    key,
                    value: &message.payload,
                    headers,
                    revision,
                    stored_at,
                }));
            }
            Operation::Remove(reason) if self.entries.delete(key, revision, stored_at) => {
                sink(BucketEvent::Removed { key, revision, reason });
            }
            Operation::Put | Operation::Remove(_) => {}
        }
    }

    /// The last message of each key was delivered: removes the other keys.
    fn complete(&mut self, replay: &mut Replay, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        replay.complete();
        self.last_contact = Timestamp::now();
        self.sweep(sink);
        self.set_state(BucketState::Live, sink);
    }

    fn sweep(&mut self, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        for (key, revision) in self.entries.sweep() {
            sink(BucketEvent::Removed { key: &key, revision, reason: Removal::Swept });
        }
    }

    fn apply_probe(&mut self, replay: &mut Replay, probe: Probe) -> Result<(), End> {
        let info = match probe {
            Probe::Present(info) => info,
            Probe::Missing => return Err(End::Missing),
            Probe::Failed(problem) => return Err(End::Unavailable(problem)),
            Probe::Unknown => return Ok(()),
        };
        if info.created != replay.info.created {
            return Err(End::Differs("the bucket was created again"));
        }
        if replay.is_complete {
            self.last_contact = Timestamp::now();
            match replay.check_progress(info.last_revision) {
                Pace::Stalled => return Err(End::Differs("it has messages that are not delivered")),
                Pace::CaughtUp if self.min_keys(replay, &info) > info.keys => {
                    return Err(End::Differs("keys were removed without a message"));
                }
                Pace::CaughtUp | Pace::Behind => {}
            }
        }
        self.report.lag.store(replay.lag(info.last_revision), Ordering::Relaxed);
        self.apply_info(info);
        Ok(())
    }

    /// The number of keys that the stream has if none was removed without a message, as the expiry of single messages, a limit of
    /// the stream and `stream purge` do. Entries that may have reached `max_age` are not counted.
    fn min_keys(&self, replay: &Replay, info: &BucketInfo) -> u64 {
        let unexpired = replay.server_time().checked_sub(self.max_age - PROBE_MARGIN);
        let stored_after = if self.max_age.is_zero() { Ok(Timestamp::MIN) } else { unexpired };
        self.entries.count(stored_after.unwrap_or(Timestamp::MAX), info.last_revision) as u64
    }

    fn apply_info(&mut self, info: BucketInfo) {
        self.max_age = info.max_age.try_into().unwrap_or(SignedDuration::ZERO);
        self.info.send_replace(Some(info));
    }

    /// The time until an entry expires. Nothing expires before the replay is complete.
    fn until_expiry(&self, replay: &Replay) -> Option<Duration> {
        if !replay.is_complete || self.max_age.is_zero() {
            return None;
        }
        let remaining = self.entries.until_expiry(self.max_age + EXPIRY_MARGIN, replay.server_time())?;
        Some(Duration::try_from(remaining).unwrap_or_default() + Duration::from_millis(1))
    }

    fn expire(&mut self, replay: &Replay, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        let Ok(stored_before) = replay.server_time().checked_sub(self.max_age + EXPIRY_MARGIN) else {
            return;
        };
        while let Some((key, revision)) = self.entries.expire(stored_before) {
            sink(BucketEvent::Removed { key: &key, revision, reason: Removal::Expired });
        }
    }

    fn end(&mut self, end: End, stays_live: bool, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        let bucket = &self.bucket;
        match end {
            End::LinkLost => self.lose_contact(None, sink),
            End::Missing => {
                self.entries.begin_replay();
                self.sweep(sink);
                self.info.send_replace(None);
                self.set_state(BucketState::Missing, sink);
            }
            End::Unavailable(problem) => self.lose_contact(Some(problem), sink),
            End::Lost(problem) => {
                tracing::info!(bucket, problem, "the consumer of a bucket is replaced");
                if !stays_live {
                    self.lose_contact(
                        Some(format!("the consumer of the stream KV_{bucket} fails: {problem}")),
                        sink,
                    );
                }
            }
            End::Differs(reason) => tracing::debug!(bucket, reason, "a bucket is read again"),
        }
    }

    fn lose_contact(&mut self, problem: Option<String>, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        self.set_problem(problem);
        if matches!(self.state, BucketState::Live | BucketState::Missing) {
            self.set_state(BucketState::Unavailable { since: self.last_contact }, sink);
        }
    }

    fn set_state(&mut self, state: BucketState, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        if matches!(state, BucketState::Live | BucketState::Missing) {
            self.set_problem(None);
        }
        if self.state != state {
            tracing::info!(bucket = self.bucket, state = state.as_str(), "the state of the watch changed");
            self.state = state;
            sink(BucketEvent::State(state));
        }
    }

    /// Reports why the bucket can't be read: each reason once, however often it is tried again.
    fn set_problem(&self, problem: Option<String>) {
        if *self.problem.borrow() != problem {
            if let Some(problem) = &problem {
                tracing::warn!(bucket = self.bucket, problem, "a bucket can't be read");
            }
            self.problem.send_replace(problem);
        }
    }
}

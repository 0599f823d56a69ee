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
use super::replay::{End, Replay};
use super::stream_info::{BucketInfo, Probe, probe_repeatedly};
use super::{BucketEvent, BucketPut, BucketReport, BucketState, Removal};
use crate::connection::{Link, NatsConnection};

/// A watch that lived for this long was not one of a series of failures.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// The pauses between watches that end early.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How much later than `max_age` an entry is removed here: the server must have removed it by then.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_millis(250);

/// How old the stream's information may be when it is compared with the entries.
const PROBE_MARGIN: SignedDuration = SignedDuration::from_secs(4);

/// Follows a bucket. See the module for what it survives.
pub struct BucketWatch {
    connection: NatsConnection,
    stream_name: String,
    subject_prefix: String,
    entries: Entries,
    state: BucketState,
    /// The stream of the last replay.
    created: Option<Timestamp>,
    /// The last revision that was received.
    observed: u64,
    max_age: SignedDuration,
    /// The last moment at which NATS delivered something.
    last_contact: Timestamp,
    replays: u64,
    info: watch::Sender<Option<BucketInfo>>,
    report: BucketReport,
}

impl BucketWatch {
    /// A watch of a bucket, which may not exist yet.
    pub fn new(connection: &NatsConnection, bucket: &str) -> Self {
        let (info, received_info) = watch::channel(None);
        let zero = || Arc::new(AtomicU64::new(0));
        Self {
            connection: connection.clone(),
            stream_name: format!("KV_{bucket}"),
            subject_prefix: format!("$KV.{bucket}."),
            entries: Entries::default(),
            state: BucketState::Connecting,
            created: None,
            observed: 0,
            max_age: SignedDuration::ZERO,
            last_contact: Timestamp::now(),
            replays: 0,
            info,
            report: BucketReport { resyncs: zero(), lag: zero(), info: received_info },
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
        tokio::spawn(probe_repeatedly(self.connection.clone(), self.stream_name.clone(), sender));
        let mut failures = 0;
        let mut link = self.connection.link();
        loop {
            self.wait_for_link(&mut link, &mut sink).await;
            let began = Instant::now();
            let filter = format!("{}>", self.subject_prefix);
            let opened = tokio::select! {
                opened = Replay::open(&self.connection, &self.stream_name, &filter) => opened,
                _ = link.changed() => Err(End::LinkLost),
            };
            let end = match opened {
                Ok(mut replay) => {
                    self.begin(&replay);
                    let end = self.follow(&mut replay, &mut link, &mut probes, &mut sink).await;
                    replay.delete();
                    end
                }
                Err(end) => end,
            };
            failures = failures_after(end, failures, began.elapsed());
            let pause = pause_after(end, failures);
            self.end(end, pause, &mut sink);
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
            self.lose_contact(sink);
            let connected = link.wait_for(|link| link.connected).await.is_ok();
            if !connected {
                std::future::pending::<()>().await;
            }
        }
    }

    fn begin(&mut self, replay: &Replay) {
        let is_same_stream =
            self.created == Some(replay.info.created) && replay.info.last_revision >= self.observed;
        if !is_same_stream {
            self.observed = 0;
        }
        self.created = Some(replay.info.created);
        self.entries.begin_replay(is_same_stream);
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
        if replay.is_complete {
            self.complete(replay, sink);
        }
        let mut count = pin!(replay.count_pending());
        loop {
            let expiry = self.until_expiry(replay);
            let step = tokio::select! {
                message = replay.messages.next() => match message {
                    Some(Ok(message)) => self.apply_message(replay, &message, sink),
                    Some(Err(_)) | None => Err(End::Lost("it failed")),
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
        if !replay.follows(position) {
            return Err(End::Lost("a message was lost"));
        }
        self.last_contact = Timestamp::now();
        self.observed = self.observed.max(position.stream);
        if let Some(key) = message.subject.strip_prefix(&self.subject_prefix) {
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
            Operation::Remove(reason) if self.entries.delete(key, revision) => {
                sink(BucketEvent::Removed { key, revision, reason });
            }
            Operation::Put | Operation::Remove(_) => {}
        }
    }

    /// The last message of each key was delivered: removes the other keys.
    fn complete(&mut self, replay: &mut Replay, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        replay.is_complete = true;
        // Messages that no longer exist are not delivered.
        self.observed = self.observed.max(replay.info.last_revision);
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
            Probe::NoAnswer => return Err(End::NoAnswer),
            Probe::Unknown => return Ok(()),
        };
        if info.created != replay.info.created {
            return Err(End::Lost("the bucket was created again"));
        }
        if replay.is_complete {
            self.last_contact = Timestamp::now();
            if self.observed < replay.must_reach {
                return Err(End::Lost("messages were not delivered"));
            }
            replay.must_reach = info.last_revision;
            if self.must_exist(replay, &info) > info.keys {
                return Err(End::Lost("keys were removed without a message"));
            }
        }
        self.report.lag.store(info.last_revision.saturating_sub(self.observed), Ordering::Relaxed);
        self.apply_info(info);
        Ok(())
    }

    /// The number of keys that the stream has if no message was removed from it by hand. Entries that may have expired are not
    /// counted.
    fn must_exist(&self, replay: &Replay, info: &BucketInfo) -> u64 {
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

    fn end(&mut self, end: End, pause: Duration, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        match end {
            End::Missing => {
                self.entries.begin_replay(false);
                self.sweep(sink);
                self.created = None;
                self.info.send_replace(None);
                self.set_state(BucketState::Missing, sink);
            }
            End::LinkLost | End::NoAnswer => self.lose_contact(sink),
            End::Lost(problem) => {
                tracing::info!(stream = self.stream_name, problem, "the consumer of a bucket is replaced");
                // A bucket that is read again at once is not unavailable.
                if !pause.is_zero() {
                    self.lose_contact(sink);
                }
            }
        }
    }

    fn lose_contact(&mut self, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        if matches!(self.state, BucketState::Live | BucketState::Missing) {
            self.set_state(BucketState::Unavailable { since: self.last_contact }, sink);
        }
    }

    fn set_state(&mut self, state: BucketState, sink: &mut (impl FnMut(BucketEvent<'_>) + Send)) {
        if self.state != state {
            tracing::info!(
                stream = self.stream_name,
                state = state.as_str(),
                "the state of the watch changed"
            );
            self.state = state;
            sink(BucketEvent::State(state));
        }
    }
}

/// The number of consumers in a row that ended early. An outage is no such consumer: counted, it would delay the return of the
/// watch after it.
fn failures_after(end: End, failures: u32, lived: Duration) -> u32 {
    match end {
        End::Lost(_) if lived <= STABLE_AFTER => failures.saturating_add(1),
        End::Lost(_) | End::LinkLost | End::Missing | End::NoAnswer => 0,
    }
}

/// The pause before the next consumer. A bucket that is missing or does not answer costs one request, so it is tried often; a
/// series of consumers that end early could overload a server, so their pauses grow.
fn pause_after(end: End, failures: u32) -> Duration {
    let pause = match end {
        End::LinkLost => return Duration::ZERO,
        End::Lost(_) if failures == 0 => return Duration::ZERO,
        End::Missing | End::NoAnswer => MIN_PAUSE,
        End::Lost(_) => MIN_PAUSE.saturating_mul(2_u32.saturating_pow(failures - 1)).min(MAX_PAUSE),
    };
    pause.mul_f64(0.75 + fastrand::f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{End, MAX_PAUSE, MIN_PAUSE, STABLE_AFTER, failures_after, pause_after};

    #[test]
    fn only_consumers_that_end_early_wait_longer_and_longer() {
        assert_eq!(pause_after(End::LinkLost, 9), Duration::ZERO);
        assert_eq!(pause_after(End::Lost(""), 0), Duration::ZERO);
        assert!(pause_after(End::Missing, 99) <= MIN_PAUSE);
        assert!(pause_after(End::Lost(""), 1) <= MIN_PAUSE);
        assert!(pause_after(End::Lost(""), 5) >= MIN_PAUSE * 8);
        assert!(pause_after(End::Lost(""), u32::MAX) <= MAX_PAUSE);
    }

    #[test]
    fn an_outage_does_not_delay_the_return_of_the_watch() {
        let outage = [End::NoAnswer; 9];
        let failures = outage.into_iter().fold(0, |failures, end| failures_after(end, failures, MIN_PAUSE));
        let failures = failures_after(End::Lost(""), failures, MIN_PAUSE);
        assert!(pause_after(End::Lost(""), failures) <= MIN_PAUSE);
        assert_eq!(failures_after(End::Lost(""), 4, MIN_PAUSE), 5);
        assert_eq!(failures_after(End::Lost(""), 4, STABLE_AFTER * 2), 0);
    }
}

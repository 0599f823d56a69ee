//! The task that writes the entry of an instance again and again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::sleep;

use super::bucket::{RegistryBucket, WriteError};
use super::new_instance::NewInstance;
use crate::connection::Link;
use crate::instance::{Heartbeat, Instance, InstanceStatus};
use crate::time::text_of;

/// The minimum interval, which protects NATS from a wrong setting.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// The pause after the first failed write. It doubles with each further one, up to the interval.
const MIN_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The instances of the stack spread their first heartbeats after an outage over this time.
const MAX_RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// An entry must survive a lost heartbeat, so one third of the bucket's maximum age is the longest interval.
const HEARTBEATS_PER_MAX_AGE: u32 = 3;

/// What an instance reports about itself, as far as it changes.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    pub(super) status: InstanceStatus,
    pub(super) metadata: Map<String, Value>,
}

impl Reported {
    pub(super) fn of(instance: &NewInstance) -> Self {
        let mut metadata = instance.metadata().clone();
        metadata.entry("start_time").or_insert_with(|| text_of(Timestamp::now()).into());
        Self { status: instance.status(), metadata }
    }

    /// The entry with a heartbeat of this moment.
    pub(super) fn entry(&self, instance: &NewInstance) -> String {
        let time = Timestamp::now();
        let entry = Instance {
            service_name: instance.service().to_owned(),
            instance_id: instance.id().to_owned(),
            version: instance.version().to_owned(),
            status: self.status,
            last_heartbeat: Heartbeat { text: text_of(time), time },
            sticky_active_group: None,
            metadata: self.metadata.clone().into(),
        };
        entry.to_json()
    }
}

/// Writes the entry of an instance again and again.
pub(super) struct Heartbeats {
    bucket: RegistryBucket,
    instance: NewInstance,
    reported: watch::Receiver<Reported>,
    link: watch::Receiver<Link>,
    interval: Duration,
    /// The number of writes that failed since the last one that succeeded.
    failures: u32,
    is_registered: bool,
}

impl Heartbeats {
    pub(super) fn new(
        bucket: RegistryBucket,
        instance: NewInstance,
        reported: watch::Receiver<Reported>,
        link: watch::Receiver<Link>,
        interval: Duration,
    ) -> Self {
        let interval = interval.max(MIN_INTERVAL);
        Self { bucket, instance, reported, link, interval, failures: 0, is_registered: false }
    }

    /// Runs until the task is aborted, or the registration or the connection is dropped.
    pub(super) async fn run(mut self) {
        loop {
            // A write without a connection would be sent after the outage, with the time of a heartbeat that is long past.
            if self.link.wait_for(|link| link.connected).await.is_err() {
                return;
            }
            let entry = self.reported.borrow_and_update().entry(&self.instance);
            let result = self.bucket.put(self.instance.key(), entry).await;
            let pause = self.apply(result);
            tokio::select! {
                () = sleep(pause) => {}
                changed = self.reported.changed() => if changed.is_err() { return },
                changed = self.link.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.bucket.close();
                    sleep(MAX_RECONNECT_PAUSE.mul_f64(fastrand::f64())).await;
                }
            }
        }
    }

    /// Logs the result of a write, once for each change, and returns the pause before the next write.
    fn apply(&mut self, result: Result<(), WriteError>) -> Duration {
        let key = self.instance.key();
        match result {
            Ok(()) => {
                if self.failures > 0 || !self.is_registered {
                    tracing::info!(key, failures = self.failures, "the instance is registered");
                }
                self.failures = 0;
                self.is_registered = true;
                let max_age = self.bucket.max_age();
                jittered(interval_for(self.interval, max_age))
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::warn!(key, %error, "a heartbeat failed; it is repeated until it succeeds");
                } else {
                    tracing::debug!(key, %error, "a heartbeat failed again");
                }
                let pause = retry_pause(self.failures, self.interval);
                self.failures = self.failures.saturating_add(1);
                jittered(pause)
            }
        }
    }
}

/// The interval, unless entries would expire between two heartbeats.
fn interval_for(interval: Duration, max_age: Option<Duration>) -> Duration {
    max_age.map_or(interval, |max_age| interval.min(max_age / HEARTBEATS_PER_MAX_AGE).max(MIN_INTERVAL))
}

fn retry_pause(failures: u32, interval: Duration) -> Duration {
    let pause = MIN_RETRY_PAUSE * 2_u32.pow(failures.min(10));
    pause.min(interval.max(MIN_RETRY_PAUSE))
}

/// A part of the pause, never more than it, so that instances that start together do not write together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Reported, interval_for, jittered, retry_pause};
    use crate::instance::{Instance, InstanceStatus};
    use crate::registration::NewInstance;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_entry_always_has_a_start_time_and_can_be_read_again() {
        let instance = NewInstance::new("router", "1.2.3").unwrap().with_metadata("zone", "a");
        let instance = instance.with_status(InstanceStatus::Standby).with_id("router-0").unwrap();
        let entry = Instance::parse(Reported::of(&instance).entry(&instance).as_bytes()).unwrap();
        assert_eq!(
            (&*entry.service_name, &*entry.instance_id, &*entry.version),
            ("router", "router-0", "1.2.3")
        );
        assert_eq!((entry.status, entry.metadata.get("zone")), (InstanceStatus::Standby, Some("a".into())));
        assert!(entry.metadata.get("start_time").unwrap().as_str().unwrap().ends_with("+00:00"));
    }

    #[test]
    fn a_short_maximum_age_shortens_the_interval() {
        assert_eq!(interval_for(10 * SECOND, None), 10 * SECOND);
        assert_eq!(interval_for(10 * SECOND, Some(60 * SECOND)), 10 * SECOND);
        assert_eq!(interval_for(10 * SECOND, Some(3 * SECOND)), SECOND);
    }

    #[test]
    fn failed_heartbeats_are_repeated_at_least_once_per_interval() {
        let pauses: Vec<_> = (0..6).map(|failures| retry_pause(failures, 10 * SECOND).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(retry_pause(u32::MAX, SECOND / 10), SECOND);
        for _ in 0..1000 {
            let pause = jittered(10 * SECOND);
            assert!((8 * SECOND..=10 * SECOND).contains(&pause), "{pause:?}");
        }
    }
}

//! A live view of the instances of services.

mod known_instances;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::known_instances::KnownInstances;
use crate::bucket_watch::{BucketEvent, BucketState, BucketWatch};
use crate::connection::NatsConnection;
use crate::instance::Instance;
use crate::key::EntryKind;
use crate::settings::RegistrySettings;

/// How often stale instances are looked for, so that their absence is announced.
const STALE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A live view of the instances of services. It ends when it is dropped.
///
/// While NATS is unavailable, the view keeps the last known instances.
#[derive(Debug)]
pub struct Discovery {
    view: Arc<Mutex<LiveView>>,
    changes: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct LiveView {
    instances: KnownInstances,
    state: BucketState,
    started: Timestamp,
}

impl Discovery {
    pub(crate) fn start(connection: &NatsConnection, settings: &RegistrySettings) -> Self {
        let view = Arc::new(Mutex::new(LiveView {
            instances: KnownInstances::new(settings.stale_threshold),
            state: BucketState::Connecting,
            started: Timestamp::now(),
        }));
        let (sender, changes) = watch::channel(0_u64);
        let watch = BucketWatch::new(connection, &settings.bucket);
        let (watched, checked) = (Arc::clone(&view), Arc::clone(&view));
        let task = tokio::spawn(async move {
            let check = hide_stale_repeatedly(&checked, &sender);
            let follow = watch.run(|event| {
                if lock(&watched).apply(event) {
                    sender.send_modify(|count| *count += 1);
                }
            });
            tokio::join!(follow, check);
        });
        Self { view, changes, task }
    }

    /// The instances of a service that are not stale, in the order of their keys.
    pub fn instances(&self, service: &str) -> Vec<Arc<Instance>> {
        let view = lock(&self.view);
        view.instances.of(service, view.now())
    }

    /// The services that have an instance that is not stale, in the order of their names.
    pub fn services(&self) -> Vec<Arc<str>> {
        let view = lock(&self.view);
        view.instances.services(view.now())
    }

    /// The state of the registry. The view is complete and current when it is [`BucketState::Live`].
    pub fn state(&self) -> BucketState {
        lock(&self.view).state
    }

    /// A channel with the number of changes. A change is an instance that appears, disappears, becomes stale, or reports
    /// anything else than a later heartbeat, and another state of the registry.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Waits for a change since the last call.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LiveView {
    /// Applies an event, and returns whether it is a change.
    fn apply(&mut self, event: BucketEvent<'_>) -> bool {
        let now = self.now();
        match event {
            BucketEvent::Put(put) if EntryKind::of(put.key) == EntryKind::Instance => {
                match Instance::parse(put.value) {
                    Ok(instance) => self.instances.put(put.key, instance, now),
                    Err(error) => {
                        tracing::debug!(key = put.key, %error, "an entry of the registry is skipped");
                        self.instances.remove(put.key)
                    }
                }
            }
            BucketEvent::Put(_) => false,
            BucketEvent::Removed { key, .. } => self.instances.remove(key),
            BucketEvent::State(state) => {
                self.state = state;
                true
            }
        }
    }

    /// The time by which instances become stale: the last moment at which every heartbeat was known.
    fn now(&self) -> Timestamp {
        match self.state {
            BucketState::Live | BucketState::Missing => Timestamp::now(),
            BucketState::Unavailable { since } => since,
            BucketState::Connecting => self.started,
        }
    }
}

async fn hide_stale_repeatedly(view: &Mutex<LiveView>, changes: &watch::Sender<u64>) {
    loop {
        tokio::time::sleep(STALE_CHECK_INTERVAL).await;
        let mut view = lock(view);
        let now = view.now();
        if view.instances.hide_stale(now) {
            changes.send_modify(|count| *count += 1);
        }
    }
}

fn lock(view: &Mutex<LiveView>) -> MutexGuard<'_, LiveView> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

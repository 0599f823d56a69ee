//! Registers an instance of a service, sends its heartbeats and deregisters it.
//!
//! The heartbeats run in a task of their own, so an outage of NATS never blocks the service. A heartbeat is a write of the
//! whole entry, so one heartbeat restores the entry after any outage, and after the bucket was created again.

mod bucket;
mod heartbeats;
mod new_instance;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::bucket::RegistryBucket;
use self::heartbeats::{Heartbeats, Reported};
pub use self::new_instance::{InvalidInstanceError, NewInstance};
use crate::connection::NatsConnection;
use crate::instance::InstanceStatus;
use crate::settings::RegistrySettings;

/// The time limit of a deregistration. After it, the entry expires like that of a crashed instance.
const DEREGISTRATION_TIMEOUT: Duration = Duration::from_secs(2);

/// A registered instance. When it is dropped without being deregistered, its heartbeats end, and its entry expires.
#[derive(Debug)]
pub struct Registration {
    connection: NatsConnection,
    bucket: RegistryBucket,
    instance: NewInstance,
    reported: watch::Sender<Reported>,
    task: JoinHandle<()>,
}

impl Registration {
    pub(crate) fn start(
        connection: &NatsConnection,
        settings: &RegistrySettings,
        instance: NewInstance,
    ) -> Self {
        // A deregistration creates no bucket.
        let bucket = RegistryBucket::new(connection, &settings.bucket, None);
        let (reported, received) = watch::channel(Reported::of(&instance));
        let heartbeats = Heartbeats::new(
            RegistryBucket::new(connection, &settings.bucket, settings.new_bucket),
            instance.clone(),
            received,
            connection.link(),
            settings.heartbeat_interval,
        );
        let task = tokio::spawn(heartbeats.run());
        Self { connection: connection.clone(), bucket, instance, reported, task }
    }

    /// The service's name.
    pub fn service_name(&self) -> &str {
        self.instance.service()
    }

    /// The instance's id.
    pub fn instance_id(&self) -> &str {
        self.instance.id()
    }

    /// Publishes another status at once.
    pub fn set_status(&self, status: InstanceStatus) {
        self.reported.send_if_modified(|reported| {
            let is_new = reported.status != status;
            reported.status = status;
            is_new
        });
    }

    /// Publishes another value of the metadata at once.
    pub fn set_metadata(&self, name: &str, value: impl Into<serde_json::Value>) {
        let value = value.into();
        self.reported.send_if_modified(|reported| {
            let is_new = reported.metadata.get(name) != Some(&value);
            reported.metadata.insert(name.to_owned(), value);
            is_new
        });
    }

    /// Publishes the status `SHUTDOWN` and removes the entry. Takes at most two seconds.
    pub async fn deregister(mut self) {
        self.task.abort();
        // The writes below are sent after those of the task, on the same connection.
        let _ = (&mut self.task).await;
        if !self.connection.link().borrow().connected {
            tracing::warn!(
                key = self.instance.key(),
                "the instance is not deregistered, because NATS is unavailable; its entry expires"
            );
            return;
        }
        match tokio::time::timeout(DEREGISTRATION_TIMEOUT, self.remove()).await {
            Ok(Ok(())) => tracing::info!(key = self.instance.key(), "the instance is deregistered"),
            Ok(Err(error)) => {
                tracing::warn!(key = self.instance.key(), %error, "the instance is not deregistered; its entry expires");
            }
            Err(_) => tracing::warn!(
                key = self.instance.key(),
                "the instance is not deregistered, because NATS did not answer in time; its entry expires"
            ),
        }
    }

    async fn remove(&mut self) -> Result<(), bucket::WriteError> {
        let mut reported = self.reported.borrow().clone();
        reported.status = InstanceStatus::Shutdown;
        self.bucket.put(self.instance.key(), reported.entry(&self.instance)).await?;
        self.bucket.delete(self.instance.key()).await
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

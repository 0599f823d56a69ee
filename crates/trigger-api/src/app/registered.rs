//! The entry of this service in the registry of services.

use std::sync::Arc;
use std::time::Duration;

use common::service::ServiceStatus;
use registry_client::configuration::RegistrationSettings;
use registry_client::connection::NatsSettingsError;
use registry_client::instance::InstanceStatus;
use registry_client::registration::Registration;
use registry_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::timeout;

/// How often the status is compared with the readiness. The entry is written only when the status changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The entry of this service, if a registry is configured. An outage of NATS changes nothing but the entry.
pub(super) struct RegisteredService {
    registration: Option<Registration>,
    status: Arc<dyn ServiceStatus>,
}

impl RegisteredService {
    pub(super) async fn start(
        settings: Option<RegistrationSettings>,
        status: Arc<dyn ServiceStatus>,
    ) -> Result<Self, NatsSettingsError> {
        let registration = match settings {
            Some(RegistrationSettings { registry, instance }) => {
                let instance = instance.with_status(current(&*status).await);
                Some(Registry::start(registry).await?.register(instance))
            }
            None => None,
        };
        Ok(Self { registration, status })
    }

    /// Reports whether the service is ready, and that it is shutting down as soon as it was asked to stop.
    pub(super) async fn report_status(&self, mut stopping: watch::Receiver<bool>) {
        let Some(registration) = &self.registration else { return };
        while timeout(CHECK_INTERVAL, stopping.wait_for(|stopping| *stopping)).await.is_err() {
            registration.set_status(current(&*self.status).await);
        }
        registration.set_status(InstanceStatus::Shutdown);
    }

    /// Removes the entry. Takes at most two seconds.
    pub(super) async fn deregister(self) {
        if let Some(registration) = self.registration {
            registration.deregister().await;
        }
    }
}

async fn current(status: &dyn ServiceStatus) -> InstanceStatus {
    if status.readiness().await.waiting_for.is_empty() {
        InstanceStatus::Active
    } else {
        InstanceStatus::Unhealthy
    }
}

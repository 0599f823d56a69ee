//! The state of the handlers, and what the probes report of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::service::{Readiness, ServiceStatus, Streams};
use tokio::time::Instant;

use super::metrics::RegistryMetrics;
use crate::domain::backend::RegistryBackend;
use crate::domain::cache::RegistryCache;
use crate::domain::clock::Clock;
use crate::domain::connection::{Bucket, Connection};
use crate::domain::definitions::Definitions;
use crate::system_load::SystemLoadReader;

/// What the service reports about its deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The address of NATS without credentials.
    pub nats_url: String,
    /// The environment, such as `production`.
    pub environment: &'static str,
    /// The version of the deployment.
    pub version: String,
}

/// The state of the handlers.
pub struct Api {
    /// The registry in memory.
    pub cache: Arc<RegistryCache>,
    /// Writes definitions.
    pub definitions: Definitions,
    /// Reports the state of NATS.
    pub backend: Arc<dyn RegistryBackend>,
    /// The metrics of the registry.
    pub metrics: RegistryMetrics,
    /// Opens the streams of events.
    pub streams: Streams,
    /// What the service reports about its deployment.
    pub deployment: Deployment,
    /// Reads the load of the machine.
    pub system_load: SystemLoadReader,
    /// The source of the current time.
    pub clock: Clock,
    /// When the service started.
    pub started: Instant,
}

impl Api {
    /// The connection to the bucket of instances.
    pub(super) fn connection(&self) -> Connection {
        self.cache.connection(Bucket::Instances)
    }

    /// `healthy`, or `degraded` while the served state is not the current one or has no bucket, or definitions can't be copied.
    pub(super) fn health_word(&self) -> &'static str {
        if self.connection() == Connection::Live && self.copy_problem().is_none() {
            "healthy"
        } else {
            "degraded"
        }
    }

    /// Why definitions can't be copied to the bucket of instances; None if they can.
    fn copy_problem(&self) -> Option<String> {
        let problem = self.cache.inspect(|state, _| Some(state.copy_failure()?.problem.clone()))?;
        Some(format!("definitions can't be copied to the bucket of the registry: {problem}"))
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

#[async_trait]
impl ServiceStatus for Api {
    /// The service is ready while NATS answers. A missing bucket does not matter: the Job that creates it may run only after
    /// the service is ready.
    async fn readiness(&self) -> Readiness {
        let ready = |degraded| Readiness { degraded, ..Readiness::default() };
        match self.connection() {
            Connection::Live => ready(self.copy_problem()),
            Connection::BucketMissing => ready(Some("the bucket of the registry does not exist".to_owned())),
            Connection::Connecting | Connection::Unavailable { .. } => {
                Readiness { waiting_for: vec!["NATS".to_owned()], ..Readiness::default() }
            }
        }
    }

    async fn update_gauges(&self) {
        let (counts, skew) =
            self.cache.inspect(|state, now| (state.counts(now), state.max_clock_skew_seconds()));
        self.metrics.update(&counts, skew, self.connection(), self.backend.watch_counters());
    }
}

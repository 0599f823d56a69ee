//! The state of the handlers, and what the probes report of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::auth::{Caller, Role};
use common::service::{Readiness, ServiceStatus, Streams};
use tokio::time::timeout;
use trigger_core::access;
use trigger_core::executor::Protection;
use trigger_core::runs::Runs;
use trigger_core::target_name::TargetName;

use super::metrics::RunMetrics;

/// The time limit of the store in `/readyz`. A kubelet waits for one second.
const READINESS_TIMEOUT: Duration = Duration::from_millis(700);

/// The state of the handlers.
pub struct Api {
    /// Starts, cancels and describes runs.
    pub runs: Runs,
    /// The metrics of runs.
    pub metrics: Arc<RunMetrics>,
    /// Opens the streams of logs and events.
    pub streams: Streams,
    /// How many seconds `POST /trigger-sync` waits for the end of a run of these targets, if the request has no preference.
    pub default_waits: BTreeMap<TargetName, u64>,
}

#[async_trait]
impl ServiceStatus for Api {
    /// The program is ready as soon as it has observed its targets' Jobs once. It stays ready when the cluster becomes
    /// unreachable later, because it still serves the history. While the history can't be read or written it is degraded,
    /// and ready if it has a target whose Jobs can be started, because their history is stored later.
    async fn readiness(&self) -> Readiness {
        let mut waiting_for = Vec::new();
        if let Err(not_ready) = self.runs.readiness() {
            waiting_for.push(not_ready.to_string());
        }
        // The read updates the reason of `unwritable` if the database can't be reached.
        let read = timeout(READINESS_TIMEOUT, self.runs.check_history()).await;
        let (is_read, fails) = (matches!(read, Ok(Ok(()))), matches!(read, Ok(Err(_))));
        let degraded = match self.runs.unwritable() {
            Some(reason) if fails => Some(format!("the history can't be read or written: {reason}")),
            // A slow read does not mean that the history can't be read.
            Some(reason) => Some(format!("the history can't be written: {reason}")),
            None if is_read => None,
            None => Some("the history does not answer".to_owned()),
        };
        // Tasks can't be queued without the store.
        if !is_read && self.runs.targets().cronjobs().next().is_none() {
            waiting_for.push("the history".to_owned());
        }
        let unprotected =
            self.runs.protection().into_iter().filter_map(|(target, protection)| match protection {
                Protection::Holds => None,
                Protection::Missing => {
                    Some(format!("the admission policy does not protect the target {target}"))
                }
                Protection::Unknown(_) => {
                    Some(format!("it is unknown whether the admission policy protects the target {target}"))
                }
            });
        let limitations = self.runs.limitations().into_iter().map(|limitation| limitation.to_string());
        Readiness { waiting_for, degraded, notices: unprotected.chain(limitations).collect() }
    }

    /// A scrape never waits for the store: the gauges that need it are updated in the background.
    async fn update_gauges(&self) {
        self.metrics.set_store_writable(self.runs.unwritable().is_none());
        self.metrics.set_protection(&self.runs.protection());
        self.metrics.set_missing_rights(self.runs.limitations().len());
        self.metrics.set_unsaved(self.runs.unsaved_bytes(), self.runs.dropped());
    }
}

/// Converts the caller for the rule of access.
pub(super) fn access_of(caller: &Caller) -> access::Caller {
    let role = match caller.role {
        Role::Admin => Some(access::Role::Admin),
        Role::Operator => Some(access::Role::Operator),
        Role::Reader => Some(access::Role::Reader),
        Role::Anonymous => None,
    };
    access::Caller { name: caller.name.clone(), role, on_behalf_of: caller.on_behalf_of.clone() }
}

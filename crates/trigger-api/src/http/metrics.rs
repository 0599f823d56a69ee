//! The metrics of runs.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use trigger_core::executor::Protection;
use trigger_core::recorder::Dropped;
use trigger_core::run::Run;
use trigger_core::start::{StartError, Started};
use trigger_core::target_name::TargetName;
use trigger_core::task_queue::QueueDepth;

/// The metrics of runs.
#[derive(Default)]
pub struct RunMetrics {
    runs_requested: Family<OutcomeLabels, Counter>,
    runs_ended: Family<EndLabels, Counter>,
    task_runs: Family<TaskLabels, Gauge>,
    protected: Family<TargetLabels, Gauge>,
    missing_rights: Gauge,
    store_writable: Gauge,
    store_unsaved_bytes: Gauge,
    store_dropped: Family<DroppedLabels, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabels {
    target: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EndLabels {
    target: String,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TaskLabels {
    target: String,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TargetLabels {
    target: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct DroppedLabels {
    kind: &'static str,
}

impl RunMetrics {
    /// New metrics in that registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "runs_requested",
            "Requests that start a run, by outcome",
            metrics.runs_requested.clone(),
        );
        registry.register(
            "runs_ended",
            "Runs that ended, both scheduled and manual",
            metrics.runs_ended.clone(),
        );
        registry.register(
            "task_runs",
            "Runs of tasks that have not ended, in all replicas",
            metrics.task_runs.clone(),
        );
        registry.register(
            "admission_policy_protects",
            "1 if the admission policy denies Jobs that differ from the target's, otherwise 0; absent while unknown",
            metrics.protected.clone(),
        );
        registry.register(
            "missing_rights",
            "Rights in the cluster that the API server denied; /readyz?verbose names them",
            metrics.missing_rights.clone(),
        );
        registry.register(
            "store_writable",
            "1 if the history can be written, otherwise 0",
            metrics.store_writable.clone(),
        );
        registry.register(
            "store_unsaved_bytes",
            "Memory of the states of runs and log tails that are not stored yet",
            metrics.store_unsaved_bytes.clone(),
        );
        registry.register(
            "store_dropped",
            "States of runs and log tails that were dropped because the history could not be written",
            metrics.store_dropped.clone(),
        );
        metrics
    }

    /// Counts a run that ended.
    pub fn count_end(&self, run: &Run) {
        let labels = EndLabels { target: run.target.to_string(), state: run.state.as_str() };
        self.runs_ended.get_or_create(&labels).inc();
    }

    pub(super) fn count_start(&self, target: &TargetName, outcome: &Result<Started, StartError>) {
        let outcome = match outcome {
            Ok(Started { found: false, .. }) => "started",
            Ok(Started { found: true, .. }) => "found",
            // Counted as a refused credential.
            Err(StartError::Denied(_)) => return,
            Err(StartError::ConflictingRun(_)) => "conflicting_run",
            Err(StartError::Suspended(_)) => "suspended",
            Err(StartError::KeyReused(_)) => "key_reused",
            Err(StartError::Contended(_)) => "contended",
            Err(StartError::BadParameters(_)) => "bad_parameters",
            Err(StartError::QueueFull { .. }) => "queue_full",
            Err(StartError::Executor(_) | StartError::Store(_)) => "failed",
        };
        let labels = OutcomeLabels { target: target.to_string(), outcome };
        self.runs_requested.get_or_create(&labels).inc();
    }

    /// Sets the number of runs of tasks that have not ended.
    pub fn set_queue_depths(&self, depths: &BTreeMap<TargetName, QueueDepth>) {
        self.task_runs.clear();
        for (target, depth) in depths {
            for (state, runs) in [("pending", depth.waiting), ("running", depth.running)] {
                let labels = TaskLabels { target: target.to_string(), state };
                self.task_runs.get_or_create(&labels).set(runs.cast_signed());
            }
        }
    }

    pub(super) fn set_protection(&self, protection: &BTreeMap<TargetName, Protection>) {
        self.protected.clear();
        for (target, protection) in protection {
            let value = match protection {
                Protection::Holds => 1,
                Protection::Missing => 0,
                Protection::Unknown(_) => continue,
            };
            self.protected.get_or_create(&TargetLabels { target: target.to_string() }).set(value);
        }
    }

    pub(super) fn set_missing_rights(&self, rights: usize) {
        self.missing_rights.set(i64::try_from(rights).unwrap_or(i64::MAX));
    }

    pub(super) fn set_store_writable(&self, writable: bool) {
        self.store_writable.set(i64::from(writable));
    }

    pub(super) fn set_unsaved(&self, bytes: usize, dropped: Dropped) {
        self.store_unsaved_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        for (kind, total) in [("run", dropped.runs), ("log", dropped.logs)] {
            let counter = self.store_dropped.get_or_create(&DroppedLabels { kind });
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }
}

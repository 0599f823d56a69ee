//! The metrics of the registry.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

use crate::domain::backend::WatchCounters;
use crate::domain::connection::Connection;
use crate::domain::queries::RegistryCounts;

/// The metrics of the registry. They are set when they are requested.
#[derive(Default)]
pub struct RegistryMetrics {
    instances: Family<StatusLabels, Gauge>,
    stale_instances: Gauge,
    services: Gauge,
    definitions: Gauge,
    unreadable_entries: Gauge,
    uncopied_definitions: Gauge,
    connected: Gauge,
    watch_lag: Gauge,
    max_clock_skew: Gauge<f64, AtomicU64>,
    reconnects: Counter,
    resyncs: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StatusLabels {
    status: &'static str,
}

impl RegistryMetrics {
    /// New metrics in that registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self { instances, stale_instances, services, definitions, unreadable_entries, .. } = &metrics;
        let Self { uncopied_definitions, connected, watch_lag, max_clock_skew, reconnects, resyncs, .. } =
            &metrics;
        add(registry, "instances", "Instances that are not stale, by status", instances);
        add(
            registry,
            "stale_instances",
            "Hidden instances: their last heartbeat is too old",
            stale_instances,
        );
        add(registry, "services", "Services with at least one instance that is not stale", services);
        add(registry, "definitions", "Definitions of services", definitions);
        add(registry, "unreadable_entries", "Entries that can't be read", unreadable_entries);
        add(
            registry,
            "uncopied_definitions",
            "Definitions that can't be copied to the bucket of instances",
            uncopied_definitions,
        );
        add(registry, "connected", "1 if NATS answers, otherwise 0", connected);
        add(registry, "watch_lag_messages", "Messages of the bucket that are not applied yet", watch_lag);
        add(
            registry,
            "max_clock_skew_seconds",
            "The greatest difference between an instance's clock and that of NATS",
            max_clock_skew,
        );
        add(registry, "reconnects", "Connections to NATS after the first one", reconnects);
        add(registry, "resyncs", "Watches that were started again", resyncs);
        metrics
    }

    pub(super) fn update(
        &self,
        counts: &RegistryCounts,
        max_clock_skew_seconds: f64,
        connection: Connection,
        watch: WatchCounters,
    ) {
        for (status, count) in [
            ("ACTIVE", counts.active),
            ("STANDBY", counts.standby),
            ("UNHEALTHY", counts.unhealthy),
            ("SHUTDOWN", counts.shutdown),
        ] {
            set(&self.instances.get_or_create(&StatusLabels { status }), count);
        }
        set(&self.stale_instances, counts.stale);
        set(&self.services, counts.services);
        set(&self.definitions, counts.definitions);
        set(&self.unreadable_entries, counts.unreadable);
        set(&self.uncopied_definitions, counts.uncopied);
        self.connected.set(i64::from(connection.is_available()));
        self.watch_lag.set(watch.lag.cast_signed());
        self.max_clock_skew.set(max_clock_skew_seconds);
        self.reconnects.inner().store(watch.reconnects, Ordering::Relaxed);
        self.resyncs.inner().store(watch.resyncs, Ordering::Relaxed);
    }
}

fn add(registry: &mut Registry, name: &str, help: &str, metric: &(impl Metric + Clone)) {
    registry.register(name, help, metric.clone());
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(count.cast_signed() as i64);
}

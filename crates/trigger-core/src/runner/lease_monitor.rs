//! Finds expired leases.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::task_store::Lease;

/// Remembers since when each lease has been unchanged. It does not compare the clocks of replicas.
pub(super) struct LeaseMonitor {
    lease: Duration,
    unchanged_since: HashMap<Lease, Instant>,
}

impl LeaseMonitor {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, unchanged_since: HashMap::new() }
    }

    /// Those of the current leases whose last heartbeat was observed a whole lease ago.
    pub(super) fn expired(&mut self, leases: Vec<Lease>, now: Instant) -> Vec<Lease> {
        let known = std::mem::take(&mut self.unchanged_since);
        let since = |lease: Lease| {
            let since = known.get(&lease).copied().unwrap_or(now);
            (lease, since)
        };
        self.unchanged_since = leases.into_iter().map(since).collect();
        let expired = |(_, since): &(&Lease, &Instant)| now.duration_since(**since) >= self.lease;
        self.unchanged_since.iter().filter(expired).map(|(lease, _)| lease.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    fn lease(heartbeat: i64) -> Lease {
        Lease {
            id: RunId::new("run"),
            target: "analysis".parse().unwrap(),
            worker: "worker".to_owned(),
            heartbeat,
            attempt: 1,
        }
    }

    #[test]
    fn a_lease_expires_when_its_heartbeat_has_not_changed_for_its_duration() {
        let (start, duration) = (Instant::now(), Duration::from_secs(15));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut monitor = LeaseMonitor::new(duration);
        assert_eq!(monitor.expired(vec![lease(1)], at(0)), []);
        assert_eq!(monitor.expired(vec![lease(1)], at(14)), []);
        assert_eq!(monitor.expired(vec![lease(2)], at(15)), [], "a heartbeat came in time");
        assert_eq!(monitor.expired(vec![lease(2)], at(29)), []);
        assert_eq!(monitor.expired(vec![lease(2)], at(30)), [lease(2)]);
        assert_eq!(monitor.expired(vec![lease(2)], at(31)), [lease(2)], "until it is reaped");
        assert_eq!(monitor.expired(vec![], at(32)), []);
        assert_eq!(monitor.expired(vec![lease(2)], at(60)), [], "it was absent, so it counts as new");
    }
}

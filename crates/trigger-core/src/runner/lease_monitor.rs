//! Tells which workers are dead.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::ports::Lease;

/// Remembers when each worker was last heard of. It compares no clocks: what counts is how long a beat has not changed as
/// seen from here.
pub(super) struct LeaseMonitor {
    lease: Duration,
    last_change: HashMap<Lease, Instant>,
}

impl LeaseMonitor {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, last_change: HashMap::new() }
    }

    /// Of what is held now, what belongs to workers that were silent for a lease.
    pub(super) fn dead(&mut self, held: Vec<Lease>, now: Instant) -> Vec<Lease> {
        let known = std::mem::take(&mut self.last_change);
        let since = |held: Lease| {
            let since = known.get(&held).copied().unwrap_or(now);
            (held, since)
        };
        self.last_change = held.into_iter().map(since).collect();
        let silent = |(_, since): &(&Lease, &Instant)| now.duration_since(**since) >= self.lease;
        self.last_change.iter().filter(silent).map(|(held, _)| held.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    fn held(heartbeat: i64) -> Lease {
        Lease {
            id: RunId::new("run"),
            target: "analysis".parse().unwrap(),
            worker: "worker".to_owned(),
            heartbeat,
            attempt: 1,
        }
    }

    #[test]
    fn a_worker_is_dead_when_its_beat_has_not_changed_for_a_lease() {
        let (begin, lease) = (Instant::now(), Duration::from_secs(15));
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut lease_monitor = LeaseMonitor::new(lease);
        assert_eq!(lease_monitor.dead(vec![held(1)], at(0)), []);
        assert_eq!(lease_monitor.dead(vec![held(1)], at(14)), []);
        assert_eq!(lease_monitor.dead(vec![held(2)], at(15)), [], "it beat in the last moment");
        assert_eq!(lease_monitor.dead(vec![held(2)], at(29)), []);
        assert_eq!(lease_monitor.dead(vec![held(2)], at(30)), [held(2)]);
        assert_eq!(lease_monitor.dead(vec![held(2)], at(31)), [held(2)], "until someone lets it go");
        assert_eq!(lease_monitor.dead(vec![], at(32)), []);
        assert_eq!(lease_monitor.dead(vec![held(2)], at(60)), [], "what was away is new");
    }
}

//! Tells which workers are dead.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::ports::Held;

/// Remembers when each worker was last heard of. It compares no clocks: what counts is how long a beat has not changed as
/// seen from here.
pub(super) struct Watchdog {
    lease: Duration,
    last_change: HashMap<Held, Instant>,
}

impl Watchdog {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, last_change: HashMap::new() }
    }

    /// Of what is held now, what belongs to workers that were silent for a lease.
    pub(super) fn dead(&mut self, held: Vec<Held>, now: Instant) -> Vec<Held> {
        let known = std::mem::take(&mut self.last_change);
        let since = |held: Held| {
            let since = known.get(&held).copied().unwrap_or(now);
            (held, since)
        };
        self.last_change = held.into_iter().map(since).collect();
        let silent = |(_, since): &(&Held, &Instant)| now.duration_since(**since) >= self.lease;
        self.last_change.iter().filter(silent).map(|(held, _)| held.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::run::RunId;
    use super::*;

    fn held(beat: i64) -> Held {
        Held {
            id: RunId::new("run"),
            target: "analysis".parse().unwrap(),
            worker: "worker".to_owned(),
            beat,
            attempt: 1,
        }
    }

    #[test]
    fn a_worker_is_dead_when_its_beat_has_not_changed_for_a_lease() {
        let (begin, lease) = (Instant::now(), Duration::from_secs(15));
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut watchdog = Watchdog::new(lease);
        assert_eq!(watchdog.dead(vec![held(1)], at(0)), []);
        assert_eq!(watchdog.dead(vec![held(1)], at(14)), []);
        assert_eq!(watchdog.dead(vec![held(2)], at(15)), [], "it beat in the last moment");
        assert_eq!(watchdog.dead(vec![held(2)], at(29)), []);
        assert_eq!(watchdog.dead(vec![held(2)], at(30)), [held(2)]);
        assert_eq!(watchdog.dead(vec![held(2)], at(31)), [held(2)], "until someone lets it go");
        assert_eq!(watchdog.dead(vec![], at(32)), []);
        assert_eq!(watchdog.dead(vec![held(2)], at(60)), [], "what was away is new");
    }
}

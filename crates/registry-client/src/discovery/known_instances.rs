//! The instances that discovery has received.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::instance::Instance;

/// The instances by service and key. The key does not contain the service in a form that can be read.
#[derive(Debug)]
pub(super) struct KnownInstances {
    stale_threshold: SignedDuration,
    services: BTreeMap<Arc<str>, BTreeMap<Arc<str>, KnownInstance>>,
    service_of_key: HashMap<Arc<str>, Arc<str>>,
}

#[derive(Debug)]
struct KnownInstance {
    instance: Arc<Instance>,
    /// Whether its staleness was announced.
    is_hidden: bool,
}

impl KnownInstances {
    pub(super) fn new(stale_threshold: SignedDuration) -> Self {
        Self { stale_threshold, services: BTreeMap::new(), service_of_key: HashMap::new() }
    }

    /// Adds or replaces an instance, and returns whether anything but its heartbeat is new.
    ///
    /// An instance that was stale appears again, also when its staleness was not announced yet: a caller may have looked
    /// since.
    pub(super) fn put(&mut self, key: &str, instance: Instance, now: Timestamp) -> bool {
        let is_of_same_service =
            self.service_of_key.get(key).is_some_and(|service| **service == *instance.service_name);
        if !is_of_same_service {
            self.remove(key);
            self.add(key, instance);
            return true;
        }
        let threshold = self.stale_threshold;
        let instances = self.services.get_mut(&*instance.service_name);
        let Some(known) = instances.and_then(|instances| instances.get_mut(key)) else { return false };
        let was_stale = known.is_hidden || is_older(known, threshold, now);
        let is_change = was_stale || !is_same_but_heartbeat(&known.instance, &instance);
        *known = KnownInstance { instance: Arc::new(instance), is_hidden: false };
        is_change
    }

    fn add(&mut self, key: &str, instance: Instance) {
        let key: Arc<str> = key.into();
        let service: Arc<str> = instance.service_name.as_str().into();
        let known = KnownInstance { instance: Arc::new(instance), is_hidden: false };
        self.service_of_key.insert(Arc::clone(&key), Arc::clone(&service));
        self.services.entry(service).or_default().insert(key, known);
    }

    /// Removes an instance, and returns whether it was there and not hidden.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(service) = self.service_of_key.remove(key) else { return false };
        let Some(instances) = self.services.get_mut(&service) else { return false };
        let removed = instances.remove(key);
        if instances.is_empty() {
            self.services.remove(&service);
        }
        removed.is_some_and(|known| !known.is_hidden)
    }

    pub(super) fn of(&self, service: &str, now: Timestamp) -> Vec<Arc<Instance>> {
        let known = self.services.get(service).into_iter().flat_map(BTreeMap::values);
        let visible = known.filter(|known| !self.is_stale(known, now));
        visible.map(|known| Arc::clone(&known.instance)).collect()
    }

    pub(super) fn services(&self, now: Timestamp) -> Vec<Arc<str>> {
        let visible = self
            .services
            .iter()
            .filter(|(_, instances)| instances.values().any(|known| !self.is_stale(known, now)));
        visible.map(|(service, _)| Arc::clone(service)).collect()
    }

    /// Hides the instances that have become stale, and returns whether there were any.
    pub(super) fn hide_stale(&mut self, now: Timestamp) -> bool {
        let threshold = self.stale_threshold;
        let known = self.services.values_mut().flat_map(BTreeMap::values_mut);
        let stale = known.filter(|known| !known.is_hidden && is_older(known, threshold, now));
        stale.map(|known| known.is_hidden = true).count() > 0
    }

    fn is_stale(&self, known: &KnownInstance, now: Timestamp) -> bool {
        known.is_hidden || is_older(known, self.stale_threshold, now)
    }
}

fn is_older(known: &KnownInstance, threshold: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(known.instance.last_heartbeat.time) > threshold
}

fn is_same_but_heartbeat(known: &Instance, new: &Instance) -> bool {
    known.instance_id == new.instance_id
        && known.version == new.version
        && known.status == new.status
        && known.sticky_active_group == new.sticky_active_group
        && known.metadata == new.metadata
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::KnownInstances;
    use crate::instance::Instance;

    const THRESHOLD: SignedDuration = SignedDuration::from_secs(35);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn instance(service: &str, status: &str, second: i64) -> Instance {
        let time = at(second);
        let json = format!(
            r#"{{"serviceName":"{service}","instanceId":"i","status":"{status}","lastHeartbeat":"{time}"}}"#
        );
        Instance::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_later_heartbeat_is_no_change_and_another_status_is_one() {
        let mut known = KnownInstances::new(THRESHOLD);
        assert!(known.put("k", instance("a", "ACTIVE", 0), at(0)));
        assert!(!known.put("k", instance("a", "ACTIVE", 10), at(10)));
        assert!(known.put("k", instance("a", "STANDBY", 20), at(20)));
        assert_eq!(known.of("a", at(20)).len(), 1);
    }

    #[test]
    fn an_instance_is_hidden_after_the_threshold_until_its_next_heartbeat() {
        let mut known = KnownInstances::new(THRESHOLD);
        known.put("k", instance("a", "ACTIVE", 0), at(0));
        assert!(!known.hide_stale(at(35)));
        assert_eq!(known.services(at(35)).len(), 1);
        assert!(known.services(at(36)).is_empty(), "it is hidden before the check");
        assert!(known.hide_stale(at(36)));
        assert!(!known.hide_stale(at(36)), "it is announced once");
        assert!(known.put("k", instance("a", "ACTIVE", 40), at(40)), "it appears again");
        assert_eq!(known.of("a", at(40)).len(), 1);
    }

    /// Otherwise a caller that looked in between would wait for a change that was never announced.
    #[test]
    fn an_instance_that_was_stale_between_two_checks_appears_again() {
        let mut known = KnownInstances::new(THRESHOLD);
        known.put("k", instance("a", "ACTIVE", 0), at(0));
        assert!(known.of("a", at(36)).is_empty());
        assert!(known.put("k", instance("a", "ACTIVE", 36), at(36)));
        assert!(!known.put("k", instance("a", "ACTIVE", 46), at(46)));
    }

    #[test]
    fn a_key_whose_value_names_another_service_moves() {
        let mut known = KnownInstances::new(THRESHOLD);
        known.put("k", instance("a", "ACTIVE", 0), at(0));
        assert!(known.put("k", instance("b", "ACTIVE", 0), at(0)));
        assert_eq!(known.services(at(0)), ["b".into()]);
        assert!(known.remove("k"));
        assert!(!known.remove("k"));
        assert!(known.services(at(0)).is_empty());
    }
}

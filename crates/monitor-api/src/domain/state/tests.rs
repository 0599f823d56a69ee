use jiff::{SignedDuration, Timestamp};
use registry_client::instance::InstanceStatus;

use super::{Bucket, Connection, RegistryState, RemovalReason, Write};
use crate::domain::json_array::JsonArray;
use crate::domain::queries::{InstanceFilter, RegistryCounts};

const THRESHOLD: SignedDuration = SignedDuration::from_secs(35);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + seconds).unwrap()
}

fn value(service: &str, id: &str, status: &str, heartbeat: Timestamp) -> String {
    format!(
        "{{\"serviceName\":\"{service}\",\"instanceId\":\"{id}\",\"version\":\"1.0.0\",\"status\":\"{status}\",\
         \"lastHeartbeat\":\"{heartbeat}\",\"stickyActiveGroup\":null,\"metadata\":{{\"start_time\":\"x\"}}}}"
    )
}

fn text(array: JsonArray) -> String {
    String::from_utf8(array.into_chunks().flatten().collect()).unwrap()
}

/// A state with its clock and the events that were already checked.
struct TestState {
    state: RegistryState,
    now: Timestamp,
    seen: i64,
    revision: u64,
}

impl TestState {
    /// A state that is live at second 0.
    fn live() -> Self {
        let mut state = RegistryState::new(THRESHOLD);
        state.set_connection(Bucket::Instances, Connection::Live, at(0));
        state.set_connection(Bucket::Definitions, Connection::Live, at(0));
        let seen = state.events.position();
        Self { state, now: at(0), seen, revision: 0 }
    }

    fn put_value(&mut self, key: &str, value: &str) {
        self.revision += 1;
        let write = Write { key, value: value.as_bytes(), revision: self.revision, stored_at: self.now };
        self.state.put_instance(write, self.now);
    }

    fn put(&mut self, service: &str, id: &str, status: &str, heartbeat: Timestamp) {
        self.put_value(
            &format!("service-instances__{service}__{id}"),
            &value(service, id, status, heartbeat),
        );
    }

    fn define(&mut self, key: &str, value: &str) {
        self.revision += 1;
        let write = Write { key, value: value.as_bytes(), revision: self.revision, stored_at: self.now };
        self.state.put_definition(write);
    }

    /// The names and data of the events since the last call.
    fn events(&mut self) -> Vec<String> {
        let events = self.state.events.after(self.seen, usize::MAX).unwrap();
        self.seen = self.state.events.position();
        events.iter().map(|(_, event)| format!("{} {}", event.name(), event.data())).collect()
    }

    fn event_names(&mut self) -> Vec<String> {
        let name = |event: String| event.split(' ').next().unwrap_or_default().to_owned();
        self.events().into_iter().map(name).collect()
    }

    /// The ids of the listed instances.
    fn listed(&self, filter: InstanceFilter<'_>) -> Vec<String> {
        let list: Vec<serde_json::Value> =
            serde_json::from_str(&text(self.state.instances_json(filter, self.now))).unwrap();
        list.iter().map(|one| one["instanceId"].as_str().unwrap().to_owned()).collect()
    }

    fn all(&self) -> Vec<String> {
        self.listed(InstanceFilter::All)
    }
}

#[test]
fn lists_are_ordered_by_service_and_id_and_can_be_filtered() {
    let mut test = TestState::live();
    assert_eq!(text(test.state.instances_json(InstanceFilter::All, test.now)), "[]");
    test.put("risk", "b", "ACTIVE", at(0));
    test.put("risk-2", "c", "STANDBY", at(0));
    test.put("risk", "a", "STANDBY", at(0));
    test.put("gate", "z", "SHUTDOWN", at(0));
    assert_eq!(test.all(), ["z", "a", "b", "c"]);
    assert_eq!(test.listed(InstanceFilter::Service("risk")), ["a", "b"]);
    assert_eq!(test.listed(InstanceFilter::Status(InstanceStatus::Standby)), ["a", "c"]);
    assert!(test.listed(InstanceFilter::Service("ris")).is_empty());
    let json = test.state.instance_json("risk", "a", test.now).unwrap();
    assert_eq!(&*json, value("risk", "a", "STANDBY", at(0)));
    assert!(test.state.instance_json("risk", "c", test.now).is_none());
}

#[test]
fn names_come_from_the_value_and_not_from_the_key() {
    let mut test = TestState::live();
    test.put_value("service-instances__a__b__c", &value("a__b", "c", "ACTIVE", at(0)));
    assert_eq!(test.listed(InstanceFilter::Service("a__b")), ["c"]);
    test.state.remove_instance("service-instances__a__b__c", 9, RemovalReason::Deleted, test.now);
    assert!(test.all().is_empty());
}

#[test]
fn of_two_keys_with_one_instance_the_last_write_is_the_instance() {
    let mut test = TestState::live();
    test.put_value("service-instances__a", &value("risk", "1", "ACTIVE", at(0)));
    test.put_value("service-instances__b", &value("risk", "1", "STANDBY", at(0)));
    let json = test.state.instance_json("risk", "1", test.now).unwrap();
    assert!(json.contains("STANDBY"), "{json}");
    assert_eq!(test.all(), ["1"]);
    test.events();
    test.state.remove_instance("service-instances__b", 9, RemovalReason::Deleted, test.now);
    assert_eq!(test.event_names(), ["put"], "the instance has not disappeared");
    assert!(test.state.instance_json("risk", "1", test.now).unwrap().contains("ACTIVE"));
}

/// Puts one instance under two keys, changes one of them, and returns the events of the change. They never report that the
/// instance has disappeared, because the other key still has it.
fn events_of_two_keys(heartbeats: [i64; 2], change: impl FnOnce(&mut TestState)) -> Vec<String> {
    let mut test = TestState::live();
    test.put_value("service-instances__a", &value("risk", "1", "ACTIVE", at(heartbeats[0])));
    test.put_value("service-instances__b", &value("risk", "1", "STANDBY", at(heartbeats[1])));
    test.events();
    change(&mut test);
    assert!(test.all().contains(&"1".to_owned()), "it is listed");
    test.events()
}

/// Whether the event reports that the instance 1 is visible with this status.
fn is_put_of(event: &str, status: &str) -> bool {
    event.starts_with("put ") && event.contains(status) && event.ends_with("\"stale\":false}")
}

#[test]
fn an_instance_whose_first_key_names_another_one_has_not_disappeared() {
    let events = events_of_two_keys([0, 0], |test| {
        test.put_value("service-instances__a", &value("risk", "2", "ACTIVE", at(0)));
    });
    assert!(is_put_of(&events[0], "STANDBY") && is_put_of(&events[1], "\"2\""), "{events:?}");
    assert_eq!(events.len(), 2);
}

#[test]
fn an_instance_whose_first_key_becomes_unreadable_has_not_disappeared() {
    let events = events_of_two_keys([0, 0], |test| test.put_value("service-instances__a", "garbage"));
    assert!(events.len() == 1 && is_put_of(&events[0], "STANDBY"), "{events:?}");
}

#[test]
fn an_old_heartbeat_under_a_second_key_does_not_hide_the_instance() {
    let events = events_of_two_keys([0, 0], |test| {
        test.put_value("service-instances__b", &value("risk", "1", "UNHEALTHY", at(-100)));
    });
    assert!(events.len() == 1 && is_put_of(&events[0], "ACTIVE"), "{events:?}");
}

#[test]
fn a_key_that_becomes_stale_does_not_hide_an_instance_that_another_key_has() {
    let events = events_of_two_keys([30, 0], |test| {
        test.now = at(36);
        test.state.mark_stale(test.now);
    });
    assert!(events.len() == 1 && is_put_of(&events[0], "ACTIVE"), "{events:?}");
}

#[test]
fn changes_of_an_instance_are_events_with_its_data() {
    let mut test = TestState::live();
    test.put("risk", "1", "ACTIVE", at(2));
    let json = value("risk", "1", "ACTIVE", at(2));
    assert_eq!(
        test.events(),
        [format!("put {{\"instance\":{json},\"revision\":1,\"clock_skew_seconds\":2.0,\"stale\":false}}")]
    );
    test.state.remove_instance("service-instances__risk__1", 7, RemovalReason::Expired, test.now);
    assert_eq!(
        test.events(),
        ["removed {\"service_name\":\"risk\",\"instance_id\":\"1\",\"revision\":7,\"reason\":\"expired\"}"]
    );
    test.state.remove_instance("service-instances__risk__1", 8, RemovalReason::Deleted, test.now);
    assert!(test.events().is_empty());
}

#[test]
fn a_key_that_names_another_instance_removes_the_first_one() {
    let mut test = TestState::live();
    test.put_value("service-instances__a", &value("risk", "1", "ACTIVE", at(0)));
    test.put_value("service-instances__a", &value("risk", "2", "ACTIVE", at(0)));
    assert_eq!(test.event_names(), ["put", "removed", "put"]);
    assert_eq!(test.all(), ["2"]);
}

#[test]
fn an_instance_is_stale_when_its_heartbeat_is_strictly_older_than_the_threshold() {
    let mut test = TestState::live();
    test.put("risk", "1", "ACTIVE", at(0));
    test.put("risk", "2", "ACTIVE", at(1));
    test.put("risk", "future", "ACTIVE", at(1000));
    test.event_names();
    test.now = at(35);
    assert_eq!(test.all(), ["1", "2", "future"]);
    assert_eq!(test.state.mark_stale(test.now), Some(at(35)));
    assert!(test.events().is_empty());
    test.now += SignedDuration::from_nanos(1);
    assert_eq!(test.all(), ["2", "future"]);
    assert!(test.state.instance_json("risk", "1", test.now).is_none());
    assert_eq!(test.state.mark_stale(test.now), Some(at(36)));
    assert_eq!(test.events(), ["stale {\"service_name\":\"risk\",\"instance_id\":\"1\",\"revision\":1}"]);
    test.state.mark_stale(test.now);
    assert!(test.events().is_empty(), "a heartbeat becomes stale once");
    test.put("risk", "1", "ACTIVE", test.now);
    assert_eq!(test.all(), ["1", "2", "future"]);
}

#[test]
fn a_write_that_is_already_stale_is_reported_as_such_once() {
    let mut test = TestState::live();
    test.put("risk", "1", "ACTIVE", at(-100));
    let events = test.events();
    assert!(events[0].ends_with("\"stale\":true}"), "{events:?}");
    assert_eq!(test.state.mark_stale(test.now), None);
    assert!(test.events().is_empty() && test.all().is_empty());
    assert_eq!(test.state.counts(test.now).stale, 1);
}

#[test]
fn nothing_becomes_stale_while_nats_is_unavailable() {
    let mut test = TestState::live();
    test.put("risk", "1", "ACTIVE", at(0));
    test.event_names();
    test.state.set_connection(Bucket::Instances, Connection::Unavailable { since: at(10) }, at(11));
    test.now = at(600);
    assert_eq!(test.state.mark_stale(test.now), None);
    assert_eq!(test.all(), ["1"]);
    test.state.set_connection(Bucket::Instances, Connection::Live, test.now);
    assert!(test.all().is_empty());
    test.state.mark_stale(test.now);
    assert_eq!(test.event_names(), ["state", "state", "stale"]);
}

#[test]
fn an_unreadable_entry_is_counted_and_hides_what_it_overwrote() {
    let mut test = TestState::live();
    test.put_value("service-instances__x", "{");
    assert!(test.events().is_empty());
    test.put("risk", "1", "ACTIVE", at(0));
    test.put_value("service-instances__risk__1", "[]");
    assert_eq!(test.event_names(), ["put", "removed"]);
    assert_eq!(test.state.counts(test.now).unreadable, 2);
    test.put("risk", "1", "ACTIVE", at(0));
    test.state.remove_instance("service-instances__x", 9, RemovalReason::Swept, test.now);
    assert_eq!(test.state.counts(test.now).unreadable, 0);
    assert_eq!(test.all(), ["1"]);
}

#[test]
fn a_key_can_be_unreadable_in_both_buckets() {
    let mut test = TestState::live();
    test.state.put_unreadable("risk", 4, "not a definition");
    test.define("risk", "not JSON");
    assert_eq!(test.state.counts(test.now).unreadable, 2);
    test.define("risk", "{\"owner\":\"me\"}");
    assert_eq!(test.state.counts(test.now).unreadable, 1);
    test.state.remove_unreadable("risk");
    assert_eq!(test.state.counts(test.now).unreadable, 0);
}

#[test]
fn a_failure_of_copies_is_reported_from_its_beginning() {
    let mut test = TestState::live();
    let mut fail =
        |definitions, second| test.state.set_copy_failure(Some((definitions, "full".to_owned())), at(second));
    assert_eq!((fail(1, 10), fail(2, 20)), (true, false));
    let failure = test.state.copy_failure().unwrap();
    assert_eq!((failure.definitions, failure.since), (2, at(10)));
    assert!(test.state.set_copy_failure(None, at(30)));
    assert_eq!(test.state.copy_failure(), None);
}

#[test]
fn everything_is_counted() {
    let mut test = TestState::live();
    for (service, id, status, age) in [
        ("a", "1", "ACTIVE", 0),
        ("a", "2", "STANDBY", 0),
        ("b", "1", "UNHEALTHY", 0),
        ("b", "2", "SHUTDOWN", 0),
        ("c", "1", "ACTIVE", 100),
    ] {
        test.put(service, id, status, at(-age));
    }
    test.define("risk", "{\"owner\":\"me\"}");
    let expected = RegistryCounts {
        visible: 4,
        active: 1,
        standby: 1,
        unhealthy: 1,
        shutdown: 1,
        stale: 1,
        services: 2,
        definitions: 1,
        unreadable: 0,
        uncopied: 0,
    };
    assert_eq!(test.state.counts(test.now), expected);
    assert!((test.state.max_clock_skew_seconds() - 100.0).abs() < f64::EPSILON);
    let contents = test.state.contents(test.now);
    assert_eq!((contents.instances.len(), contents.counts), (5, expected));
}

#[test]
fn changes_of_definitions_are_events() {
    let mut test = TestState::live();
    test.define("risk", "{\"owner\":\"me\",\"created_at\":\"2026-01-01T08:00:00+08:00\"}");
    let json = text(test.state.definitions_json());
    let json = json.trim_matches(['[', ']']);
    assert!(json.contains("\"created_at\":\"2026-01-01T00:00:00.000000Z\""), "{json}");
    assert_eq!(
        test.events(),
        [format!("definition {{\"service_name\":\"risk\",\"service\":{json},\"revision\":1}}")]
    );
    test.define("risk", "not JSON");
    assert_eq!(test.events(), ["definition {\"service_name\":\"risk\",\"service\":null,\"revision\":2}"]);
    assert_eq!(
        (text(test.state.definitions_json()).as_str(), test.state.counts(test.now).unreadable),
        ("[]", 1)
    );
    test.state.remove_definition("risk", 3);
    assert!(test.events().is_empty());
    assert_eq!(test.state.counts(test.now).unreadable, 0);
}

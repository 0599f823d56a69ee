use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{Heartbeat, Instance, InstanceStatus};
use crate::time::text_of;

fn parse(value: &Value) -> Instance {
    Instance::parse(value.to_string().as_bytes()).unwrap()
}

/// An instance whose heartbeat is stored like this.
fn heartbeat(stored: &Value) -> Result<(String, String), String> {
    let entry = json!({ "serviceName": "a", "instanceId": "b", "lastHeartbeat": stored });
    let instance = Instance::parse(entry.to_string().as_bytes()).map_err(|error| error.to_string())?;
    Ok((instance.last_heartbeat.text, instance.last_heartbeat.time.to_string()))
}

#[test]
fn an_entry_of_the_sdk_is_written_as_it_was_read() {
    let stored = r#"{"serviceName":"order-router","instanceId":"order-router-1a2b3c4d","version":"1.2.3","status":"STANDBY","lastHeartbeat":"2026-11-28T12:00:00.123456+08:00","stickyActiveGroup":"blue","metadata":{"start_time":"2026-11-28T11:00:00+08:00","z":1.5,"a":[null]}}"#;
    let instance = Instance::parse(stored.as_bytes()).unwrap();
    assert_eq!(instance.last_heartbeat.time, "2026-11-28T04:00:00.123456Z".parse().unwrap());
    assert_eq!(instance.to_json(), stored);
}

#[test]
fn snake_case_and_missing_fields_are_accepted() {
    let instance = parse(&json!({
        "service_name": "a", "instance_id": "b__c", "last_heartbeat": "2026-11-28T04:00:00Z",
        "sticky_active_group": "blue", "sticky_active_status": "ACTIVE", "lifecycle_state": "STARTED",
    }));
    assert_eq!((&*instance.service_name, &*instance.instance_id), ("a", "b__c"));
    assert_eq!((&*instance.version, instance.status), ("0.0.0", InstanceStatus::Unhealthy));
    assert_eq!(instance.sticky_active_group.as_deref(), Some("blue"));
    let metadata = json!({ "sticky_active_status": "ACTIVE", "lifecycle_state": "STARTED" });
    assert_eq!(instance.metadata.as_json(), metadata.to_string());
}

#[test]
fn a_status_that_is_not_known_is_unhealthy_and_is_kept() {
    for (stored, status, reported) in [
        (json!("ACTIVE"), InstanceStatus::Active, None),
        (json!("shutdown"), InstanceStatus::Shutdown, None),
        (json!(null), InstanceStatus::Unhealthy, None),
        (json!("DRAINING"), InstanceStatus::Unhealthy, Some(json!("DRAINING"))),
    ] {
        let instance = parse(&json!({
            "serviceName": "a", "instanceId": "b", "status": stored, "lastHeartbeat": 0, "metadata": null,
        }));
        assert_eq!((instance.status, instance.metadata.get("reported_status")), (status, reported));
    }
}

#[test]
fn heartbeats_are_times_with_or_without_an_offset_or_unix_times() {
    let time = "2026-11-28T04:00:00Z";
    let utc = "2026-11-28T04:00:00.000000+00:00";
    for (stored, text) in [
        (json!("2026-11-28T04:00:00Z"), "2026-11-28T04:00:00Z"),
        (json!("2026-11-28T12:00:00+08:00"), "2026-11-28T12:00:00+08:00"),
        (json!("2026-11-28 04:00:00"), utc),
        (json!("2026-11-28T04:00:00.0"), utc),
        (json!(1_795_838_400), utc),
        (json!(1_795_838_400.000_000_4), utc),
        (json!(1_795_838_400_000_u64), utc),
        (json!("1795838400"), utc),
    ] {
        assert_eq!(heartbeat(&stored), Ok((text.to_owned(), time.to_owned())), "{stored}");
    }
}

#[test]
fn the_unit_of_a_unix_time_is_that_of_its_magnitude() {
    let utc = "2026-11-28T04:00:00.123456+00:00";
    for stored in [
        json!(1_795_838_400.123_456),
        json!(1_795_838_400_123.456),
        json!(1_795_838_400_123_456_u64),
        json!(1_795_838_400_123_456_000_u64),
        json!("1795838400123456000"),
    ] {
        let (text, time) = heartbeat(&stored).unwrap();
        assert_eq!((text.as_str(), time.as_str()), (utc, "2026-11-28T04:00:00.123456Z"), "{stored}");
    }
    assert_eq!(heartbeat(&json!(253_402_300_799_u64)).unwrap().0, "9999-12-31T23:59:59.000000+00:00");
    assert_eq!(heartbeat(&json!(-62_135_596_800_i64)).unwrap().0, "0001-01-01T00:00:00.000000+00:00");
}

/// The greatest time of the SDK's language is used for instances that never expire.
#[test]
fn the_last_hours_of_the_year_9999_are_times() {
    let utc = "9999-12-31T23:59:59.999999+00:00";
    for (stored, text) in [
        ("9999-12-31T23:59:59.999999", utc),
        (utc, utc),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let last = "9999-12-30T22:00:00.999999999Z";
        assert_eq!(heartbeat(&json!(stored)), Ok((text.to_owned(), last.to_owned())), "{stored}");
    }
}

#[test]
fn metadata_is_kept_exactly() {
    let read = |metadata: &str| {
        let entry = format!(
            r#"{{"serviceName":"a","instanceId":"b","lastHeartbeat":0,"metadata":{metadata},"lifecycle_state":18446744073709551616}}"#
        );
        Instance::parse(entry.as_bytes()).unwrap().metadata.as_json().to_owned()
    };
    let lifecycle = r#""lifecycle_state":18446744073709551616}"#;
    for (stored, kept) in [
        (
            r#"{"n": [123456789012345678901234567890, 1.10]}"#,
            r#"{"n":[123456789012345678901234567890,1.10],"#,
        ),
        (r#""text""#, r#"{"reported_metadata":"text","#),
        ("[1, 2]", r#"{"reported_metadata":[1,2],"#),
        ("false", r#"{"reported_metadata":false,"#),
        ("null", "{"),
    ] {
        assert_eq!(read(stored), format!("{kept}{lifecycle}"), "{stored}");
    }
}

#[test]
fn other_entries_are_errors_that_do_not_repeat_them() {
    for stored in [json!("secret"), json!(1e300), json!(true), json!(null), json!("NaN"), json!("")] {
        assert!(!heartbeat(&stored).unwrap_err().contains("secret"), "{stored}");
    }
    for stored in ["", "{", "[]", "null", "\u{feff}{}", r#"{"instanceId":"a","lastHeartbeat":0}"#] {
        assert!(Instance::parse(stored.as_bytes()).is_err(), "{stored}");
    }
    let nameless = json!({ "serviceName": "", "instanceId": "b", "lastHeartbeat": 0 });
    assert!(Instance::parse(nameless.to_string().as_bytes()).is_err());
    assert!(Instance::parse(&[0xff, 0xfe]).is_err());
    assert!(Instance::parse("[".repeat(1_000_000).as_bytes()).is_err(), "nesting has a limit");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        (-10_000_000_000_i64..10_000_000_000).prop_map(|second| json!(second)),
        "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:?[0-9]{2})?"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An object with some of the fields of an entry, with values of every type.
fn entry() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "serviceName",
        "service_name",
        "instanceId",
        "instance_id",
        "version",
        "status",
        "lastHeartbeat",
        "last_heartbeat",
        "stickyActiveGroup",
        "lifecycle_state",
        "metadata",
    ]);
    let fields = prop::collection::vec((name, json_value()), 0..16);
    let has_names = any::<bool>();
    (fields, has_names).prop_map(|(fields, has_names)| {
        let mut entry: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if has_names {
            entry.insert("serviceName".to_owned(), "a".into());
            entry.insert("instanceId".to_owned(), "b".into());
        }
        Value::Object(entry)
    })
}

fn instance() -> impl Strategy<Value = Instance> {
    let status = prop::sample::select(vec![
        InstanceStatus::Active,
        InstanceStatus::Standby,
        InstanceStatus::Unhealthy,
        InstanceStatus::Shutdown,
    ]);
    let metadata = prop::collection::vec((".{0,8}", json_value()), 0..4);
    let time = -1_000_000_000_000_000_i64..10_000_000_000_000_000;
    (".{1,20}", ".{1,20}", ".{0,20}", status, time, prop::option::of(".{0,9}"), metadata).prop_map(
        |(service_name, instance_id, version, status, time, sticky_active_group, metadata)| {
            let time = Timestamp::from_microsecond(time).unwrap();
            let last_heartbeat = Heartbeat { text: text_of(time), time };
            let metadata = metadata.into_iter().collect::<Map<_, _>>().into();
            Instance {
                service_name,
                instance_id,
                version,
                status,
                last_heartbeat,
                sticky_active_group,
                metadata,
            }
        },
    )
}

proptest! {
    #[test]
    fn an_instance_is_read_as_it_was_written(instance in instance()) {
        prop_assert_eq!(Instance::parse(instance.to_json().as_bytes()).unwrap(), instance);
    }

    #[test]
    fn what_can_be_read_can_be_read_again_with_the_same_result(entry in entry()) {
        if let Ok(instance) = Instance::parse(entry.to_string().as_bytes()) {
            prop_assert_eq!(Instance::parse(instance.to_json().as_bytes()).unwrap(), instance);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Instance::parse(&bytes);
    }
}

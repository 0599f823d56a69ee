//! Reads entries as the clients of the registry have written them over time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Map, Value};

use super::{Heartbeat, Instance, InstanceStatus, lenient_json};
use crate::time::text_of;

/// Larger Unix times are milliseconds: as seconds, they would be after the year 2600.
const MAX_UNIX_SECONDS: f64 = 2e10;
/// Fields of other versions of the SDK, which become metadata.
const METADATA_FIELDS: [[&str; 2]; 2] =
    [["sticky_active_status", "stickyActiveStatus"], ["lifecycle_state", "lifecycleState"]];
/// The metadata with a status that is none of [`InstanceStatus`].
const REPORTED_STATUS: &str = "reported_status";

/// An entry that is not an instance. The message does not repeat the entry.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEntry {
    /// It is not a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A required field is missing or has another type.
    #[error("the field {0} is missing, or is not a text")]
    Field(&'static str),
    /// The time of the heartbeat can't be read.
    #[error("the field lastHeartbeat is not a time")]
    Heartbeat,
}

pub(super) fn read(bytes: &[u8]) -> Result<Instance, UnreadableEntry> {
    let Some(Value::Object(mut fields)) = lenient_json::parse(bytes) else {
        return Err(UnreadableEntry::NotAnObject);
    };
    let service_name = required(&mut fields, ["serviceName", "service_name"])?;
    let instance_id = required(&mut fields, ["instanceId", "instance_id"])?;
    let heartbeat = take(&mut fields, ["lastHeartbeat", "last_heartbeat"]);
    let heartbeat = heartbeat.ok_or(UnreadableEntry::Field("lastHeartbeat"))?;
    let last_heartbeat = read_heartbeat(&heartbeat).ok_or(UnreadableEntry::Heartbeat)?;
    let version = take(&mut fields, ["version", "version"]).and_then(text);
    let group = take(&mut fields, ["stickyActiveGroup", "sticky_active_group"]);
    let mut metadata = match fields.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    for names in METADATA_FIELDS {
        if let Some(value) = take(&mut fields, names) {
            metadata.entry(names[0]).or_insert(value);
        }
    }
    let status = fields.remove("status").and_then(text);
    Ok(Instance {
        service_name,
        instance_id,
        version: version.unwrap_or_else(|| "0.0.0".to_owned()),
        status: read_status(status, &mut metadata),
        last_heartbeat,
        sticky_active_group: group.and_then(text),
        metadata,
    })
}

/// Takes a field by the first of its names that has a value.
fn take(fields: &mut Map<String, Value>, names: [&str; 2]) -> Option<Value> {
    names.into_iter().find_map(|name| fields.remove(name).filter(|value| !value.is_null()))
}

fn required(fields: &mut Map<String, Value>, names: [&'static str; 2]) -> Result<String, UnreadableEntry> {
    let value = take(fields, names).and_then(text).filter(|text| !text.is_empty());
    value.ok_or(UnreadableEntry::Field(names[0]))
}

/// A text; a number is also read as one.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Another status than the known ones does not count as working, and is kept in the metadata.
fn read_status(reported: Option<String>, metadata: &mut Map<String, Value>) -> InstanceStatus {
    let Some(reported) = reported else { return InstanceStatus::Unhealthy };
    let all = [
        InstanceStatus::Active,
        InstanceStatus::Standby,
        InstanceStatus::Unhealthy,
        InstanceStatus::Shutdown,
    ];
    let known = all.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(&reported));
    known.unwrap_or_else(|| {
        metadata.entry(REPORTED_STATUS).or_insert(reported.into());
        InstanceStatus::Unhealthy
    })
}

fn read_heartbeat(value: &Value) -> Option<Heartbeat> {
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Number(number) => return number.as_f64().and_then(unix_time),
        _ => return None,
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(Heartbeat { text: text.to_owned(), time });
    }
    if let Ok(number) = text.parse::<f64>() {
        return unix_time(number);
    }
    let time = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    written(time)
}

fn unix_time(number: f64) -> Option<Heartbeat> {
    let seconds = if number.abs() > MAX_UNIX_SECONDS { number / 1000.0 } else { number };
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    written(Timestamp::from_duration(duration).ok()?)
}

/// The heartbeat as this crate writes it, with microseconds.
fn written(time: Timestamp) -> Option<Heartbeat> {
    let time = time.round(Unit::Microsecond).ok()?;
    Some(Heartbeat { text: text_of(time), time })
}

#[cfg(test)]
mod tests;

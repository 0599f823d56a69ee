//! Reads entries as the clients of the registry have written them over time.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Heartbeat, Instance, InstanceStatus, Metadata, lenient_json};

/// The Unix times of the years 1 to 9999.
const UNIX_SECONDS: Range<f64> = -62_135_596_800.0..253_402_300_800.0;
/// The units of Unix times, in parts of a second.
const UNIX_UNITS: [f64; 4] = [1.0, 1e3, 1e6, 1e9];
/// Fields of other versions of the SDK, which become metadata.
const METADATA_FIELDS: [[&str; 2]; 2] =
    [["sticky_active_status", "stickyActiveStatus"], ["lifecycle_state", "lifecycleState"]];
/// The metadata with a status that is none of [`InstanceStatus`].
const REPORTED_STATUS: &str = "reported_status";
/// The metadata with metadata that is not an object.
const REPORTED_METADATA: &str = "reported_metadata";

/// The fields of an entry as JSON. Of a name that occurs twice, the last value counts.
type Fields<'t> = BTreeMap<String, &'t RawValue>;

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
    let text = lenient_json::repair(bytes).ok_or(UnreadableEntry::NotAnObject)?;
    let mut fields: Fields<'_> = serde_json::from_str(&text).map_err(|_| UnreadableEntry::NotAnObject)?;
    let service_name = required(&mut fields, ["serviceName", "service_name"])?;
    let instance_id = required(&mut fields, ["instanceId", "instance_id"])?;
    let heartbeat = take(&mut fields, ["lastHeartbeat", "last_heartbeat"]);
    let heartbeat = heartbeat.ok_or(UnreadableEntry::Field("lastHeartbeat"))?;
    let last_heartbeat = text_of(heartbeat).and_then(|text| read_heartbeat(&text));
    let last_heartbeat = last_heartbeat.ok_or(UnreadableEntry::Heartbeat)?;
    let version = take(&mut fields, ["version", "version"]).and_then(text_of);
    let group = take(&mut fields, ["stickyActiveGroup", "sticky_active_group"]);
    let mut metadata = read_metadata(take(&mut fields, ["metadata", "metadata"]));
    for names in METADATA_FIELDS {
        if let Some(value) = take(&mut fields, names) {
            metadata.add(names[0], value.get());
        }
    }
    let status = take(&mut fields, ["status", "status"]).and_then(text_of);
    Ok(Instance {
        service_name,
        instance_id,
        version: version.unwrap_or_else(|| "0.0.0".to_owned()),
        status: read_status(status, &mut metadata),
        last_heartbeat,
        sticky_active_group: group.and_then(text_of),
        metadata,
    })
}

/// Takes a field by the first of its names that has a value.
fn take<'t>(fields: &mut Fields<'t>, names: [&str; 2]) -> Option<&'t RawValue> {
    names.into_iter().find_map(|name| fields.remove(name).filter(|value| value.get() != "null"))
}

fn required(fields: &mut Fields<'_>, names: [&'static str; 2]) -> Result<String, UnreadableEntry> {
    let value = take(fields, names).and_then(text_of).filter(|text| !text.is_empty());
    value.ok_or(UnreadableEntry::Field(names[0]))
}

/// A text; a number is also read as one.
fn text_of(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        Value::String(text) => Some(text),
        Value::Number(_) => Some(value.get().to_owned()),
        _ => None,
    }
}

fn read_metadata(stored: Option<&RawValue>) -> Metadata {
    let mut metadata = Metadata::default();
    match stored.map(RawValue::get) {
        None => {}
        Some(object) if object.starts_with('{') => metadata = Metadata::of_object(object),
        Some(other) => metadata.add(REPORTED_METADATA, other),
    }
    metadata
}

/// Another status than the known ones does not count as working, and is kept in the metadata.
fn read_status(reported: Option<String>, metadata: &mut Metadata) -> InstanceStatus {
    let Some(reported) = reported else { return InstanceStatus::Unhealthy };
    let all = [
        InstanceStatus::Active,
        InstanceStatus::Standby,
        InstanceStatus::Unhealthy,
        InstanceStatus::Shutdown,
    ];
    let known = all.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(&reported));
    known.unwrap_or_else(|| {
        metadata.add(REPORTED_STATUS, &Value::from(reported).to_string());
        InstanceStatus::Unhealthy
    })
}

fn read_heartbeat(text: &str) -> Option<Heartbeat> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(Heartbeat { text: text.to_owned(), time });
    }
    if let Ok(number) = text.parse::<f64>() {
        return unix_time(number);
    }
    let pieces = Pieces::parse(text).ok()?;
    let time = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    if pieces.offset().is_some() {
        // The last hours of the year 9999 are no timestamps.
        let is_last = time.year() == Timestamp::MAX.to_zoned(TimeZone::UTC).year();
        return is_last.then(|| Heartbeat { text: text.to_owned(), time: Timestamp::MAX });
    }
    utc(time)
}

fn unix_time(number: f64) -> Option<Heartbeat> {
    let seconds =
        UNIX_UNITS.into_iter().map(|unit| number / unit).find(|seconds| UNIX_SECONDS.contains(seconds))?;
    let since_epoch = SignedDuration::try_from_secs_f64(seconds).ok()?;
    utc(DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since_epoch).ok()?)
}

/// The heartbeat as this crate writes it, with microseconds.
fn utc(time: DateTime) -> Option<Heartbeat> {
    let time = time.round(Unit::Microsecond).ok()?;
    let text = time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    let time = time.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    Some(Heartbeat { text, time })
}

#[cfg(test)]
mod tests;

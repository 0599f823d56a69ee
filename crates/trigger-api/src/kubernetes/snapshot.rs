//! Summarizes CronJobs and runs for a target snapshot.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use trigger_core::cronjob::{ConcurrencyPolicy, CronJobSummary};
use trigger_core::run::RunId;

use super::objects::CronJobObject;
use super::template::declared_parameters;

/// The UIDs and names of the Jobs that the CronJob's status lists as active. Only scheduled Jobs are listed.
pub(super) fn active_jobs(cronjob: &CronJobObject) -> impl Iterator<Item = (&str, &str)> {
    let active = cronjob.data.pointer("/status/active").and_then(Value::as_array);
    active.into_iter().flatten().filter_map(|reference| {
        let name = reference.get("name").and_then(Value::as_str);
        Some((reference.get("uid")?.as_str()?, name.unwrap_or_default()))
    })
}

pub(super) fn cronjob_summary(cronjob: &CronJobObject) -> CronJobSummary {
    let text = |path| cronjob.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    CronJobSummary {
        schedule: text("/spec/schedule").unwrap_or_default(),
        time_zone: text("/spec/timeZone"),
        suspended: cronjob.data.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or_default(),
        concurrency_policy: match text("/spec/concurrencyPolicy").as_deref() {
            Some("Forbid") => ConcurrencyPolicy::Forbid,
            Some("Replace") => ConcurrencyPolicy::Replace,
            _ => ConcurrencyPolicy::Allow,
        },
        last_scheduled_at: text("/status/lastScheduleTime").and_then(|text| text.parse().ok()),
        parameters: declared_parameters(cronjob),
    }
}

/// Identifies the newest Jobs of a target: the time of the last creation, and all Jobs created then. creationTimestamp has a
/// resolution of one second, so several Jobs can be equally new. A Job that is deleted stays the newest one, so that its name
/// is not used again.
#[derive(Debug, Default)]
pub(super) struct Generation {
    created_at: Option<Timestamp>,
    ids: BTreeSet<RunId>,
}

impl Generation {
    pub(super) fn observe(&mut self, created_at: Timestamp, id: &RunId) {
        match Some(created_at).cmp(&self.created_at) {
            Ordering::Less => {}
            Ordering::Equal => drop(self.ids.insert(id.clone())),
            Ordering::Greater => {
                *self = Self { created_at: Some(created_at), ids: BTreeSet::from([id.clone()]) };
            }
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(created_at) = self.created_at else { return Ok(()) };
        write!(formatter, "{created_at}")?;
        self.ids.iter().try_for_each(|id| write!(formatter, " {id}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_core::parameters::DeclaredParameters;

    use super::*;

    fn cronjob(spec: &Value, status: &Value) -> CronJobObject {
        let metadata = json!({ "name": "sync" });
        let object = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec, "status": status });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_summary_has_the_fields_of_the_cronjob_or_their_defaults() {
        let full = cronjob(
            &json!({ "schedule": "0 14 * * 1-5", "timeZone": "Etc/UTC", "suspend": true, "concurrencyPolicy": "Forbid" }),
            &json!({ "lastScheduleTime": "2026-11-20T14:00:00Z" }),
        );
        let expected = CronJobSummary {
            schedule: "0 14 * * 1-5".to_owned(),
            time_zone: Some("Etc/UTC".to_owned()),
            suspended: true,
            concurrency_policy: ConcurrencyPolicy::Forbid,
            last_scheduled_at: "2026-11-20T14:00:00Z".parse().ok(),
            parameters: DeclaredParameters::default(),
        };
        assert_eq!(cronjob_summary(&full), expected);
        for (policy, expected) in [
            (json!("Replace"), ConcurrencyPolicy::Replace),
            (json!("Allow"), ConcurrencyPolicy::Allow),
            (Value::Null, ConcurrencyPolicy::Allow),
        ] {
            let summary = cronjob_summary(&cronjob(
                &json!({ "schedule": "@daily", "concurrencyPolicy": policy }),
                &json!({}),
            ));
            assert_eq!(summary.concurrency_policy, expected, "{policy}");
            assert_eq!(
                (summary.time_zone, summary.suspended, summary.last_scheduled_at),
                (None, false, None)
            );
        }
    }

    #[test]
    fn active_jobs_are_those_of_the_status() {
        let active =
            json!({ "active": [{ "name": "one", "uid": "a" }, { "name": "no uid" }, { "uid": "b" }] });
        let jobs: Vec<_> =
            active_jobs(&cronjob(&json!({}), &active)).map(|(uid, _)| uid.to_owned()).collect();
        assert_eq!(jobs, ["a", "b"]);
        assert_eq!(active_jobs(&cronjob(&json!({}), &json!({}))).count(), 0);
    }

    #[test]
    fn a_generation_has_the_jobs_of_the_last_second_even_if_they_were_deleted() {
        let generation_of = |jobs: &[(&str, &str)]| {
            let mut generation = Generation::default();
            for (id, created_at) in jobs {
                generation.observe(created_at.parse().unwrap(), &RunId::new(*id));
            }
            generation.to_string()
        };
        let old = ("old", "2026-11-21T10:00:00Z");
        let (one, two) = (("a", "2026-11-21T10:00:01Z"), ("b", "2026-11-21T10:00:01Z"));
        assert_eq!(generation_of(&[]), "");
        for jobs in [[old, one, two], [two, one, old], [one, old, two]] {
            assert_eq!(generation_of(&jobs), "2026-11-21T10:00:01Z a b");
        }
        assert_eq!(generation_of(&[old, one, one]), "2026-11-21T10:00:01Z a");
    }
}

//! Summarizes CronJobs and runs for a target snapshot.

use serde_json::Value;
use trigger_core::cronjob::{ConcurrencyPolicy, CronJobSummary};
use trigger_core::run::Run;

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

/// Identifies the newest Jobs: the time of the last creation, and all Jobs created then. creationTimestamp has a resolution
/// of one second, so several Jobs can be equally new. `runs` are sorted by creation time.
pub(super) fn generation(runs: &[&Run]) -> String {
    let Some(newest) = runs.last().map(|run| run.created_at) else {
        return String::new();
    };
    let ids = runs.iter().filter(|run| run.created_at == newest).map(|run| run.id.as_str());
    std::iter::once(newest.to_string().as_str()).chain(ids).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_core::parameters::DeclaredParameters;
    use trigger_core::run::{RunId, Trigger};

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
    fn a_generation_depends_on_the_jobs_of_the_last_second_only() {
        let run = |id: &str, created_at: &str| {
            Run::pending(
                RunId::new(id),
                "sync".parse().unwrap(),
                "trading",
                id.to_owned(),
                Trigger::Manual,
                created_at.parse().unwrap(),
            )
        };
        let (old, one, two) = (
            run("old", "2026-11-21T10:00:00Z"),
            run("a", "2026-11-21T10:00:01Z"),
            run("b", "2026-11-21T10:00:01Z"),
        );
        assert_eq!(generation(&[]), "");
        assert_eq!(generation(&[&old, &one, &two]), "2026-11-21T10:00:01Z a b");
        assert_eq!(generation(&[&one, &two]), generation(&[&old, &one, &two]));
        assert_ne!(generation(&[&old, &one]), generation(&[&old, &one, &two]));
    }
}

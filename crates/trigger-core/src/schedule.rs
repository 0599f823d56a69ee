//! The next start of a schedule.

use jiff::Timestamp;

use super::cronjob::CronJobSummary;

/// The first time after `now` that matches the schedule; None if the schedule is suspended or can't be parsed. A schedule
/// without a time zone is in UTC.
pub fn next_run(cronjob: &CronJobSummary, now: Timestamp) -> Option<Timestamp> {
    if cronjob.suspended {
        return None;
    }
    let zone = cronjob.time_zone.as_deref().unwrap_or("UTC");
    let schedule = cronexpr::parse_crontab(&format!("{} {zone}", standard(&cronjob.schedule))).ok()?;
    schedule.find_next(cronexpr::MakeTimestamp(now)).ok().map(|found| found.timestamp())
}

/// Replaces the macros that Kubernetes supports.
fn standard(schedule: &str) -> &str {
    match schedule.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cronjob::ConcurrencyPolicy;

    fn next(schedule: &str, zone: Option<&str>, now: &str) -> Option<String> {
        let cronjob = CronJobSummary {
            schedule: schedule.to_owned(),
            time_zone: zone.map(str::to_owned),
            suspended: false,
            concurrency_policy: ConcurrencyPolicy::Allow,
            last_scheduled_at: None,
        };
        next_run(&cronjob, now.parse().unwrap()).map(|found| found.to_string())
    }

    #[test]
    fn schedules_are_parsed_as_kubernetes_parses_them() {
        for (schedule, zone, now, expected) in [
            ("0 14 * * 1-5", None, "2026-11-20T14:00:00Z", "2026-11-23T14:00:00Z"),
            ("0 */6 * * *", None, "2026-11-20T05:59:59Z", "2026-11-20T06:00:00Z"),
            ("@hourly", None, "2026-11-20T05:00:00Z", "2026-11-20T06:00:00Z"),
            ("0 9 * * MON-FRI", Some("America/New_York"), "2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"),
            ("0 9 * * *", Some("America/New_York"), "2026-12-01T12:00:00Z", "2026-12-01T14:00:00Z"),
            // If both the day of the month and the day of the week are restricted, a day matches if one of them does.
            ("0 0 13 * 5", None, "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z"),
        ] {
            assert_eq!(next(schedule, zone, now).as_deref(), Some(expected), "{schedule}");
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_parsed_has_no_next_time() {
        assert_eq!(next("@every 1h", None, "2026-11-20T05:00:00Z"), None);
        assert_eq!(next("0 9 * * *", Some("Mars/Olympus"), "2026-11-20T05:00:00Z"), None);
    }
}

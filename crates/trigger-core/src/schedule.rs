//! The next start of a schedule.

mod cron;
mod error;
mod field;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::cron::{CronSchedule, MAX_YEARS};
use super::cronjob::CronJobSummary;

pub use self::error::ScheduleError;

/// Why the time of the next run is unknown, or there is none.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoNextRun {
    /// The schedule is suspended.
    #[error("the schedule is suspended")]
    Suspended,
    /// `@every` counts from the last run or, before the first one, from the creation of the CronJob.
    #[error("an @every schedule has no fixed times; the controller counts from the last run")]
    Interval,
    /// The API server rejects such a schedule since Kubernetes 1.27.
    #[error("TZ in the schedule is not supported; use the field timeZone")]
    ZoneInSchedule,
    /// The schedule can't be parsed, so the controller starts no runs.
    #[error("the schedule is not valid: {0}")]
    Invalid(#[from] ScheduleError),
    /// The time zone is unknown here. The database of time zones is part of the program.
    #[error("the time zone {0:?} is unknown")]
    UnknownTimeZone(String),
    /// No time matches, as for 30 February.
    #[error("no time of the next {MAX_YEARS} years matches the schedule")]
    NeverMatches,
}

impl NoNextRun {
    /// The reason as a fixed word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Suspended => "Suspended",
            Self::Interval => "Interval",
            Self::ZoneInSchedule => "ZoneInSchedule",
            Self::Invalid(_) => "InvalidSchedule",
            Self::UnknownTimeZone(_) => "UnknownTimeZone",
            Self::NeverMatches => "NeverMatches",
        }
    }
}

/// The first time after `now` at which the controller of Kubernetes starts a run. A schedule without a time zone is in UTC.
///
/// # Errors
/// When there is no such time, or it can't be known.
pub fn next_run(cronjob: &CronJobSummary, now: Timestamp) -> Result<Timestamp, NoNextRun> {
    if cronjob.suspended {
        return Err(NoNextRun::Suspended);
    }
    if cronjob.schedule.contains("TZ") {
        return Err(NoNextRun::ZoneInSchedule);
    }
    if cronjob.schedule.starts_with("@every ") {
        return Err(NoNextRun::Interval);
    }
    let schedule = CronSchedule::parse(&cronjob.schedule)?;
    let name = cronjob.time_zone.as_deref().unwrap_or("UTC");
    let zone = TimeZone::get(name).map_err(|_| NoNextRun::UnknownTimeZone(name.to_owned()))?;
    schedule.next(now, &zone).ok_or(NoNextRun::NeverMatches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cronjob::ConcurrencyPolicy;
    use crate::parameters::DeclaredParameters;

    fn next(schedule: &str, zone: Option<&str>, now: &str) -> Result<String, NoNextRun> {
        let cronjob = CronJobSummary {
            schedule: schedule.to_owned(),
            time_zone: zone.map(str::to_owned),
            suspended: false,
            concurrency_policy: ConcurrencyPolicy::Allow,
            last_scheduled_at: None,
            parameters: DeclaredParameters::default(),
        };
        next_run(&cronjob, now.parse().unwrap()).map(|found| found.to_string())
    }

    #[test]
    fn schedules_have_the_meaning_that_kubernetes_gives_them() {
        for (schedule, zone, now, expected) in [
            ("0 14 * * 1-5", None, "2026-11-20T14:00:00Z", "2026-11-23T14:00:00Z"),
            ("0 */6 * * *", None, "2026-11-20T05:59:59.9Z", "2026-11-20T06:00:00Z"),
            ("@hourly", None, "2026-11-20T05:00:00Z", "2026-11-20T06:00:00Z"),
            ("0 9 ? * MON-fri", Some("America/New_York"), "2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"),
            ("0 9 * * *", Some("America/New_York"), "2026-12-01T12:00:00Z", "2026-12-01T14:00:00Z"),
            // If both the day of the month and the day of the week are restricted, a day matches if one of them does.
            ("0 0 13 * 5", None, "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z"),
            // A star with a step is a restriction too; with the step 1 it is a star.
            ("0 0 */2 * 1", None, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("0 0 */2 * 1", None, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 13 * */2", None, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 */1 * 1", None, "2026-11-28T00:00:00Z", "2026-11-30T00:00:00Z"),
            // 2:30 does not exist on this day. 1:30 exists twice on the other one.
            ("30 2 * * *", Some("America/New_York"), "2026-03-08T05:00:00Z", "2026-03-09T06:30:00Z"),
            ("30 1 * * *", Some("America/New_York"), "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
            // The day after the 29th was the 31st.
            ("0 0 31 * *", Some("Pacific/Apia"), "2011-12-28T00:00:00Z", "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(next(schedule, zone, now).as_deref(), Ok(expected), "{schedule} {now}");
        }
    }

    #[test]
    fn a_schedule_without_a_next_time_has_a_reason() {
        for (schedule, zone, expected) in [
            ("@every 1h", None, "Interval"),
            ("TZ=Asia/Tokyo 0 9 * * *", None, "ZoneInSchedule"),
            ("CRON_TZ=Asia/Tokyo 0 9 * * *", None, "ZoneInSchedule"),
            ("0 9 * * *", Some("Mars/Olympus"), "UnknownTimeZone"),
            ("0 9 * * 7", None, "InvalidSchedule"),
            ("0 0 9 * * *", None, "InvalidSchedule"),
            ("@reboot", None, "InvalidSchedule"),
            ("", None, "InvalidSchedule"),
            ("0 0 30 2 *", None, "NeverMatches"),
            (", 0 1 1 *", None, "NeverMatches"),
        ] {
            let reason = next(schedule, zone, "2026-11-20T05:00:00Z").expect_err(schedule);
            assert_eq!(reason.as_str(), expected, "{schedule}");
        }
    }

    #[test]
    fn the_reason_names_the_wrong_part_of_a_schedule() {
        let reason = next("0 25 * * *", None, "2026-11-20T05:00:00Z").expect_err("25 is no hour");
        assert_eq!(reason.to_string(), "the schedule is not valid: \"25\" is not valid for the hour");
    }
}

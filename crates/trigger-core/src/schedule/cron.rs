//! Schedules in cron's syntax, with exactly the meaning that they have in Kubernetes, whose controller uses robfig/cron v3.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::error::ScheduleError;
use super::field::{Bounds, Field};

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The fields in their order.
const FIELDS: [Bounds; 5] = [
    Bounds { name: "minute", min: 0, max: 59, names: &[] },
    Bounds { name: "hour", min: 0, max: 23, names: &[] },
    Bounds { name: "day of month", min: 1, max: 31, names: &[] },
    Bounds { name: "month", min: 1, max: 12, names: MONTHS },
    Bounds { name: "day of week", min: 0, max: 6, names: WEEKDAYS },
];

/// How many years after the present one are searched, as in robfig/cron.
pub(super) const MAX_YEARS: i16 = 5;

/// A parsed schedule.
#[derive(Debug)]
pub(super) struct CronSchedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

impl CronSchedule {
    /// Parses five fields, or a macro such as `@daily`.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other if other.starts_with('@') => return Err(ScheduleError::UnknownMacro),
            fields => fields,
        };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let &[minutes, hours, days, months, weekdays] = parts.as_slice() else {
            return Err(ScheduleError::FieldCount(parts.len()));
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        Ok(Self {
            minutes: Field::parse(minutes, minute)?,
            hours: Field::parse(hours, hour)?,
            days: Field::parse(days, day)?,
            months: Field::parse(months, month)?,
            weekdays: Field::parse(weekdays, weekday)?,
        })
    }

    /// The first match after `after`; None if there is none within [`MAX_YEARS`] years.
    ///
    /// It takes the same steps as robfig/cron, because they define what happens at a change of the clocks: a time that does
    /// not exist is skipped, and an hour that exists twice matches twice.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.minutes.is_empty() || self.hours.is_empty() {
            return None;
        }
        let clock = Clock(zone);
        let mut at = after.as_second() + 1;
        let last_year = clock.local(at).year().saturating_add(MAX_YEARS);
        // Whether `at` was moved, so that its smaller fields are zero.
        let mut moved = false;
        'wrapped: while clock.local(at).year() <= last_year {
            while !self.months.contains(clock.local(at).month()) {
                if !std::mem::replace(&mut moved, true) {
                    at = clock.unix(clock.local(at).date().first_of_month().into());
                }
                at = clock.next_month(at);
                if clock.local(at).month() == 1 {
                    continue 'wrapped;
                }
            }
            while !self.matches_day(clock.local(at)) {
                if !std::mem::replace(&mut moved, true) {
                    at = clock.unix(clock.local(at).date().into());
                }
                at = clock.next_day(at);
                if clock.local(at).day() == 1 {
                    continue 'wrapped;
                }
            }
            while !self.hours.contains(clock.local(at).hour()) {
                if !std::mem::replace(&mut moved, true) {
                    let now = clock.local(at);
                    at = clock.unix(now.date().at(now.hour(), 0, 0, 0));
                }
                at += 3600;
                if clock.local(at).hour() == 0 {
                    continue 'wrapped;
                }
            }
            while !self.minutes.contains(clock.local(at).minute()) {
                if !std::mem::replace(&mut moved, true) {
                    at -= at.rem_euclid(60);
                }
                at += 60;
                if clock.local(at).minute() == 0 {
                    continue 'wrapped;
                }
            }
            match clock.local(at).second() {
                0 => return Timestamp::from_second(at).ok(),
                second => at += 60 - i64::from(second),
            }
            moved = true;
        }
        None
    }

    /// If both the day of the month and the day of the week are restricted, one of them is enough.
    fn matches_day(&self, local: DateTime) -> bool {
        let day = self.days.contains(local.day());
        let weekday = self.weekdays.contains(local.weekday().to_sunday_zero_offset());
        if self.days.has_star() || self.weekdays.has_star() { day && weekday } else { day || weekday }
    }
}

/// Converts between seconds since 1970 and local times as Go's `time` does, which has no error for times that do not exist.
struct Clock<'z>(&'z TimeZone);

impl Clock<'_> {
    fn local(&self, unix: i64) -> DateTime {
        let at = Timestamp::from_second(unix).unwrap_or(Timestamp::MAX);
        self.0.to_datetime(at)
    }

    /// A time in a gap gets one of the two offsets: the one that the second of two guesses finds.
    fn unix(&self, local: DateTime) -> i64 {
        let wall = TimeZone::UTC.to_timestamp(local).unwrap_or(Timestamp::MAX).as_second();
        let offset = |unix| {
            let at = Timestamp::from_second(unix).unwrap_or(Timestamp::MAX);
            i64::from(self.0.to_offset(at).seconds())
        };
        match offset(wall) {
            0 => wall,
            guess => wall - offset(wall - guess),
        }
    }

    fn next_month(&self, unix: i64) -> i64 {
        let local = self.local(unix);
        let first = local.first_of_month().saturating_add(1.month());
        self.unix(first.saturating_add((local.day() - 1).days()))
    }

    /// The start of the next day, or, if a change of the clocks skips midnight, a full hour close to it.
    ///
    /// It is later than `unix` even where a whole day was skipped, as in Samoa in 2011; there robfig/cron never ends.
    fn next_day(&self, unix: i64) -> i64 {
        let next = self.unix(self.local(unix).saturating_add(1.day()));
        let midnight = match i64::from(self.local(next).hour()) {
            hour if hour > 12 => next + (24 - hour) * 3600,
            hour => next - hour * 3600,
        };
        midnight.max(unix + 3600)
    }
}

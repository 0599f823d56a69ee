//! What a request may ask for.

use jiff::civil::Date;
use serde_json::Value;

use trigger_core::task::Parameters;

/// The most trading days a report looks back.
const LONGEST: u16 = 366;

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    /// The day; the newest with data when None.
    pub(super) date: Option<Date>,
    /// Trading days of history up to it, itself included.
    pub(super) days: usize,
}

impl Asked {
    /// Reads the parameters; the error is a sentence for the caller.
    pub(super) fn of(parameters: &Parameters, default_days: usize) -> Result<Self, String> {
        let mut asked = Self { date: None, days: default_days };
        for (name, value) in parameters {
            match name.as_str() {
                "date" => asked.date = date(value)?,
                "days" => asked.days = days(value)?.unwrap_or(default_days),
                _ => return Err("portfolio-analysis takes the parameters date (YYYY-MM-DD) and days (1 to 366), and no other".to_owned()),
            }
        }
        Ok(asked)
    }
}

fn date(value: &Value) -> Result<Option<Date>, String> {
    let date = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.len() == 10 => text.parse().ok(),
        _ => None,
    };
    let date = date.filter(|date: &Date| date.year() > 0);
    date.map(Some).ok_or_else(|| "date must be a day such as \"2026-02-11\"".to_owned())
}

fn days(value: &Value) -> Result<Option<usize>, String> {
    if value.is_null() {
        return Ok(None);
    }
    // JSON has one kind of number: 30.0 is as whole as 30.
    let days = value
        .as_f64()
        .and_then(|days| (1..=LONGEST).find(|whole| f64::from(*whole).total_cmp(&days).is_eq()));
    days.map(|days| Some(days.into()))
        .ok_or_else(|| format!("days must be a whole number from 1 to {LONGEST}"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn asked(parameters: &Value) -> Result<Asked, String> {
        Asked::of(parameters.as_object().expect("an object"), 30)
    }

    #[test]
    fn a_date_and_days_are_taken_and_may_be_left_out() {
        let all = asked(&json!({ "date": "2026-02-11", "days": 366 })).expect("it is fine");
        assert_eq!(all, Asked { date: Some(date(2026, 2, 11)), days: 366 });
        assert_eq!(asked(&json!({ "days": 30.0 })), Ok(Asked { date: None, days: 30 }));
        assert_eq!(asked(&json!({})), Ok(Asked { date: None, days: 30 }));
        assert_eq!(asked(&json!({ "date": null, "days": null })), Ok(Asked { date: None, days: 30 }));
    }

    #[test]
    fn what_can_not_be_meant_is_refused_by_name() {
        for (parameters, word) in [
            (json!({ "date": "2026-02-30" }), "date must be"),
            (json!({ "date": "11.02.2026" }), "date must be"),
            (json!({ "date": "20260211" }), "date must be"),
            (json!({ "date": 20_260_211 }), "date must be"),
            (json!({ "date": "-000001-02" }), "date must be"),
            (json!({ "days": 0 }), "days must be"),
            (json!({ "days": 367 }), "days must be"),
            (json!({ "days": 1.5 }), "days must be"),
            (json!({ "days": "30" }), "days must be"),
            (json!({ "dates": "2026-02-11" }), "no other"),
        ] {
            let refusal = asked(&parameters).expect_err("it is refused");
            assert!(refusal.contains(word), "{parameters}: {refusal}");
        }
    }
}

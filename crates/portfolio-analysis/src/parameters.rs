//! The parameters of a request for an analysis.

use jiff::civil::Date;
use serde_json::Value;
use trigger_core::parameters::Parameters;

use super::figures::count;
use super::variables::MAX_DAYS;

/// The parameters of a request, checked and completed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AnalysisRequest {
    /// The report's day; None requests the newest day with data.
    pub(crate) date: Option<Date>,
    /// The trading days that the report covers, up to and including its own.
    pub(crate) days: usize,
}

impl AnalysisRequest {
    /// Parses the parameters. The error is a sentence for the caller.
    pub(crate) fn parse(parameters: &Parameters, default_days: usize) -> Result<Self, String> {
        let mut request = Self { date: None, days: default_days };
        for (name, value) in parameters {
            match name.as_str() {
                "date" => request.date = date(value)?,
                "days" => request.days = days(value)?.unwrap_or(default_days),
                _ => {
                    return Err(format!(
                        "portfolio-analysis has no parameter {name:?}; its parameters are date (YYYY-MM-DD) and days (1 to {MAX_DAYS})"
                    ));
                }
            }
        }
        Ok(request)
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
    // JSON does not distinguish 30.0 from 30.
    let days = value
        .as_f64()
        .and_then(|number| (1..=MAX_DAYS).find(|days| count(*days as u64).total_cmp(&number).is_eq()));
    days.map(Some).ok_or_else(|| format!("days must be a whole number from 1 to {MAX_DAYS}"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn parse(parameters: &Value) -> Result<AnalysisRequest, String> {
        AnalysisRequest::parse(parameters.as_object().expect("an object"), 30)
    }

    #[test]
    fn date_and_days_are_optional() {
        let both = parse(&json!({ "date": "2026-02-11", "days": 366 })).expect("it is valid");
        assert_eq!(both, AnalysisRequest { date: Some(date(2026, 2, 11)), days: 366 });
        for parameters in [json!({ "days": 30.0 }), json!({}), json!({ "date": null, "days": null })] {
            assert_eq!(parse(&parameters), Ok(AnalysisRequest { date: None, days: 30 }), "{parameters}");
        }
    }

    #[test]
    fn invalid_parameters_are_rejected_by_name() {
        for (parameters, words) in [
            (json!({ "date": "2026-02-30" }), "date must be"),
            (json!({ "date": "11.02.2026" }), "date must be"),
            (json!({ "date": "20260211" }), "date must be"),
            (json!({ "date": 20_260_211 }), "date must be"),
            (json!({ "date": "-000001-02" }), "date must be"),
            (json!({ "days": 0 }), "days must be"),
            (json!({ "days": 367 }), "days must be a whole number from 1 to 366"),
            (json!({ "days": 1.5 }), "days must be"),
            (json!({ "days": "30" }), "days must be"),
            (json!({ "dates": "2026-02-11" }), "no parameter \"dates\""),
        ] {
            let error = parse(&parameters).expect_err("it is invalid");
            assert!(error.contains(words), "{parameters}: {error}");
        }
    }
}

//! Which of two representations a caller wants (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, header};

use super::api_error::ApiError;
use super::problem::Kind;

/// How a document is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Json,
    Html,
}

/// The form that the `Accept` headers prefer; JSON where they prefer none.
///
/// # Errors
/// When they rule out both.
pub(super) fn preferred(headers: &HeaderMap) -> Result<Form, ApiError> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
    let (json, html) = (quality(&ranges, "application/json"), quality(&ranges, "text/html"));
    match (json, html) {
        _ if ranges.is_empty() => Ok(Form::Json),
        (json, html) if json <= 0.0 && html <= 0.0 => Err(ApiError::new(
            Kind::NotAcceptable,
            "This is to be had as application/json and as text/html; accept one of the two.",
        )),
        (json, html) if html > json => Ok(Form::Html),
        _ => Ok(Form::Json),
    }
}

/// A media range and its weight, 1 where none is given.
fn range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((range, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))))
}

/// The weight of the most specific range that has the type; 0 when none has.
fn quality(ranges: &[(&str, f32)], media_type: &str) -> f32 {
    let (whole, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let any_of_it = format!("{whole}/*");
    let weight = |wanted: &str| {
        ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(wanted)).map(|(_, weight)| *weight)
    };
    weight(media_type).or_else(|| weight(&any_of_it)).or_else(|| weight("*/*")).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn preferred_of(accept: &str) -> Option<Form> {
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        preferred(&headers).ok()
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_gets_json() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, form) in [
            (browser, Some(Form::Html)),
            ("*/*", Some(Form::Json)),
            ("", Some(Form::Json)),
            ("application/json", Some(Form::Json)),
            ("application/json, text/html;q=0.9", Some(Form::Json)),
            ("application/json;q=0.1, text/*", Some(Form::Html)),
            ("text/html;q=0, */*", Some(Form::Json)),
            ("TEXT/HTML", Some(Form::Html)),
            ("text/html;level=1;q=0.5, application/json;q=0.4", Some(Form::Html)),
            ("image/png", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(preferred_of(accept), form, "{accept:?}");
        }
        assert_eq!(preferred(&HeaderMap::new()).ok(), Some(Form::Json));
    }
}

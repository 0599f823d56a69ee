//! Content negotiation between JSON and HTML (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

use super::error::ServiceError;
use super::problem::ProblemKind;

/// A representation of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Representation {
    /// `application/json`.
    Json,
    /// `text/html`.
    Html,
}

impl Representation {
    /// The representation that the `Accept` headers prefer; JSON when they prefer neither.
    ///
    /// # Errors
    /// When they exclude both.
    pub fn preferred(headers: &HeaderMap) -> Result<Self, ServiceError> {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<(&str, f32)> =
            values.flat_map(|value| value.split(',')).filter_map(parse_range).collect();
        let (json, html) = (quality(&ranges, "application/json"), quality(&ranges, "text/html"));
        match (json, html) {
            _ if ranges.is_empty() => Ok(Self::Json),
            (json, html) if json <= 0.0 && html <= 0.0 => Err(ServiceError::new(
                ProblemKind::NOT_ACCEPTABLE,
                "This is available as application/json and as text/html; accept one of the two.",
            )),
            (json, html) if html > json => Ok(Self::Html),
            _ => Ok(Self::Json),
        }
    }
}

/// A media range and its weight, which is 1 by default.
fn parse_range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((range, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))))
}

/// The weight of the most specific range that matches the type; 0 when none does.
fn quality(ranges: &[(&str, f32)], media_type: &str) -> f32 {
    let (main_type, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let any_subtype = format!("{main_type}/*");
    let weight_of = |name: &str| {
        ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight)
    };
    weight_of(media_type).or_else(|| weight_of(&any_subtype)).or_else(|| weight_of("*/*")).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::Representation;

    fn preferred_of(accept: &str) -> Option<Representation> {
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        Representation::preferred(&headers).ok()
    }

    #[test]
    fn a_browser_gets_html_and_a_program_gets_json() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, representation) in [
            (browser, Some(Representation::Html)),
            ("*/*", Some(Representation::Json)),
            ("", Some(Representation::Json)),
            ("application/json", Some(Representation::Json)),
            ("application/json, text/html;q=0.9", Some(Representation::Json)),
            ("application/json;q=0.1, text/*", Some(Representation::Html)),
            ("text/html;q=0, */*", Some(Representation::Json)),
            ("TEXT/HTML", Some(Representation::Html)),
            ("text/html;level=1;q=0.5, application/json;q=0.4", Some(Representation::Html)),
            ("image/png", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(preferred_of(accept), representation, "{accept:?}");
        }
        assert_eq!(Representation::preferred(&HeaderMap::new()).ok(), Some(Representation::Json));
    }
}

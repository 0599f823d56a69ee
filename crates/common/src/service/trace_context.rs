//! The trace context of a request, for the programs that continue its trace.

use axum::http::HeaderMap;

use crate::telemetry;

/// The `traceparent` of the current span where traces are exported, else the caller's own when it is valid.
pub fn traceparent(headers: &HeaderMap) -> Option<String> {
    let of_span = telemetry::trace_headers()
        .into_iter()
        .find(|(name, _)| name == "traceparent")
        .map(|(_, value)| value);
    of_span.or_else(|| {
        let given = headers.get("traceparent")?.to_str().ok()?;
        is_traceparent(given).then(|| given.to_owned())
    })
}

/// Whether a text is a `traceparent` of version 00 (W3C Trace Context, section 3.2).
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let is_allowed = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    text.starts_with("00-") && lengths.eq([2, 32, 16, 2]) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn a_traceparent_has_four_lower_case_hexadecimal_fields() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for other in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(other), "{other:?}");
        }
    }
}

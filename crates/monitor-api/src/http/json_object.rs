//! The body of a request as a JSON object.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use common::service::read_body;
use serde_json::{Map, Value};

use super::api_error::ApiError;
use super::validation::{FieldError, validation_error};

/// Reads the body. As in the replaced system, a body without a media type is JSON, and one of another type is not an object.
pub(super) async fn read_object(request: Request) -> Result<Map<String, Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    if body.is_empty() {
        return Err(invalid(FieldError::missing_body()));
    }
    if !may_be_json(&parts.headers) {
        return Err(invalid(FieldError::not_an_object()));
    }
    let text = std::str::from_utf8(&body)
        .map_err(|_| ApiError::bad_request("There was an error parsing the body"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Err(invalid(FieldError::missing_body())),
        Ok(_) => Err(invalid(FieldError::not_an_object())),
        Err(error) => Err(invalid(FieldError::json_invalid(offset(text, &error)))),
    }
}

fn invalid(error: FieldError) -> ApiError {
    validation_error(&[error]).into()
}

fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let content_type = content_type.to_str().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

/// The number of characters before the error.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let end = if error.is_eof() {
        text.len()
    } else {
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        // Columns count bytes from 1.
        lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
    };
    let before = text.char_indices().take_while(|(index, _)| *index < end).count();
    before - begun_word_length(text.get(..end).unwrap_or_default())
}

/// The length of a misspelled `null`, `true` or `false` at the end of the text: the value is wrong from its first character on.
fn begun_word_length(text: &str) -> usize {
    let before = text.trim_end_matches(|character: char| character.is_ascii_lowercase());
    let word = &text[before.len()..];
    let is_value = before.is_empty() || before.ends_with([' ', '\t', '\r', '\n', ':', ',', '[']);
    let is_begun = ["null", "true", "false"].iter().any(|whole| whole.starts_with(word));
    if is_value && is_begun { word.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::offset;

    #[test]
    fn the_offset_is_the_number_of_characters_before_the_error() {
        for (text, expected) in [
            ("x", 0),
            ("not JSON", 0),
            ("{\"a\": trye}", 6),
            ("[nul", 1),
            ("[\"nul", 5),
            ("{\"a\":}", 5),
            ("{bad}", 1),
            ("{\"a\": 1", 7),
            ("{\"a\": 1} x", 9),
            ("{\"a\":1,}", 7),
            ("{\n\"ä\": x}", 7),
            (" ", 1),
        ] {
            let error = serde_json::from_str::<Value>(text).expect_err("this is not JSON");
            assert_eq!(offset(text, &error), expected, "{text:?}: {error}");
        }
    }
}

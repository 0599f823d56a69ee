//! The body of a request as a JSON object.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use common::service::read_body;

use super::api_error::ApiError;
use super::json_scanner::{self, JsonValue, ScanError};
use super::validation::{FieldError, validation_error};

/// Reads the body. As in the replaced system, a body without a media type is JSON, and one of another type is not an object.
pub(super) async fn read_object(request: Request) -> Result<BTreeMap<String, JsonValue>, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    if body.is_empty() {
        return Err(invalid(FieldError::missing_body()));
    }
    if !may_be_json(&parts.headers) {
        return Err(invalid(FieldError::not_an_object()));
    }
    let unreadable = || ApiError::bad_request("There was an error parsing the body");
    let text = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    match json_scanner::scan(text) {
        Ok(JsonValue::Object(object)) => Ok(object),
        Ok(JsonValue::Null) => Err(invalid(FieldError::missing_body())),
        Ok(_) => Err(invalid(FieldError::not_an_object())),
        Err(ScanError::Invalid(offset)) => Err(invalid(FieldError::json_invalid(offset))),
        Err(ScanError::Limit) => Err(unreadable()),
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

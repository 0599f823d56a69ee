//! Errors of fields, in the form of the framework that the clients are used to.

use common::service::ServiceError;
use serde::Serialize;

use super::error_format::VALIDATION_ERROR;
use crate::domain::definition_rules::{RuleError, TextViolation};

/// A field that is not valid.
#[derive(Debug, Serialize)]
pub(super) struct FieldError {
    field: String,
    message: String,
    #[serde(rename = "type")]
    error_type: &'static str,
}

impl FieldError {
    fn new(field: impl Into<String>, error_type: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), error_type }
    }

    pub(super) fn missing_body() -> Self {
        Self::new("body", "missing", "Field required")
    }

    pub(super) fn not_an_object() -> Self {
        let message = "Input should be a valid dictionary or object to extract fields from";
        Self::new("body", "model_attributes_type", message)
    }

    /// The body is not JSON from this character on.
    pub(super) fn json_invalid(offset: usize) -> Self {
        Self::new(format!("body.{offset}"), "json_invalid", "JSON decode error")
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new(in_body(field), "missing", "Field required")
    }

    pub(super) fn not_text(field: &str) -> Self {
        Self::new(in_body(field), "string_type", "Input should be a valid string")
    }

    /// The text has half of a surrogate pair.
    pub(super) fn not_unicode(field: &str) -> Self {
        let message = "Input should be a valid string, unable to parse raw data as a unicode string";
        Self::new(in_body(field), "string_unicode", message)
    }

    pub(super) fn not_integer(field: &str) -> Self {
        Self::new(in_body(field), "int_type", "Input should be a valid integer")
    }

    pub(super) fn of_text(field: &str, violation: TextViolation) -> Self {
        let (error_type, message) = match violation {
            TextViolation::TooShort(1) => {
                ("string_too_short", "String should have at least 1 character".to_owned())
            }
            TextViolation::TooShort(length) => {
                ("string_too_short", format!("String should have at least {length} characters"))
            }
            TextViolation::TooLong(length) => {
                ("string_too_long", format!("String should have at most {length} characters"))
            }
            TextViolation::Pattern(pattern) => {
                ("string_pattern_mismatch", format!("String should match pattern '{pattern}'"))
            }
        };
        Self::new(in_body(field), error_type, message)
    }

    pub(super) fn of_rule(error: RuleError) -> Self {
        Self::new(error.field(), "value_error", format!("Value error, {error}"))
    }
}

/// The error of a request with these errors of fields, of which there is at least one. Its message is about the first one.
pub(super) fn validation_error(errors: &[FieldError]) -> ServiceError {
    let Some(first) = errors.first() else {
        return ServiceError::internal("a validation failed without an error of a field");
    };
    let message = format!("Validation failed for field '{}': {}", first.field, first.message);
    ServiceError::new(VALIDATION_ERROR, message)
        .with_extension("field", &first.field)
        .with_extension("error_type", first.error_type)
        .with_extension("errors", errors)
}

fn in_body(field: &str) -> String {
    format!("body.{field}")
}

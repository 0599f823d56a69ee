//! The bodies of requests about definitions.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use utoipa::ToSchema;

use super::api_error::ApiError;
use super::json_object::read_object;
use super::json_scanner::JsonValue;
use super::validation::{FieldError, validation_error};
use crate::domain::definition::{DefinitionChanges, NewDefinition};
use crate::domain::definition_rules::{DESCRIPTION, OWNER, SERVICE_NAME, TextRule, VERSION};

/// A revision that no definition has.
const NO_REVISION: u64 = u64::MAX;

/// The body of a request that creates a definition.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the OpenAPI document needs the fields")]
#[schema(as = NewService)]
pub(super) struct NewServiceDocument {
    /// The service's name, without consecutive hyphens.
    #[schema(min_length = 3, max_length = 64, pattern = "^[a-z](-?[a-z0-9])+$", example = "risk-engine")]
    service_name: String,
    /// Who is responsible for the service.
    #[schema(min_length = 1, max_length = 100, example = "trading")]
    owner: String,
    /// What the service does.
    #[schema(min_length = 1, max_length = 500, example = "Checks the limits of orders")]
    description: String,
    /// The version, whose parts have no leading zeros.
    #[schema(pattern = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$", example = "1.0.0")]
    version: String,
}

/// The body of a request that changes a definition: at least one field beside `revision`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the OpenAPI document needs the fields")]
#[schema(as = ServiceChanges)]
pub(super) struct ServiceChangesDocument {
    /// Who is responsible for the service.
    #[schema(min_length = 1, max_length = 100)]
    owner: Option<String>,
    /// What the service does.
    #[schema(min_length = 1, max_length = 500)]
    description: Option<String>,
    /// The version, whose parts have no leading zeros.
    #[schema(pattern = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
    version: Option<String>,
    /// The revision that the definition must have.
    revision: Option<i64>,
}

/// A request that creates a definition.
pub(super) struct CreateRequest(pub(super) NewDefinition);

/// A request that changes a definition.
pub(super) struct ChangeRequest {
    pub(super) changes: DefinitionChanges,
    pub(super) expected_revision: Option<u64>,
}

/// Reads fields and collects their errors in the order of reading.
struct FieldReader {
    object: BTreeMap<String, JsonValue>,
    errors: Vec<FieldError>,
}

impl FieldReader {
    async fn new(request: Request) -> Result<Self, ApiError> {
        Ok(Self { object: read_object(request).await?, errors: Vec::new() })
    }

    fn required_text(&mut self, rule: &TextRule) -> String {
        match self.object.remove(rule.field) {
            Some(value) => self.text(rule, value),
            None => {
                self.errors.push(FieldError::missing(rule.field));
                String::new()
            }
        }
    }

    fn optional_text(&mut self, rule: &TextRule) -> Option<String> {
        let value = self.object.remove(rule.field).filter(|value| *value != JsonValue::Null)?;
        Some(self.text(rule, value))
    }

    fn text(&mut self, rule: &TextRule, value: JsonValue) -> String {
        let text = match value {
            JsonValue::Text(text) => text,
            JsonValue::InvalidText => {
                self.errors.push(FieldError::not_unicode(rule.field));
                return String::new();
            }
            _ => {
                self.errors.push(FieldError::not_text(rule.field));
                return String::new();
            }
        };
        self.errors.extend(rule.violation(&text).map(|violation| FieldError::of_text(rule.field, violation)));
        text
    }

    fn optional_revision(&mut self, field: &'static str) -> Option<u64> {
        match self.object.remove(field)? {
            JsonValue::Null => None,
            // Revisions begin at 1. NATS takes 0 for a key that does not exist.
            JsonValue::Integer(number) => {
                Some(number.filter(|revision| *revision > 0).unwrap_or(NO_REVISION))
            }
            _ => {
                self.errors.push(FieldError::not_integer(field));
                None
            }
        }
    }

    fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(validation_error(&self.errors).into()) }
    }
}

impl<S: Send + Sync> FromRequest<S> for CreateRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let mut fields = FieldReader::new(request).await?;
        let definition = NewDefinition {
            service_name: fields.required_text(&SERVICE_NAME),
            owner: fields.required_text(&OWNER),
            description: fields.required_text(&DESCRIPTION),
            version: fields.required_text(&VERSION),
        };
        fields.finish()?;
        Ok(Self(definition))
    }
}

impl<S: Send + Sync> FromRequest<S> for ChangeRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let mut fields = FieldReader::new(request).await?;
        let changes = DefinitionChanges {
            owner: fields.optional_text(&OWNER),
            description: fields.optional_text(&DESCRIPTION),
            version: fields.optional_text(&VERSION),
        };
        let expected_revision = fields.optional_revision("revision");
        fields.finish()?;
        if changes == DefinitionChanges::default() {
            return Err(ApiError::bad_request("No fields to update"));
        }
        Ok(Self { changes, expected_revision })
    }
}

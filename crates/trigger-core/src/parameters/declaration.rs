//! The declaration of one parameter.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The maximum length of a value, in characters.
const MAX_VALUE_LENGTH: usize = 4096;
/// The only `format` that is checked.
const DATE: &str = "date";

/// A JSON Schema of a string, with the members `required` and `container` in addition. Other keywords are errors, because a
/// rule that is not checked would be misleading.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Declaration {
    #[serde(rename = "type", default = "string_type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<String>,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    min_length: usize,
    #[serde(default = "max_value_length")]
    max_length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    examples: Option<Vec<String>>,
    #[serde(skip_serializing)]
    pub(super) default: Option<String>,
    /// Whether a request must set the value. Scheduled runs have the template's value.
    #[serde(default, skip_serializing)]
    pub(super) required: bool,
    /// The container, if several have the variable.
    #[serde(skip_serializing)]
    pub(super) container: Option<String>,
}

fn string_type() -> String {
    "string".to_owned()
}

fn max_value_length() -> usize {
    MAX_VALUE_LENGTH
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Declaration {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // serde would read the members of an array in the order of the fields.
        if !text.trim_start().starts_with('{') {
            return Err("it is not a JSON Schema of a string: it is not an object".to_owned());
        }
        let declaration: Self = serde_json::from_str(text)
            .map_err(|error| format!("it is not a JSON Schema of a string: {error}"))?;
        // The admission policy finds this member in the text.
        if declaration.container.is_some() && !text.contains("\"container\"") {
            return Err("the name container must be written without escapes".to_owned());
        }
        if declaration.kind != "string" {
            return Err("type must be string".to_owned());
        }
        if declaration.format.as_deref().is_some_and(|format| format != DATE) {
            return Err(format!("format must be {DATE}; use pattern for other formats"));
        }
        if declaration.choices.as_ref().is_some_and(Vec::is_empty) {
            return Err("enum is empty".to_owned());
        }
        if declaration.max_length > MAX_VALUE_LENGTH {
            return Err(format!("maxLength is larger than {MAX_VALUE_LENGTH}"));
        }
        if declaration.min_length > declaration.max_length {
            return Err("minLength is larger than maxLength".to_owned());
        }
        Ok(declaration)
    }

    /// Checks a value, except for the pattern.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        let length = value.chars().count();
        if length > self.max_length {
            return Err(format!("must have at most {} characters", self.max_length));
        }
        if length < self.min_length {
            return Err(format!("must have at least {} characters", self.min_length));
        }
        if value.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
            return Err("must not have control characters".to_owned());
        }
        if let Some(choices) =
            self.choices.as_ref().filter(|choices| !choices.iter().any(|choice| choice == value))
        {
            return Err(format!("must be one of {}", choices.join(", ")));
        }
        if self.format.is_some() && !is_date(value) {
            return Err("must be a day that exists, written YYYY-MM-DD".to_owned());
        }
        Ok(())
    }

    /// The schema for callers. Its default is the template's value, which applies when no value is set.
    pub(super) fn schema(&self, template_value: &str) -> Value {
        let mut schema = json!(self);
        if !template_value.is_empty() {
            schema["default"] = json!(template_value);
        }
        schema
    }
}

fn is_date(value: &str) -> bool {
    value.len() == "YYYY-MM-DD".len() && value.parse::<Date>().is_ok_and(|date| date.year() > 0)
}

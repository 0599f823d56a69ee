//! The body of a request that starts a run of a task on the task's own route.

use common::service::ServiceError;
use serde_json::Value;
use trigger_core::task::TaskDefinition;

use crate::http::body::{StartBody, UniqueMembers, checked_reason};

/// The body of these routes has the parameters beside the reason, where `/v1` has them in a member of their own.
pub(super) fn start_body(
    task: &TaskDefinition,
    UniqueMembers(mut body): UniqueMembers,
) -> Result<StartBody, ServiceError> {
    let reason = match body.remove("reason") {
        None | Some(Value::Null) => None,
        Some(Value::String(reason)) => Some(reason),
        Some(_) => return Err(invalid_body("reason must be a string")),
    };
    let schemas = (task.parameters)();
    for (name, value) in &body {
        let Some(schema) = schemas.get(name) else {
            let known: Vec<&str> = schemas.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return Err(invalid_body(&format!("there is no parameter {name}; the parameters are {known}")));
        };
        if !has_type(value, &schema["type"]) {
            return Err(invalid_body(&format!("{name} has the wrong type; see /openapi.json")));
        }
    }
    body.retain(|_, value| !value.is_null());
    Ok(StartBody { reason: checked_reason(reason)?, parameters: UniqueMembers(body) })
}

fn invalid_body(problem: &str) -> ServiceError {
    ServiceError::bad_request(format!("The body can't be used: {problem}."))
}

/// Whether a value has the type, or one of the types, of a JSON Schema. The task itself checks everything else.
fn has_type(value: &Value, types: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        // Whether a number is whole is a rule of the task: JSON has only one type of numbers.
        "integer" | "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

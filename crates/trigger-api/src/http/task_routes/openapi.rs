//! The OpenAPI descriptions of the routes of tasks.

use serde_json::{Value, json};
use trigger_core::request::MAX_REASON_LENGTH;
use trigger_core::task::{TaskDefinition, TaskRoutes};
use utoipa::openapi::path::{HttpMethod, Operation, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{PathItem, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::documents::{TaskStarted, TaskStatus};

/// The schemas that the routes refer to.
pub(super) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![
        (TaskStarted::name().into_owned(), TaskStarted::schema()),
        (TaskStatus::name().into_owned(), TaskStatus::schema()),
    ];
    TaskStarted::schemas(&mut schemas);
    TaskStatus::schemas(&mut schemas);
    schemas
}

/// The route that starts a run.
pub(super) fn start_path(task: &TaskDefinition, routes: &TaskRoutes) -> Paths {
    let mut properties = (task.parameters)();
    properties.insert(
        "reason".to_owned(),
        json!({
            "type": ["string", "null"],
            "description": "Why the run is started; stored in the history.",
            "maxLength": MAX_REASON_LENGTH,
            "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]*$",
        }),
    );
    let body = json!({ "oneOf": [
        { "type": "null" },
        { "type": "object", "additionalProperties": false, "properties": properties },
    ] });
    let operation = json!({
        "tags": [routes.tag],
        "operationId": routes.start.operation,
        "summary": routes.start.summary,
        "description": format!(
            "Queues a run of the task `{}`. It always requires an administrator's credential. A repetition with the same \
             `Idempotency-Key` finds the first run.",
            task.name
        ),
        "parameters": [
            {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "A repetition with the same key finds the first run",
                "schema": { "type": "string" },
            },
            {
                "name": "Prefer", "in": "header", "required": false,
                "description": "`wait=N`: answer when the run has ended, or after N seconds, at most 60",
                "schema": { "type": "string" }, "example": "wait=10",
            },
        ],
        "requestBody": { "content": { "application/json": { "schema": body } } },
        "responses": {
            "202": {
                "description": "The run was queued or found",
                "headers": {
                    "Location": { "description": "The status of the run", "schema": { "type": "string" } },
                    "Retry-After": {
                        "description": "When to poll, in seconds",
                        "schema": { "type": "integer", "format": "int32", "minimum": 0 },
                    },
                },
                "content": { "application/json": { "schema": reference(&TaskStarted::name()) } },
            },
            "404": problem("The task is not configured"),
        },
    });
    paths(routes.start.path, HttpMethod::Post, operation)
}

/// The route that returns the state of a run.
pub(super) fn status_path(routes: &TaskRoutes) -> Paths {
    let operation = json!({
        "tags": [routes.tag],
        "operationId": routes.status.operation,
        "summary": routes.status.summary,
        "description":
            "The state of a run and its result: JSON, or a page for people if `Accept` prefers `text/html`. It always requires an \
             administrator's credential; `/v1/runs/{run}` returns the state of the same run to every caller.",
        "parameters": [
            {
                "name": "run_id", "in": "path", "required": true,
                "description": "The run's id", "schema": { "type": "string" },
            },
        ],
        "responses": {
            "200": {
                "description": "The state of the run",
                "content": {
                    "application/json": { "schema": reference(&TaskStatus::name()) },
                    "text/html": { "schema": { "type": "string" } },
                },
            },
            "404": problem("There is no such run"),
            "406": problem("Neither JSON nor HTML is accepted"),
        },
    });
    paths(&format!("{}/{{run_id}}", routes.status.path), HttpMethod::Get, operation)
}

fn paths(path: &str, method: HttpMethod, operation: Value) -> Paths {
    let operation: Operation = serde_json::from_value(operation).expect("the literal is an operation");
    let mut paths = Paths::new();
    paths.paths.insert(path.to_owned(), PathItem::new(method, operation));
    paths
}

fn problem(description: &str) -> Value {
    let content = json!({ "application/problem+json": { "schema": reference("Problem") } });
    json!({ "description": description, "content": content })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

//! The OpenAPI document, made from the routes themselves.

use std::sync::Arc;

use axum::http::header;
use axum::routing::{MethodRouter, get};
use trigger_core::task::TaskDefinition;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    SecurityRequirement,
};

use super::admin_health::ADMIN_TAG;
use super::list_query::{self, TARGET_PATTERN};

/// The problems of every protected route.
const COMMON_PROBLEMS: [(&str, &str); 8] = [
    ("400", "The request can't be read"),
    ("401", "A credential is missing or not valid"),
    ("403", "The caller may not do this"),
    ("429", "The caller sends too many requests"),
    ("500", "A fault of trigger-api"),
    ("502", "The cluster failed, or rejected the Job"),
    (
        "503",
        "The cluster or the history is unavailable, the credential can't be checked, or a limit is reached",
    ),
    ("504", "The cluster did not answer in time"),
];
/// The additional problems of a route that starts a run, or previews it.
const START_PROBLEMS: [(&str, &str); 5] = [
    ("408", "The body took too long to arrive"),
    ("409", "Another run is in progress, or the target is suspended"),
    ("413", "The body is too large"),
    ("415", "The body is not JSON"),
    ("422", "The Idempotency-Key was used for another request, or the target does not accept the parameters"),
];

/// The route that serves the document.
pub(super) fn route(document: Arc<str>) -> MethodRouter {
    get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) })
}

/// Get this document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "probes", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json")),
)]
#[expect(dead_code, reason = "the route is made by `route`; this describes it")]
fn openapi() {}

/// The description of [`route`].
pub(super) fn own_route() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(openapi))]
    struct OwnRoute;
    OwnRoute::openapi()
}

/// Adds what all routes have in common. The routes of tasks are for administrators.
pub(super) fn complete(mut document: OpenApi, tasks: &[&'static TaskDefinition]) -> OpenApi {
    let tags_of_tasks = tasks.iter().filter_map(|task| Some(task.routes.as_ref()?.tag));
    let admin_tags: Vec<&str> = tags_of_tasks.chain([ADMIN_TAG]).collect();
    document.info = InfoBuilder::new()
        .title("trigger-api")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Starts the same Job that a CronJob would start, follows it and stores its history; and executes tasks, such as the \
             portfolio analysis. On every route that needs a credential, a caller of TRUSTED_CALLERS may send `X-On-Behalf-Of` with \
             the name of a person.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    for (route, path) in &mut document.paths.paths {
        for (operation, reads, starts) in operations(path) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter
                    && let Some(schema) = schema_of(route, &parameter.name)
                {
                    parameter.schema = Some(RefOr::T(schema));
                }
            }
            if operation.security.is_none() {
                add_problems(operation, &COMMON_PROBLEMS);
                let is_admin = operation.tags.iter().flatten().any(|tag| admin_tags.contains(&tag.as_str()));
                operation.security = Some(requirements(is_admin, reads));
            }
            if starts {
                add_problems(operation, &START_PROBLEMS);
            }
        }
    }
    let components = document.components.get_or_insert_with(Components::default);
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    document
}

/// What the macros can't express: the pattern of a parameter, and that it may be absent but not null.
fn schema_of(route: &str, parameter: &str) -> Option<Schema> {
    if route == "/v1/runs" {
        return list_query::schema_of(parameter);
    }
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let schema = match parameter {
        "target" => text().pattern(Some(TARGET_PATTERN)),
        // A quoted string (RFC 8941) is accepted as well.
        "Idempotency-Key" => text().pattern(Some("^[!#-~]([ !#-~]{0,253}[!#-~])?$")),
        "Last-Event-ID" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0)),
        "Prefer" => text(),
        _ => return None,
    };
    Some(Schema::Object(schema.build()))
}

/// The operations of a path, whether they only read, and whether they start a run.
fn operations(path: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool, bool)> {
    let PathItem { get, post, delete, .. } = path;
    let operations = [(get, true, false), (delete, false, false), (post, false, true)];
    operations.into_iter().filter_map(|(operation, reads, starts)| Some((operation.as_mut()?, reads, starts)))
}

fn add_problems(operation: &mut Operation, problems: &[(&str, &str)]) {
    for (status, description) in problems {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(*description).content("application/problem+json", content);
        operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| response.build().into());
    }
}

/// The credentials of a route: one of these, or none if none is configured. A route for administrators always needs one.
fn requirements(admin: bool, reads: bool) -> Vec<SecurityRequirement> {
    let one = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let credentials =
        [("internalToken", !admin), ("adminSecret", true), ("bearer", true), ("readToken", reads && !admin)];
    let sufficient = credentials.into_iter().filter(|(_, suffices)| *suffices).map(|(name, _)| one(name));
    sufficient.chain((!admin).then(SecurityRequirement::default)).collect()
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    [
        ("readToken", header("X-Read-Token")),
        ("internalToken", header("X-Internal-Token")),
        ("adminSecret", header("X-Admin-Secret")),
        (
            "bearer",
            SecurityScheme::Http(
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
            ),
        ),
    ]
}

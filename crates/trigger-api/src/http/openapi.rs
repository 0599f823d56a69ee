//! The OpenAPI document, made from the routes themselves.

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderName, header};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;

use super::Api;

/// The tag of routes that are for administrators alone.
const ADMIN_TAG: &str = "portfolio";

static DOCUMENT: LazyLock<String> = LazyLock::new(super::openapi_json);

/// What a guarded route may answer besides what is its own, and why.
const COMMON_PROBLEMS: [(&str, &str); 8] = [
    ("400", "The request can't be read"),
    ("401", "A credential is missing or not valid"),
    ("403", "The caller may not do this"),
    ("429", "The caller sends too many requests"),
    ("500", "A fault of trigger-api"),
    ("502", "The cluster failed, or refused the Job"),
    ("503", "The cluster, the history or the credential can't be reached, or there is too much to do"),
    ("504", "The cluster did not answer in time"),
];
/// What a route that starts a run may answer as well.
const START_PROBLEMS: [(&str, &str); 5] = [
    ("408", "The body took too long to arrive"),
    ("409", "Another run goes on, or the target is suspended"),
    ("413", "The body is too large"),
    ("415", "The body is not JSON"),
    ("422", "The Idempotency-Key was used for another request, or the target does not take the parameters"),
];

/// Read this document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "probes", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json")),
)]
pub(super) async fn openapi() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The routes' document with what they have in common.
pub(super) fn described(routes: OpenApiRouter<Arc<Api>>) -> OpenApi {
    let mut document = routes.into_openapi();
    document.info = InfoBuilder::new()
        .title("trigger-api")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Starts the very Job a CronJob would start, follows it and remembers it; and does tasks of its own, such as the \
             portfolio analysis.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    for path in document.paths.paths.values_mut() {
        for (operation, starts) in operations(path) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter
                    && let Some(schema) = schema_of(&parameter.name)
                {
                    parameter.schema = Some(schema.into());
                }
            }
            if operation.security.is_none() {
                add_problems(operation, &COMMON_PROBLEMS);
                operation.security =
                    Some(requirements(operation.tags.iter().flatten().any(|tag| tag == ADMIN_TAG)));
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

/// What the macros can't say of parameters: which texts are taken, and that one may be left out but is never null.
fn schema_of(parameter: &str) -> Option<Object> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let schema = match parameter {
        "target" => text().pattern(Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")),
        // Also a string in quotes of RFC 8941, which a client may need and a reader of the document does not.
        "Idempotency-Key" => text().pattern(Some("^[!#-~]([ !#-~]{0,253}[!#-~])?$")),
        "Last-Event-ID" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0)),
        "Prefer" => text(),
        _ => return None,
    };
    Some(schema.build())
}

/// The operations of a path, and whether they start a run.
fn operations(path: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let PathItem { get, post, delete, .. } = path;
    let plain = [get, delete].into_iter().flatten().map(|operation| (operation, false));
    plain.chain(post.iter_mut().map(|operation| (operation, true)))
}

fn add_problems(operation: &mut Operation, problems: &[(&str, &str)]) {
    for (status, description) in problems {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(*description).content("application/problem+json", content);
        operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| response.build().into());
    }
}

/// One of these, or none where no credential is configured; an administrator's always.
fn requirements(admin: bool) -> Vec<SecurityRequirement> {
    let one = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    if admin {
        return vec![one("adminSecret"), one("bearer")];
    }
    vec![one("internalToken"), one("adminSecret"), one("bearer"), SecurityRequirement::default()]
}

fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    [
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

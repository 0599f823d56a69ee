//! The OpenAPI document, made from the routes themselves, and the routes that serve it.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use registry_client::instance::InstanceStatus;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, KnownFormat, LicenseBuilder, Object, ObjectBuilder, OpenApi,
    PathItem, Ref, RefOr, ResponseBuilder, SchemaFormat, SecurityRequirement, Type,
};

use super::docs_page;
use super::instances::STATUSES;

/// The errors of every protected route.
const COMMON_ERRORS: [(&str, &str); 6] = [
    ("400", "The request can't be read"),
    ("401", "A credential is missing or not valid"),
    ("403", "The caller may not do this"),
    ("429", "The caller sends too many requests"),
    ("500", "A fault of monitor-api, or of the store"),
    ("503", "NATS is unavailable, the credential can't be checked, or a limit is reached"),
];
/// The additional errors of a route with a body.
const BODY_ERRORS: [(&str, &str); 2] =
    [("408", "The body took too long to arrive"), ("413", "The body is too large")];

/// The routes that serve the document and its page.
pub(super) fn routes(document: &OpenApi, json: String) -> Router {
    let (json, page): (Arc<str>, Arc<str>) = (json.into(), docs_page::render(document).into());
    let json_route =
        get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json.to_string()) });
    let page_headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    let page_route = get(move || async move { (page_headers, page.to_string()) });
    Router::new().route("/openapi.json", json_route).route("/docs", page_route)
}

/// Get this document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "documentation", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json")),
)]
#[expect(dead_code, reason = "the route is made by `routes`; this describes it")]
fn openapi() {}

/// Read the documentation
#[utoipa::path(
    get, path = "/docs", operation_id = "docs", tag = "documentation", security(()),
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
#[expect(dead_code, reason = "the route is made by `routes`; this describes it")]
fn docs() {}

/// The description of [`routes`].
pub(super) fn own_routes() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(docs, openapi))]
    struct OwnRoutes;
    OwnRoutes::openapi()
}

/// Adds what all routes have in common.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("monitor-api")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Serves the registry of the stack's services, and reports the true state of NATS. Reads have the headers `Age` \
             and `tradeops-state: live|stale`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    for item in document.paths.paths.values_mut() {
        let PathItem { get, post, put, delete, .. } = item;
        if let Some(operation) = get {
            complete_operation(operation, &[], true);
        }
        if let Some(operation) = delete {
            complete_operation(operation, &[], false);
        }
        for operation in [post, put].into_iter().flatten() {
            complete_operation(operation, &BODY_ERRORS, false);
        }
    }
    let components = document.components.get_or_insert_with(Components::default);
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    document
}

fn complete_operation(operation: &mut Operation, body_errors: &[(&str, &str)], reads: bool) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = schema_of(&parameter.name)
        {
            parameter.schema = Some(schema.into());
        }
    }
    if operation.security.is_some() {
        return;
    }
    for (status, description) in COMMON_ERRORS.iter().chain(body_errors) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorDocument"))).build();
        let response = ResponseBuilder::new().description(*description).content("application/json", content);
        operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| response.build().into());
    }
    let one = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let mut requirements = vec![one("internalToken"), one("adminSecret"), one("bearer")];
    requirements.extend(reads.then(|| one("readToken")));
    // None, if none is configured.
    requirements.push(SecurityRequirement::default());
    operation.security = Some(requirements);
}

/// What the macros can't express: the values of a parameter, and that it may be absent but not null.
fn schema_of(parameter: &str) -> Option<Object> {
    let schema = match parameter {
        "status" => ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(STATUSES.map(InstanceStatus::as_str))),
        "Last-Event-ID" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0)),
        _ => return None,
    };
    Some(schema.build())
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    [
        ("readToken", header("X-Read-Token")),
        ("internalToken", header("X-Internal-Token")),
        ("adminSecret", header("X-Admin-Secret")),
        ("bearer", SecurityScheme::Http(bearer)),
    ]
}

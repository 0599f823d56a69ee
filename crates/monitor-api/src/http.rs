//! The HTTP interface, as the clients of the replaced system know it.
//!
//! [`common::service`] has all other parts of the service. Handlers read from the cache and write through
//! [`Definitions`](crate::domain::definitions::Definitions); none of them waits for NATS, except writes and
//! `/health/detailed`.

pub mod api;
pub mod metrics;

mod answers;
mod api_error;
mod definition_bodies;
mod docs_page;
mod error_format;
mod events;
mod health;
mod instance_document;
mod instances;
mod json_object;
mod json_scanner;
mod openapi;
mod registry_report;
mod routing;
mod services;
mod validation;
mod writing;

use std::sync::Arc;

use axum::middleware::from_fn;
use common::service::{ServiceRoutes, probe_routes};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::api::Api;
pub use self::error_format::format_error;
pub use self::routing::with_normalized_paths;

/// The probes that the service has beside those of every service.
pub const PROBES: &[&str] = &["/", "/health", "/ready"];

/// All routes.
pub fn service_routes(api: &Arc<Api>) -> ServiceRoutes {
    let document = document();
    let (open, _) = open_routes().with_state(Arc::clone(api)).split_for_parts();
    let protected = protected_routes().layer(from_fn(writing::deny_readers));
    let (protected, _) = protected.with_state(Arc::clone(api)).split_for_parts();
    let documentation = openapi::routes(&document, to_json(&document));
    ServiceRoutes {
        open: open.merge(documentation).merge(routing::fallback_routes(&own_document())),
        protected,
    }
}

/// The OpenAPI document of the routes.
pub fn openapi_json() -> String {
    to_json(&document())
}

fn document() -> OpenApi {
    let mut document = own_document();
    document.merge(probe_routes().into_openapi());
    openapi::complete(document)
}

fn own_document() -> OpenApi {
    let mut document = open_routes().into_openapi();
    document.merge(protected_routes().into_openapi());
    document.merge(openapi::own_routes());
    document.merge(events::data_schemas());
    document
}

fn to_json(document: &OpenApi) -> String {
    document.to_pretty_json().expect("an OpenAPI document is JSON")
}

/// The routes that need no credential.
fn open_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(health::welcome))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
}

/// The routes that need a credential as soon as one is configured. Each valid credential has at least the role of the
/// platform's services, which may write.
fn protected_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(health::status))
        .routes(routes!(health::detailed))
        .routes(routes!(instances::list))
        .routes(routes!(instances::list_of_service))
        .routes(routes!(instances::get))
        .routes(routes!(instances::list_by_status))
        .routes(routes!(instances::summary))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::get, services::update, services::delete))
        .routes(routes!(services::get_revision))
        .routes(routes!(events::follow))
        .routes(routes!(registry_report::get))
}

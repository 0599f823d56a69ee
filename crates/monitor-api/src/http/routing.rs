//! Routing errors as in the replaced system: 405 also for HEAD, and redirects of paths with a trailing slash.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use common::service::{ProblemKind, ServiceError, trailing_slash_redirects};
use utoipa::openapi::{OpenApi, PathItem};

/// For every path of the document: the response to other methods, and the redirect from the path with a trailing slash.
pub(super) fn fallback_routes(document: &OpenApi) -> Router {
    let mut router = trailing_slash_redirects(document);
    for (path, item) in &document.paths.paths {
        let allowed = allowed_methods(item);
        let refuse = move || std::future::ready(method_not_allowed(&allowed));
        // Without a handler of its own, HEAD would be answered by that of GET.
        router = router.route(path, MethodRouter::new().head(refuse.clone()).fallback(refuse));
    }
    router
}

fn allowed_methods(item: &PathItem) -> String {
    let methods = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
    let present = methods.into_iter().filter(|(_, operation)| operation.is_some());
    present.map(|(method, _)| method).collect::<Vec<_>>().join(", ")
}

fn method_not_allowed(allowed: &str) -> impl IntoResponse + use<> {
    let error = ServiceError::new(ProblemKind::METHOD_NOT_ALLOWED, "The route does not support this method.");
    ([(header::ALLOW, allowed.to_owned())], error)
}

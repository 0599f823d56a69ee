//! Redirects of paths with a trailing slash to the path without it, as the replaced systems answer them.

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::any;
use utoipa::openapi::OpenApi;

/// A redirect for every path of the document, for all methods: the status 307 keeps the method and the body.
pub fn trailing_slash_redirects(document: &OpenApi) -> Router {
    let paths = document.paths.paths.keys().filter(|path| *path != "/");
    paths.fold(Router::new(), |router, path| router.route(&format!("{path}/"), any(redirect)))
}

/// The location is relative to the host: the service does not know under which address a proxy serves it.
async fn redirect(uri: Uri) -> impl IntoResponse {
    let path = uri.path().trim_end_matches('/');
    let location = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)])
}

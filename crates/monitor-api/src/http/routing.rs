//! Routing as in the replaced system: escapes in paths do not matter, paths with trailing slashes are redirected, and HEAD is
//! a wrong method.

use axum::extract::Request;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use axum::{Router, middleware};
use common::service::{ProblemKind, ServiceError, trailing_slash_redirects};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use utoipa::openapi::{OpenApi, PathItem};

/// What is escaped in a segment of a path (RFC 3986).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The router behind a layer that normalizes the paths of requests. A layer of the router itself would run after it has
/// matched the path.
pub fn with_normalized_paths(router: Router) -> Router {
    let normalize = middleware::map_request(|mut request: Request| {
        if let Some(uri) = with_normalized_path(request.uri()) {
            *request.uri_mut() = uri;
        }
        std::future::ready(request)
    });
    Router::new().fallback_service(router).layer(normalize)
}

/// None if the path is normalized already.
fn with_normalized_path(uri: &Uri) -> Option<Uri> {
    let path = normalized(uri.path());
    if path == uri.path() {
        return None;
    }
    let target = uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The path with one form of escapes and at most one trailing slash. Bytes that are not UTF-8 become U+FFFD. An escaped slash
/// stays part of its segment.
fn normalized(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { path } else { path.get(..=trimmed.len()).unwrap_or(path) };
    let segments = path.split('/').map(|segment| {
        let decoded = percent_decode_str(segment).decode_utf8_lossy();
        utf8_percent_encode(&decoded, &ESCAPED).to_string()
    });
    segments.collect::<Vec<_>>().join("/")
}

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

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn equivalent_paths_have_one_form() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "//"),
            ("/health", "/health"),
            ("/health/", "/health/"),
            ("/health///", "/health/"),
            ("/api//instances", "/api//instances"),
            ("/%61pi/%69nstances", "/api/instances"),
            ("/a%2fb/%C3%a4 ", "/a%2Fb/%C3%A4%20"),
            ("/%ff%3F%zz", "/%EF%BF%BD%3F%25zz"),
            ("*", "*"),
        ] {
            assert_eq!(normalized(path), expected, "{path}");
            assert_eq!(normalized(expected), expected);
        }
    }
}

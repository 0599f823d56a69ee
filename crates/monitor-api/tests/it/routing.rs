//! Unknown routes, wrong methods and trailing slashes.

use crate::support::TestApi;

const NOT_FOUND: &str = "{\"detail\":\"Not Found\"}";
const METHOD_NOT_ALLOWED: &str = "{\"detail\":\"Method Not Allowed\"}";

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let api = TestApi::live().await;
    for path in ["/none", "/api", "/api/", "/api/instances/a/b/c", "/sdk/services", "//", "/API/services"] {
        for method in ["GET", "POST", "HEAD", "DELETE"] {
            api.request(method, path).await.is(404, if method == "HEAD" { "" } else { NOT_FOUND });
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_methods_of_the_route() {
    let api = TestApi::live().await;
    for (path, allowed, methods) in [
        ("/", "GET", &["HEAD", "POST", "OPTIONS"][..]),
        ("/health", "GET", &["HEAD", "DELETE"]),
        ("/ready", "GET", &["HEAD", "PUT"]),
        ("/docs", "GET", &["HEAD", "POST"]),
        ("/openapi.json", "GET", &["HEAD", "POST"]),
        ("/api/instances", "GET", &["HEAD", "POST", "OPTIONS", "PATCH"]),
        ("/api/instances/risk/1", "GET", &["HEAD", "DELETE"]),
        ("/api/services", "GET, POST", &["HEAD", "PUT", "DELETE"]),
        ("/api/services/risk-engine", "GET, PUT, DELETE", &["HEAD", "POST", "PATCH"]),
        ("/api/events", "GET", &["HEAD", "POST"]),
    ] {
        for method in methods {
            let response = api.request(method, path).await;
            response.is(405, if *method == "HEAD" { "" } else { METHOD_NOT_ALLOWED });
            assert_eq!(response.header("allow"), Some(allowed), "{method} {path}");
            assert_eq!(response.headers.get_all("allow").iter().count(), 1);
        }
    }
}

#[tokio::test]
async fn a_trailing_slash_is_redirected_to_the_route_without_it() {
    let api = TestApi::live().await;
    for (path, location) in [
        ("/health/", "/health"),
        ("/api/instances/", "/api/instances"),
        ("/health///", "/health"),
        ("/api/instances//", "/api/instances"),
        ("/api/instances/risk%20engine/", "/api/instances/risk%20engine"),
        ("/api/services/risk-engine/revision/?a=1&b=%2F", "/api/services/risk-engine/revision?a=1&b=%2F"),
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let response = api.request(method, path).await;
            response.is(307, "");
            assert_eq!(response.header("location"), Some(location));
        }
    }
}

#[tokio::test]
async fn equivalent_paths_reach_the_same_route() {
    let api = TestApi::live().await;
    let instance = api.register("risk", "1", "ACTIVE", 0);
    for path in ["/%61pi/instances", "/api/instances/%72isk", "/api/instances?a=%61"] {
        api.get(path).await.is(200, &format!("[{instance}]"));
    }
    for (segment, name) in [("%ff", "\u{fffd}"), ("a%zz", "a%zz"), ("a%2Fb", "a/b"), ("%C3%A4", "ä")] {
        let details = serde_json::json!({ "service_name": name });
        let response = api.get(&format!("/api/services/{segment}")).await;
        response.is_error(404, "SERVICE_NOT_FOUND", &format!("Service '{name}' not found"), &details);
    }
}

#[tokio::test]
async fn responses_have_no_cors_headers() {
    let api = TestApi::live().await;
    let mut request = crate::support::request("GET", "/api/instances", axum::body::Body::empty());
    request.headers_mut().insert("origin", "https://console.test".parse().unwrap());
    let response = api.send(request).await;
    assert!(!response.headers.keys().any(|name| name.as_str().starts_with("access-control")));
}

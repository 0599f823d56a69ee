//! Kubernetes objects as JSON with all their fields.

use axum::http::{Method, Request};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use serde_json::Value;
use testkit::cluster::Namespace;

/// Sends a request to the API server.
pub(crate) async fn call(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, Status> {
    let method: Method = method.parse().expect("a method");
    let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header("content-type", kind).body(body);
    match client.request::<Value>(request.expect("a request")).await {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(*status),
        Err(other) => panic!("{path}: {other}"),
    }
}

/// The path of a resource of the namespace; `what` is for example `jobs` or `jobs/NAME`.
pub(crate) fn path(namespace: &Namespace, what: &str) -> String {
    let group = match what.split('/').next() {
        Some("jobs" | "cronjobs") => "apis/batch/v1",
        _ => "api/v1",
    };
    format!("/{group}/namespaces/{}/{what}", namespace.name)
}

/// An object of the namespace, which must exist.
pub(crate) async fn get(namespace: &Namespace, what: &str) -> Value {
    let found = call(&namespace.client, "GET", &path(namespace, what), None).await;
    found.unwrap_or_else(|status| panic!("{what}: {status:?}"))
}

/// Applies a merge patch to an object.
pub(crate) async fn patch(namespace: &Namespace, what: &str, change: &Value) {
    let patched = call(&namespace.client, "PATCH", &path(namespace, what), Some(change)).await;
    patched.unwrap_or_else(|status| panic!("{what}: {status:?}"));
}

/// A client with the token of a ServiceAccount.
pub(crate) async fn client_of(namespace: &Namespace, account: &str) -> Client {
    let path = namespace.kubeconfig_of(account, None).await;
    let file = Kubeconfig::read_from(path).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    let mut config = config.expect("a usable kubeconfig");
    config.default_retry = false;
    Client::try_from(config).expect("a usable kubeconfig")
}

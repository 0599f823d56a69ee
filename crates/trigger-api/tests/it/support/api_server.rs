//! A proxy in front of the API server that injects faults of networks and servers.
//!
//! trigger-api connects over plain HTTP. The proxy connects to the API server over TLS, and forwards the caller's token.
//! Watches are streamed. Faults are selected by method and path, and can be changed at any time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use testkit::cluster::{Cluster, Namespace};

use super::PATIENCE;

/// Selects requests for Jobs in every namespace.
pub(crate) const JOBS: &str = "/jobs";
/// Selects watches.
pub(crate) const WATCH: &str = "watch=true";

/// The fault of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Responds with a status, a media type and a body. The request does not reach the API server.
    Response(u16, &'static str, String),
    /// Like [`Fault::Response`], with a `Status` object as the API server sends it.
    Status(u16, &'static str, Option<u32>),
    /// Never responds. The request does not reach the API server.
    NoResponse,
    /// The API server responds, and then the connection breaks without a response.
    LostResponse,
    /// The API server responds, but only the head of the response is forwarded.
    HungBody,
    /// The API server responds, and the connection breaks after the first chunk of the body.
    CutBody,
}

struct FaultRule {
    method: &'static str,
    path: &'static str,
    fault: Fault,
    times: usize,
}

struct ProxyState {
    base: String,
    client: reqwest::Client,
    rules: Mutex<Vec<FaultRule>>,
    requests: watch::Sender<Vec<String>>,
}

/// The proxy, which stops on drop.
pub(crate) struct ApiServerProxy {
    address: SocketAddr,
    state: Arc<ProxyState>,
    serving: JoinHandle<()>,
    _reserved_port: TcpSocket,
}

impl ApiServerProxy {
    /// Starts a proxy in front of the cluster's API server.
    pub(crate) async fn start() -> Self {
        let file = Kubeconfig::read_from(Cluster::shared().kubeconfig()).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let config = config.expect("a usable kubeconfig");
        let authorities = config.root_cert.unwrap_or_default();
        let authorities = authorities.iter().map(|der| reqwest::Certificate::from_der(der).expect("DER"));
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(authorities);
        let state = Arc::new(ProxyState {
            base: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            client: client.build().expect("a client"),
            rules: Mutex::default(),
            requests: watch::Sender::default(),
        });
        let (reserved_port, address) = reserve_port();
        Self { address, serving: listen(address, &state), state, _reserved_port: reserved_port }
    }

    /// A kubeconfig of trigger-api's ServiceAccount with the address of the proxy.
    pub(crate) async fn kubeconfig(&self, namespace: &Namespace) -> PathBuf {
        namespace.kubeconfig_of("trigger-api-sa", Some(&format!("http://{}", self.address))).await
    }

    /// Injects the fault into all requests with that method and a path that contains `path`. Empty strings match all.
    pub(crate) fn fail(&self, method: &'static str, path: &'static str, fault: Fault) {
        self.fail_times(usize::MAX, method, path, fault);
    }

    /// Injects the fault into the next `times` such requests.
    pub(crate) fn fail_times(&self, times: usize, method: &'static str, path: &'static str, fault: Fault) {
        let mut rules = self.state.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.push(FaultRule { method, path, fault, times });
    }

    /// Removes all faults.
    pub(crate) fn clear_faults(&self) {
        self.state.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Breaks every connection, and refuses new ones.
    pub(crate) async fn stop_listening(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Accepts connections again, after [`Self::stop_listening`].
    pub(crate) fn resume_listening(&mut self) {
        self.serving = listen(self.address, &self.state);
    }

    /// The number of such requests so far.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        count(&self.state.requests.borrow(), method, path)
    }

    /// Waits until `number` such requests have arrived in total.
    pub(crate) async fn wait_for(&self, number: usize, method: &str, path: &str) {
        let mut requests = self.state.requests.subscribe();
        let enough = requests.wait_for(|requests| count(requests, method, path) >= number);
        let arrived = timeout(PATIENCE, enough).await.is_ok_and(|arrived| arrived.is_ok());
        assert!(arrived, "no {number} requests {method} {path}: {:?}", self.state.requests.borrow());
    }
}

impl Drop for ApiServerProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn count(requests: &[String], method: &str, path: &str) -> usize {
    requests.iter().filter(|request| request.starts_with(method) && request.contains(path)).count()
}

/// A socket that does not listen but reserves its port for one that will. The port is outside of the ephemeral range, from
/// which an outgoing connection could take it while the proxy does not listen.
fn reserve_port() -> (TcpSocket, SocketAddr) {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(20_000..30_000)));
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], NEXT.fetch_add(1, Ordering::Relaxed)));
        if let Ok(socket) = bound(address) {
            return (socket, address);
        }
    }
}

fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens on a separate thread, because a test that waits for a log line blocks its own.
fn listen(address: SocketAddr, state: &Arc<ProxyState>) -> JoinHandle<()> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let one = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        one.expect("a runtime")
    });
    let _within = RUNTIME.enter();
    let listener = bound(address).and_then(|socket| socket.listen(1024)).expect("the port is reserved");
    RUNTIME.spawn(serve(listener, Arc::clone(state)))
}

async fn serve(listener: TcpListener, state: Arc<ProxyState>) {
    // Dropping the set closes the connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        let service = service_fn(move |request| Arc::clone(&state).respond(request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl ProxyState {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, &'static str> {
        let line = format!("{} {}", request.method(), request.uri());
        self.requests.send_modify(|requests| requests.push(line.clone()));
        match self.fault(&line) {
            None => Ok(response(self.forward(request).await?)),
            Some(Fault::Response(status, media_type, body)) => Ok(response_of(status, media_type, body)),
            Some(Fault::Status(status, reason, retry)) => {
                Ok(response_of(status, "application/json", status_object(status, reason, retry)))
            }
            Some(Fault::NoResponse) => std::future::pending().await,
            Some(Fault::LostResponse) => {
                let response = self.forward(request).await?;
                response.bytes().await.map_err(|_| "the response broke off")?;
                Err("the response is lost")
            }
            Some(Fault::HungBody) => {
                let (parts, body) = response(self.forward(request).await?).into_parts();
                // The upstream body is kept, because its connection must stay open.
                let body = body.into_data_stream().filter(|_| std::future::ready(false));
                Ok(Response::from_parts(parts, Body::from_stream(body.chain(stream::pending()))))
            }
            Some(Fault::CutBody) => {
                let (parts, body) = response(self.forward(request).await?).into_parts();
                let cut = stream::once(async { Err(axum::Error::new("cut")) });
                let body = body.into_data_stream().take(1).chain(cut);
                Ok(Response::from_parts(parts, Body::from_stream(body)))
            }
        }
    }

    fn fault(&self, line: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let applies = |rule: &&mut FaultRule| {
            rule.times > 0 && line.starts_with(rule.method) && line.contains(rule.path)
        };
        let rule = rules.iter_mut().find(applies)?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<reqwest::Response, &'static str> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| "the request broke off")?.to_bytes();
        let mut headers = parts.headers;
        for hop in [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
            headers.remove(hop);
        }
        let request = self.client.request(parts.method, format!("{}{}", self.base, parts.uri));
        let limit = Duration::from_mins(5);
        let sent = request.headers(headers).timeout(limit).body(body).send().await;
        sent.map_err(|_| "the API server can't be reached")
    }
}

fn response(upstream: reqwest::Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = upstream.status();
    *response.headers_mut() = upstream.headers().clone();
    for hop in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        response.headers_mut().remove(hop);
    }
    *response.body_mut() = Body::from_stream(upstream.bytes_stream());
    response
}

fn response_of(status: u16, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-type", media_type.parse().expect("a media type"));
    response
}

/// A `Status` object with a message that callers must never see.
fn status_object(code: u16, reason: &str, retry_after: Option<u32>) -> String {
    let details = retry_after.map(|seconds| serde_json::json!({ "retryAfterSeconds": seconds }));
    let message = format!("{UPSTREAM_MESSAGE} of {code}");
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    })
    .to_string()
}

/// A message of the API server that trigger-api must not pass on.
pub(crate) const UPSTREAM_MESSAGE: &str = "etcd at 10.0.0.7 says";

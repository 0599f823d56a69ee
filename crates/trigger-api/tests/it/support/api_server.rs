//! A proxy before the API server that does to requests what networks and servers sometimes do.
//!
//! trigger-api speaks plain HTTP with it; it speaks TLS with the API server, hands the caller's token on, and passes
//! watches through as they come. Faults are given by method and path, and can change while it runs.

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

/// The path of the Jobs of every namespace, to name in faults.
pub(crate) const JOBS: &str = "/jobs";
/// What only a watch has in its path.
pub(crate) const WATCH: &str = "watch=true";

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Never reaches the server; this comes back: a status, a media type and a body.
    Answer(u16, &'static str, String),
    /// As [`Fault::Answer`] with a `Status` object, as the API server writes it.
    Status(u16, &'static str, Option<u32>),
    /// Never reaches the server, and nothing comes back.
    Silence,
    /// The server answers, and nothing of it comes back.
    LoseAnswer,
    /// The server answers, and the head of the answer is all that comes back.
    Hang,
    /// The server answers, and the connection breaks after the first piece of the body.
    CutBody,
}

struct Rule {
    method: &'static str,
    path: &'static str,
    fault: Fault,
    times: usize,
}

struct Inner {
    base: String,
    client: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    requests: watch::Sender<Vec<String>>,
}

/// The proxy. It ends when it is dropped.
pub(crate) struct ApiServer {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
    _place: TcpSocket,
}

impl ApiServer {
    /// A proxy before the cluster's API server.
    pub(crate) async fn proxy() -> Self {
        let file = Kubeconfig::read_from(Cluster::shared().kubeconfig()).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let config = config.expect("a usable kubeconfig");
        let authorities = config.root_cert.unwrap_or_default();
        let authorities = authorities.iter().map(|der| reqwest::Certificate::from_der(der).expect("DER"));
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(authorities);
        let inner = Arc::new(Inner {
            base: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            client: client.build().expect("a client"),
            rules: Mutex::default(),
            requests: watch::Sender::default(),
        });
        let (place, address) = place();
        Self { address, serving: listen(address, &inner), inner, _place: place }
    }

    /// A kubeconfig of trigger-api's own account that leads here.
    pub(crate) async fn kubeconfig(&self, namespace: &Namespace) -> PathBuf {
        namespace.kubeconfig_of("trigger-api-sa", Some(&format!("http://{}", self.address))).await
    }

    /// From now on every such request meets the fault; `method` and `path` may be empty, and `path` is any part of it.
    pub(crate) fn fail(&self, method: &'static str, path: &'static str, fault: Fault) {
        self.fail_times(usize::MAX, method, path, fault);
    }

    /// The next `times` such requests meet the fault.
    pub(crate) fn fail_times(&self, times: usize, method: &'static str, path: &'static str, fault: Fault) {
        let mut rules = self.inner.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.push(Rule { method, path, fault, times });
    }

    /// Everything goes through again.
    pub(crate) fn heal(&self) {
        self.inner.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Breaks every connection, and refuses new ones.
    pub(crate) async fn go_away(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Takes connections again, after [`Self::go_away`].
    pub(crate) fn come_back(&mut self) {
        self.serving = listen(self.address, &self.inner);
    }

    /// How many such requests have arrived.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        count(&self.inner.requests.borrow(), method, path)
    }

    /// Waits until `number` more such requests have arrived than `before`.
    pub(crate) async fn wait_for(&self, number: usize, method: &str, path: &str) {
        let mut requests = self.inner.requests.subscribe();
        let enough = requests.wait_for(|requests| count(requests, method, path) >= number);
        let arrived = timeout(PATIENCE, enough).await.is_ok_and(|arrived| arrived.is_ok());
        assert!(arrived, "no {number} requests {method} {path}: {:?}", self.inner.requests.borrow());
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn count(requests: &[String], method: &str, path: &str) -> usize {
    requests.iter().filter(|request| request.starts_with(method) && request.contains(path)).count()
}

/// A socket that does not listen and keeps its port for one that will. The port is none of those that the system gives to
/// outgoing connections, which would take it while nobody listens.
fn place() -> (TcpSocket, SocketAddr) {
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

/// Listens on a thread of its own: tests that wait for a log line block theirs.
fn listen(address: SocketAddr, inner: &Arc<Inner>) -> JoinHandle<()> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let one = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        one.expect("a process may have threads")
    });
    let _within = RUNTIME.enter();
    let listener = bound(address).and_then(|socket| socket.listen(1024)).expect("the port is ours");
    RUNTIME.spawn(serve(listener, Arc::clone(inner)))
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    // Connections end with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let inner = Arc::clone(&inner);
        let service = service_fn(move |request| Arc::clone(&inner).answer(request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, &'static str> {
        let line = format!("{} {}", request.method(), request.uri());
        self.requests.send_modify(|requests| requests.push(line.clone()));
        match self.fault(&line) {
            None => Ok(response(self.forward(request).await?)),
            Some(Fault::Answer(status, media_type, body)) => Ok(written(status, media_type, body)),
            Some(Fault::Status(status, reason, retry)) => {
                Ok(written(status, "application/json", status_object(status, reason, retry)))
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::LoseAnswer) => {
                let answer = self.forward(request).await?;
                answer.bytes().await.map_err(|_| "the answer broke off")?;
                Err("the answer is lost")
            }
            Some(Fault::Hang) => {
                let (parts, body) = response(self.forward(request).await?).into_parts();
                // The answer is kept: its connection must not end either.
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
        let applies =
            |rule: &&mut Rule| rule.times > 0 && line.starts_with(rule.method) && line.contains(rule.path);
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

fn response(answer: reqwest::Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    for hop in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        response.headers_mut().remove(hop);
    }
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}

fn written(status: u16, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-type", media_type.parse().expect("a media type"));
    response
}

/// A `Status` object with words that callers must never see.
fn status_object(code: u16, reason: &str, retry_after: Option<u32>) -> String {
    let details = retry_after.map(|seconds| serde_json::json!({ "retryAfterSeconds": seconds }));
    let message = format!("{UPSTREAM_WORDS} of {code}");
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    })
    .to_string()
}

/// Words of the API server that must not leave trigger-api.
pub(crate) const UPSTREAM_WORDS: &str = "etcd at 10.0.0.7 says";

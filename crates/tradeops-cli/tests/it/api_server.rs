//! A proxy in front of a real API server. It answers port-forwards itself, because without a node no pod runs: their
//! connections go to a port of this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use reqwest::{Client, Method};
use testkit::cluster::Cluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// The subprotocol of port-forwards.
const PROTOCOL: HeaderValue = HeaderValue::from_static("v4.channel.k8s.io");

/// The proxy. It ends when it is dropped.
pub(crate) struct ApiServer {
    address: SocketAddr,
    forwarding: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

struct Upstream {
    base: String,
    client: Client,
    /// The port to which connections are forwarded.
    port: u16,
    /// Each change breaks the connections that are forwarded.
    breaks: watch::Receiver<usize>,
}

impl ApiServer {
    /// A proxy whose port-forwards reach that port of this machine.
    pub(crate) async fn start(port: u16) -> Self {
        let file = Kubeconfig::read_from(Cluster::shared().kubeconfig()).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let config = config.expect("a usable kubeconfig");
        let authorities = config.root_cert.unwrap_or_default();
        let authorities = authorities.iter().map(|der| reqwest::Certificate::from_der(der).expect("DER"));
        let client = Client::builder().no_proxy().tls_certs_only(authorities).build().expect("a client");
        let base = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (forwarding, breaks) = watch::channel(0);
        let upstream = Arc::new(Upstream { base, client, port, breaks });
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Broken connections are expected, so their errors are ignored.
                tokio::spawn(serve(stream, Arc::clone(&upstream)));
            }
        });
        Self { address, forwarding, accepting }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks all forwarded connections, as the end of their pod does.
    pub(crate) fn break_forwards(&self) {
        self.forwarding.send_modify(|count| *count += 1);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one request of the connection.
async fn serve(mut stream: TcpStream, upstream: Arc<Upstream>) -> std::io::Result<()> {
    let mut head = vec![0; 16 << 10];
    let length = loop {
        // The handshake of a WebSocket reads the head itself.
        let read = stream.peek(&mut head).await?;
        if let Some(end) = head[..read].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if read == 0 {
            return Ok(());
        }
        tokio::task::yield_now().await;
    };
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    if head.lines().next().is_some_and(|line| line.contains("/portforward")) {
        return forward(stream, &upstream).await;
    }
    stream.read_exact(&mut vec![0; length]).await?;
    let mut body = vec![0; header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let (status, media_type, body) = upstream.send(&head, body).await;
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await
}

impl Upstream {
    async fn send(&self, head: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
        let mut line = head.lines().next().unwrap_or_default().split(' ');
        let method: Method = line.next().unwrap_or_default().parse().expect("a method");
        let url = format!("{}{}", self.base, line.next().unwrap_or_default());
        let mut request = self.client.request(method, url).body(body);
        for name in ["authorization", "content-type", "accept"] {
            request =
                header(head, name).into_iter().fold(request, |request, value| request.header(name, value));
        }
        let response = request.send().await.expect("the API server answers");
        let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let (status, media_type) =
            (response.status().as_u16(), media_type.unwrap_or("text/plain").to_owned());
        (status, media_type, response.bytes().await.expect("a complete answer").to_vec())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Carries the bytes of one port, as a kubelet does: channel 0 has data, and channel 1 errors.
#[expect(clippy::result_large_err, reason = "the type of the handshake's callback")]
async fn forward(stream: TcpStream, upstream: &Upstream) -> std::io::Result<()> {
    let mut port = 0_u16;
    let callback = |request: &Request, mut response: Response| {
        let mut pairs = request.uri().query().unwrap_or_default().split('&');
        let number = pairs.find_map(|pair| pair.strip_prefix("ports="));
        port = number.and_then(|number| number.parse().ok()).expect("a port");
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr_async(stream, callback).await else { return Ok(()) };
    let [low, high] = port.to_le_bytes();
    for channel in [0, 1] {
        let first = Message::binary(vec![channel, low, high]);
        if socket.send(first).await.is_err() {
            return Ok(());
        }
    }
    let mut breaks = upstream.breaks.clone();
    breaks.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream.port)).await else {
        let _ = socket.send(Message::binary([b"\x01".as_slice(), b"connection refused"].concat())).await;
        return Ok(());
    };
    let (mut reader, mut writer) = server.into_split();
    let mut bytes = vec![0; 16 << 10];
    loop {
        tokio::select! {
            read = reader.read(&mut bytes) => match read? {
                0 => break,
                read => {
                    let data = [&[0], &bytes[..read]].concat();
                    if socket.send(Message::binary(data)).await.is_err() {
                        break;
                    }
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(data))) if data.first() == Some(&0) => writer.write_all(&data[1..]).await?,
                Some(Ok(_)) => {}
                _ => break,
            },
            _ = breaks.changed() => return Ok(()),
        }
    }
    let _ = socket.close(None).await;
    Ok(())
}

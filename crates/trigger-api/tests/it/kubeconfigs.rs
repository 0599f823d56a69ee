//! Kubeconfigs as kubectl reads them: several files, and a proxy.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::cluster::Namespace;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{TriggerApi, cronjob, namespace};

#[tokio::test]
async fn absent_and_empty_files_are_skipped_and_no_proxy_covers_the_server() {
    let namespace = namespace("kubeconfig").await;
    namespace.apply(&cronjob("", ""));
    let folder = namespace.folder();
    let empty = folder.join("empty");
    std::fs::write(&empty, "apiVersion: v1\nkind: Config\ncurrent-context: ''\ncontexts: null\n").unwrap();
    let config = namespace.kubeconfig_of("trigger-api-sa", None).await;
    let files = std::env::join_paths([folder.join("absent"), empty, config]).unwrap();
    let variables = [
        ("KUBECONFIG", files.to_str().unwrap()),
        ("HTTPS_PROXY", "http://user:secret@127.0.0.1:1"),
        ("NO_PROXY", "localhost,0.0.0.0/0"),
    ];
    let api = TriggerApi::start(&namespace, &variables).await;
    api.trigger().await;
}

// Waiting for the program blocks a thread, and the proxy runs on another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_of_a_kubeconfig_forwards_every_connection_to_the_server() {
    let namespace = namespace("proxy-url").await;
    namespace.apply(&cronjob("", ""));
    let proxy = ConnectProxy::start().await;
    let kubeconfig = with_proxy(&namespace, &proxy.url).await;
    let api = TriggerApi::start(&namespace, &[("KUBECONFIG", kubeconfig.to_str().unwrap())]).await;
    api.trigger().await;
    // One for watches, and one for other requests.
    assert!(proxy.connections.load(Ordering::SeqCst) >= 2);
}

async fn with_proxy(namespace: &Namespace, url: &str) -> PathBuf {
    let direct = namespace.kubeconfig_of("trigger-api-sa", None).await;
    let text = std::fs::read_to_string(direct).expect("the kubeconfig can be read");
    let path = namespace.folder().join("with-proxy");
    std::fs::write(&path, text.replacen("{server:", &format!("{{proxy-url: '{url}', server:"), 1))
        .expect("the folder belongs to this test");
    path
}

/// A proxy for the method CONNECT, which requires a password.
struct ConnectProxy {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl ConnectProxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://user:secret@{}", listener.local_addr().expect("it is bound"));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, Arc::clone(&count)));
            }
        });
        Self { url, connections }
    }
}

async fn forward(mut client: TcpStream, connections: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(client.read_u8().await?));
    }
    // `user:secret` in Base64.
    if !head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpzzwnyzxq=") {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    }
    let server = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let mut server = TcpStream::connect(server).await?;
    connections.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

//! A small HTTP server on a real socket that serves a JWK set.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct KeyServer {
    pub(crate) url: String,
    answer: Arc<watch::Sender<Reply>>,
    requests: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
enum Reply {
    /// A whole response.
    Response(String),
    /// No response until the reply is changed.
    Wait,
}

impl KeyServer {
    /// A server that serves this JWK set.
    pub(crate) async fn start(key_set: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let answer = Arc::new(watch::Sender::new(response("200 OK", key_set)));
        let (counter, requests) = watch::channel(0);
        let answers = Arc::clone(&answer);
        let task = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                counter.send_modify(|requests| *requests += 1);
                tokio::spawn(respond(connection, answers.subscribe()));
            }
        });
        Self { url, answer, requests, task }
    }

    /// Serves this JWK set from now on.
    pub(crate) fn serve(&self, key_set: &str) {
        self.answer.send_replace(response("200 OK", key_set));
    }

    /// Answers with this status and body from now on. The status may contain further header lines.
    pub(crate) fn answer(&self, status: &str, body: &str) {
        self.answer.send_replace(response(status, body));
    }

    /// Does not answer until the reply is changed.
    pub(crate) fn hang(&self) {
        self.answer.send_replace(Reply::Wait);
    }

    /// Refuses connections from now on.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }

    /// The number of requests.
    pub(crate) fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Waits for the request of this number, counted from 1.
    pub(crate) async fn requested(&self, number: usize) {
        self.requests.clone().wait_for(|requests| *requests >= number).await.unwrap();
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn response(status: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Response(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

async fn respond(mut connection: TcpStream, mut answers: watch::Receiver<Reply>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        // The client may close the connection at any time.
        let Ok(1..) = connection.read_buf(&mut request).await else { return };
    }
    let answer = answers.wait_for(|answer| matches!(answer, Reply::Response(_))).await;
    let Ok(Reply::Response(text)) = answer.map(|answer| answer.clone()) else { return };
    let _ = connection.write_all(text.as_bytes()).await;
    let _ = connection.shutdown().await;
}

//! A proxy in front of a NATS server that can change or drop single messages for the client.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A message that the server sends to a client.
#[derive(Clone, Debug)]
pub struct NatsFrame {
    /// The line before the message: `MSG` or `HMSG`, the subject, the subscription, the subject for answers if there is one, and
    /// sizes.
    pub line: String,
    /// The headers and the payload.
    pub body: Vec<u8>,
}

impl NatsFrame {
    /// Whether the message is an answer of this type of JetStream's API, such as `stream_info`.
    pub fn is_answer(&self, kind: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(&format!("io.nats.jetstream.api.v1.{kind}_response"))
    }

    /// Whether the message has this subject.
    pub fn has_subject(&self, subject: &str) -> bool {
        self.line.split(' ').nth(1) == Some(subject)
    }

    /// Adds seconds to the time at which the server has stored the message, if a consumer delivers it.
    ///
    /// # Panics
    /// When the time is out of range.
    pub fn shift_stored_time(&mut self, seconds: i64) {
        let is_time = |part: &&str| part.len() == 19 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !self.line.contains("$JS.ACK.") {
            return;
        }
        if let Some(time) = self.line.split(['.', ' ']).find(is_time) {
            let nanoseconds: i64 = time.parse().expect("it has 19 digits");
            let shifted = (nanoseconds + seconds * 1_000_000_000).to_string();
            self.line = self.line.replacen(time, &shifted, 1);
        }
    }
}

type Filter = Box<dyn FnMut(&mut NatsFrame) -> bool + Send>;

/// A proxy on its own port. It ends when it is dropped.
#[derive(Debug)]
pub struct NatsProxy {
    port: u16,
    accepting: JoinHandle<()>,
}

impl NatsProxy {
    /// A proxy to the server at this port of this machine. The filter gets each message for a client, can change it, and returns
    /// whether it is forwarded.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(port: u16, filter: impl FnMut(&mut NatsFrame) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own_port = listener.local_addr().expect("it is bound").port();
        let filter: Arc<Mutex<Filter>> = Arc::new(Mutex::new(Box::new(filter)));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let filter = Arc::clone(&filter);
                // Broken connections are expected, so their errors are ignored.
                tokio::spawn(async move { forward(client, port, &filter).await.ok() });
            }
        });
        Self { port: own_port, accepting }
    }

    /// The proxy's URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(client: TcpStream, port: u16, filter: &Mutex<Filter>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
    let mut from_server = BufReader::new(from_server);
    let requests = tokio::io::copy(&mut from_client, &mut to_server);
    let messages = async {
        let mut line = String::new();
        while from_server.read_line(&mut line).await? > 0 {
            if line.starts_with("MSG ") || line.starts_with("HMSG ") {
                let frame = NatsFrame { line: line.trim_end().to_owned(), body: Vec::new() };
                let frame = read_body(&mut from_server, frame).await?;
                if let Some(frame) = filtered(frame, filter) {
                    let head = format!("{}\r\n", frame.line);
                    to_client.write_all(&[head.as_bytes(), &frame.body, b"\r\n"].concat()).await?;
                }
            } else {
                to_client.write_all(line.as_bytes()).await?;
            }
            line.clear();
        }
        Ok(())
    };
    tokio::select! {
        result = requests => result.map(drop),
        result = messages => result,
    }
}

async fn read_body(
    server: &mut (impl AsyncReadExt + Unpin),
    mut frame: NatsFrame,
) -> std::io::Result<NatsFrame> {
    let size = frame.line.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
    let size = size.ok_or(std::io::ErrorKind::InvalidData)?;
    frame.body.resize(size + 2, 0);
    server.read_exact(&mut frame.body).await?;
    frame.body.truncate(size);
    Ok(frame)
}

fn filtered(mut frame: NatsFrame, filter: &Mutex<Filter>) -> Option<NatsFrame> {
    let mut filter = filter.lock().unwrap_or_else(PoisonError::into_inner);
    filter(&mut frame).then_some(frame)
}

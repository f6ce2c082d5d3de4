//! A client of the API that keeps its connections and never fails loudly: every answer, and the lack of one, is a value.
//!
//! Invariants: a request is sent once; whatever was sent and not answered is [`Answer::Lost`], never sent again.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// No request may take longer: the deployment answers within its deadline of 10 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Kept connections that idled longer may be closed by the other side at any moment.
const IDLE: Duration = Duration::from_secs(4);

/// What became of a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status and a body.
    Told { status: u16, retry_after: bool, body: Value },
    /// The connection failed.
    Lost,
    /// Nothing came within [`PATIENCE`].
    Hung,
}

/// Connections to one address.
#[derive(Debug)]
pub(crate) struct Client {
    api: SocketAddr,
    idle: Mutex<Vec<(TcpStream, Instant)>>,
}

impl Client {
    pub(crate) fn new(api: SocketAddr) -> Self {
        Self { api, idle: Mutex::default() }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-Auth-Project-ID: load\r\nX-Roles: member,reader\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.api,
            body.len()
        );
        match timeout(PATIENCE, self.exchange(request.as_bytes())).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Answer::Lost,
            Err(_) => Answer::Hung,
        }
    }

    /// Asks for a document that has to be there.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        match self.send("GET", path, None).await {
            Answer::Told { status: 200, body, .. } => Ok(body),
            other => anyhow::bail!("GET {path}: {other:?}"),
        }
    }

    fn connection(&self) -> Option<TcpStream> {
        let mut idle = self.idle.lock();
        std::iter::from_fn(|| idle.pop()).find(|(_, since)| since.elapsed() < IDLE).map(|(stream, _)| stream)
    }

    async fn exchange(&self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut stream = match self.connection() {
            Some(stream) => stream,
            None => TcpStream::connect(self.api).await?,
        };
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let mut received = Vec::new();
        let head = loop {
            if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = received.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut received, rest))?.to_ascii_lowercase();
            }
            anyhow::ensure!(stream.read_buf(&mut received).await? > 0, "closed");
        };
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: Option<usize> = header("content-length:").map(str::parse).transpose()?;
        while length.is_none_or(|length| received.len() < length) {
            if stream.read_buf(&mut received).await? == 0 {
                anyhow::ensure!(length.is_none(), "closed");
                break;
            }
        }
        let status = head.split(' ').nth(1).unwrap_or_default().parse()?;
        let retry_after = header("retry-after:").is_some();
        if length.is_some() && header("connection:") != Some("close") {
            self.idle.lock().push((stream, Instant::now()));
        }
        Ok(Answer::Told {
            status,
            retry_after,
            body: serde_json::from_slice(&received).unwrap_or(Value::Null),
        })
    }
}

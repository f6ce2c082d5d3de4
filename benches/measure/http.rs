//! A client that keeps its connection, so that what is measured is the server.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::server::LIMIT;

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    connection: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(api: SocketAddr) -> Self {
        let connection = TcpStream::connect(api).await.unwrap();
        connection.set_nodelay(true).unwrap();
        Self { connection, received: Vec::new() }
    }

    /// Sends one request; status and body of the answer.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: measured\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.connection.write_all(request.as_bytes()).await.unwrap();
        timeout(LIMIT, self.answer()).await.unwrap()
    }

    /// Sends a request that must be answered with the status.
    pub(crate) async fn expect(&mut self, status: u16, method: &str, path: &str, body: &str) -> Vec<u8> {
        let (got, answer) = self.send(method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {}", String::from_utf8_lossy(&answer));
        answer
    }

    /// Creates a zone; its path.
    pub(crate) async fn create_zone(&mut self, name: &str) -> String {
        let body = format!(r#"{{"name": "{name}", "email": "admin@example.org"}}"#);
        let answer = self.expect(202, "POST", "/v2/zones", &body).await;
        let zone: Value = serde_json::from_slice(&answer).unwrap();
        format!("/v2/zones/{}", zone["id"].as_str().unwrap())
    }

    /// Creates an address record.
    pub(crate) async fn create_address(&mut self, zone: &str, name: &str) {
        let body = format!(r#"{{"name": "{name}", "type": "A", "records": ["192.0.2.1"]}}"#);
        self.expect(202, "POST", &format!("{zone}/recordsets"), &body).await;
    }

    async fn answer(&mut self) -> (u16, Vec<u8>) {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.receive().await;
        };
        let head = String::from_utf8(self.received.drain(..end).collect()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        while self.received.len() < length {
            self.receive().await;
        }
        (status, self.received.drain(..length).collect())
    }

    async fn receive(&mut self) {
        assert!(self.connection.read_buf(&mut self.received).await.unwrap() > 0, "connection closed");
    }
}

/// Lets `clients` do something over and over for `span`; how often it was done, and how long that took.
pub(crate) async fn repeat<F>(
    api: SocketAddr,
    clients: usize,
    span: Duration,
    work: impl Fn(Client, usize, usize) -> F,
) -> (usize, Duration)
where
    F: Future<Output = Client> + Send + 'static,
{
    let begun = Instant::now();
    let work = &work;
    let running = (0..clients).map(|number| async move {
        let mut client = Client::connect(api).await;
        let mut count = 0;
        while begun.elapsed() < span {
            client = work(client, number, count).await;
            count += 1;
        }
        count
    });
    let counts = futures::future::join_all(running).await;
    (counts.into_iter().sum(), begun.elapsed())
}

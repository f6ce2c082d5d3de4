//! The REST API behind a real listener: clients that are slow, broken, too large or too many, and a graceful end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ordain::actors::api::api::Front as _;
use ordain::actors::central::api::Central;
use ordain::actors::central::api::zones::FindZones;
use ordain::config::Config;
use ordain::domain::page::Page;
use ordain::domain::policy::{Policy, PolicyInForce};
use ordain::http::{Api, ApiServer, ApiSettings, Authentication, HealthCheck, ServerHandle};
use ordain::remote::neutron::Neutron;
use ordain::transport::{Fake, Faked, InProcess, run_threaded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No step of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

struct Listening {
    api: Arc<Api>,
    at: SocketAddr,
    handle: ServerHandle,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    _central: Faked,
}

async fn listen(settings: ApiSettings) -> Listening {
    let transport = InProcess::through_codec();
    let central = Fake::<Central>::on(|_: FindZones| Ok(Page { items: Vec::new(), total: Some(0) }))
        .mount(&transport)
        .await
        .unwrap();
    let api = Api::new(
        transport.service_ref(),
        PolicyInForce::new(Policy::defaults().unwrap()),
        Authentication::none(),
        Neutron::new(Config::default().neutron, tokio::runtime::Handle::current()).unwrap(),
        settings,
        HealthCheck::default(),
    );
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = ApiServer::bind(&api, &[loopback], 1, Duration::from_secs(5)).unwrap();
    let (at, handle) = (*server.addresses().first().unwrap(), server.handle());
    let served = tokio::task::spawn_local(server.run());
    Listening { api, at, handle, served, _central: central }
}

fn impatient() -> ApiSettings {
    ApiSettings { client_timeout: Duration::from_millis(300), ..ApiSettings::default() }
}

/// Everything that comes back after sending `request`, until the server closes.
async fn exchange(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request).await.unwrap();
    everything(&mut stream).await
}

async fn everything(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset instead of an orderly end is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

const PLAIN: &[u8] = b"GET /v2/zones HTTP/1.1\r\nHost: dns.example\r\nConnection: close\r\n\r\n";

#[test]
fn a_request_is_answered_over_a_connection() {
    run_threaded(async {
        let server = listen(ApiSettings::default()).await;
        let answer = exchange(server.at, PLAIN).await;
        assert_eq!(status(&answer), "200");
        assert!(answer.contains(
            r#"{"zones":[],"links":{"self":"http://dns.example/v2/zones"},"metadata":{"total_count":0}}"#
        ));
        let old = exchange(server.at, b"GET / HTTP/1.0\r\n\r\n").await;
        assert!(
            old.contains("http://127.0.0.1:9001/v2"),
            "without a host the configured base is used: {old}"
        );
    });
}

#[test]
fn broken_requests_do_no_harm() {
    run_threaded(async {
        let server = listen(impatient()).await;
        for request in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /v2/zones HTTP/9.9\r\n\r\n",
            b"GET /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            b"GET /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"POST /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"\0\0\0\0\0\0\0\0\r\n\r\n",
        ] {
            let answer = exchange(server.at, request).await;
            assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        }
        let many = format!("GET /v2/zones HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(50_000));
        assert!(!exchange(server.at, many.as_bytes()).await.starts_with("HTTP/1.1 2"));
        assert_eq!(status(&exchange(server.at, PLAIN).await), "200");
    });
}

#[test]
fn slow_clients_are_cut_off() {
    run_threaded(async {
        let server = listen(impatient()).await;
        let silent = exchange(server.at, b"").await;
        assert!(silent.is_empty() || status(&silent) == "408", "{silent}");
        let half_a_head = exchange(server.at, b"GET /v2/zones HTTP/1.1\r\nHost:").await;
        assert_eq!(status(&half_a_head), "408");
        let head = "POST /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
        let half_a_body = exchange(server.at, head.as_bytes()).await;
        assert_eq!(status(&half_a_body), "408");
    });
}

#[test]
fn no_connection_is_held_between_requests() {
    run_threaded(async {
        let settings = ApiSettings { keep_alive: Duration::from_millis(300), ..impatient() };
        let server = listen(settings).await;
        let mut stream = TcpStream::connect(server.at).await.unwrap();
        stream.write_all(b"GET /v2/zones HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut first)).await.unwrap().unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream.write_all(b"GET /v2/zones HTTP/1.1\r\nHost:").await.unwrap();
        // The rest of the first answer comes, then the end.
        everything(&mut stream).await;
    });
}

#[test]
fn a_large_body_is_refused_by_its_announced_and_by_its_real_size() {
    run_threaded(async {
        let server = listen(ApiSettings::default()).await;
        let head = "POST /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        let announced = exchange(server.at, format!("{head}Content-Length: 114689\r\n\r\n").as_bytes()).await;
        assert_eq!(status(&announced), "413");
        assert!(announced.to_lowercase().contains("content-type: text/plain"), "{announced}");
        let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(4);
        let streamed =
            format!("{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
        assert_eq!(status(&exchange(server.at, streamed.as_bytes()).await), "413");
    });
}

#[test]
fn connections_are_counted_and_end_with_their_answer_once_the_api_is_withdrawn() {
    run_threaded(async {
        let server = listen(ApiSettings::default()).await;
        let kept = b"GET /v2/zones HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut stream = TcpStream::connect(server.at).await.unwrap();
        stream.write_all(kept).await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut first)).await.unwrap().unwrap();
        let traffic = server.api.traffic();
        assert_eq!((traffic.connections, traffic.under_way, traffic.answered), (1, 0, 1));

        server.api.admit(false);
        stream.write_all(kept).await.unwrap();
        let second = everything(&mut stream).await;
        assert!(second.contains("HTTP/1.1 200"), "{second}");
        assert!(second.to_lowercase().contains("connection: close"), "{second}");
        let closed = async {
            while server.api.traffic().connections > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, closed).await.unwrap();
        let health = exchange(server.at, b"GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status(&health), "503");
    });
}

#[test]
fn a_server_that_stops_finishes_what_it_has_begun() {
    run_threaded(async {
        let server = listen(ApiSettings::default()).await;
        let mut under_way = TcpStream::connect(server.at).await.unwrap();
        let body = br#"{"name": "x"}"#;
        let head = "POST /v2/zones HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n";
        under_way.write_all(head.as_bytes()).await.unwrap();
        // Another request shows that the server has long taken up the first.
        assert_eq!(status(&exchange(server.at, PLAIN).await), "200");
        let stopping = tokio::task::spawn_local({
            let handle = server.handle.clone();
            async move { handle.stop(true).await }
        });
        tokio::task::yield_now().await;
        under_way.write_all(body).await.unwrap();
        assert_eq!(status(&everything(&mut under_way).await), "400");
        timeout(PATIENCE, stopping).await.unwrap().unwrap();
        timeout(PATIENCE, server.served).await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(server.at).await.is_err());
    });
}

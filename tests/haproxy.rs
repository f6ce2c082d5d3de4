//! APIs behind a real HAProxy: rolling restarts under load, links and client addresses, central gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::haproxy::Haproxy;
use support::part::{Part, ask};
use support::ports::free_port;
use support::postgres::Postgres;
use support::rabbitmq::Rabbit;
use support::server::LIMIT;
use tokio::time::Instant;

/// A client that keeps its connection as long as it may.
struct Client {
    at: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(at: SocketAddr) -> Self {
        Self { at, connection: None }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<u16> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.at)?;
                stream.set_read_timeout(Some(LIMIT))?;
                BufReader::new(stream)
            }
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length, mut keeps) = (None, 0, true);
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                _ if status.is_none() => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("connection", value)) => keeps = value != "close",
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        std::io::copy(&mut connection.by_ref().take(length), &mut std::io::sink())?;
        self.connection = keeps.then_some(connection);
        Ok(status.unwrap())
    }
}

#[tokio::test]
async fn apis_behind_a_load_balancer_restart_without_one_failed_request() {
    let (Some(postgres), Some(broker)) = (Postgres::shared(), Rabbit::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (first, second, dns) = (free_port(), free_port(), free_port());
    let Some(proxy) = Haproxy::start(folder, &[("first", first), ("second", second)]) else { return };
    let common = format!(
        "transport.kind = \"amqp\"\ntransport.local = true\ntransport.amqp.urls = [\"{}\"]\nheartbeat.interval = \"1s\"\n\
         transport.call_timeout = \"20s\"\ncentral.quotas.zone_recordsets = -1\ncentral.quotas.zone_records = -1\n",
        broker.url()
    );
    let behind =
        format!("{common}database.url = \"{}\"\nmdns.listen = [\"{dns}\"]\n", postgres.database().await);
    let mut behind = Part::start(folder, "behind", "central,worker,mdns,producer", &behind);
    let api = |at| {
        format!(
            "{common}api.listen = [\"{at}\"]\napi.drain_delay = \"4s\"\napi.enable_proxy_headers_parsing = true\n\
             log.level = \"info,ordain::http=debug\"\n"
        )
    };
    let mut apis = [("first", first), ("second", second)].map(|(name, at)| {
        let part = Part::start(folder, name, "api", &api(at));
        (name, part)
    });
    behind.until_ready();
    for (name, part) in &mut apis {
        part.until_ready();
        proxy.until_up(name);
    }

    // Links show what the client asked for, and the log from where.
    let zone = json!({"name": "example.org.", "email": "admin@example.org"}).to_string();
    let created =
        ask(proxy.address(), "POST", "/v2/zones", &[("X-Forwarded-For", "203.0.113.7")], &zone).unwrap();
    assert_eq!(created.status, 202, "{created:?}");
    let link = created.json()["links"]["self"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("http://{}/v2/zones/", proxy.address())), "{link}");
    assert!(apis.iter().any(|(_, part)| part.log().contains("203.0.113.7")));
    let zone = format!("/v2/zones/{}", created.json()["id"].as_str().unwrap());

    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let load: Vec<_> = (0..6)
            .map(|number| {
                let (done, count, zone, at) = (&done, &count, &zone, proxy.address());
                scope.spawn(move || {
                    let (mut client, mut failed) = (Client::new(at), Vec::new());
                    for turn in 0.. {
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                        let name = format!("host-{number}-{turn}.example.org.");
                        let set = json!({"name": name, "type": "A", "records": ["192.0.2.1"]}).to_string();
                        let posted = client.send("POST", &format!("{zone}/recordsets"), &set);
                        let read = client.send("GET", zone, "");
                        for (outcome, wanted) in [(posted, 202), (read, 200)] {
                            count.fetch_add(1, Ordering::Relaxed);
                            if !matches!(&outcome, Ok(status) if *status == wanted) {
                                failed.push(format!("{outcome:?} instead of {wanted}"));
                            }
                        }
                        thread::sleep(Duration::from_millis(10));
                    }
                    failed
                })
            })
            .collect();
        for _ in 0..2 {
            for (name, part) in &mut apis {
                let before = count.load(Ordering::Relaxed);
                part.terminate();
                part.until_wants_or_gone("WITHDRAWN");
                assert!(part.until_ended().success(), "{}", part.log());
                part.start_again();
                part.until_ready();
                proxy.until_up(name);
                assert!(count.load(Ordering::Relaxed) > before, "the load goes on");
            }
        }
        done.store(true, Ordering::Relaxed);
        let failed: Vec<_> = load.into_iter().flat_map(|load| load.join().unwrap()).collect();
        let all = count.load(Ordering::Relaxed);
        assert!(failed.is_empty(), "{} of {all} failed: {:?}", failed.len(), &failed[..failed.len().min(10)]);
        println!("{all} requests, none failed");
    });

    // With nobody behind, an answer comes within the deadline and says when to try again.
    drop(behind);
    let asked = Instant::now();
    let set = json!({"name": "late.example.org.", "type": "A", "records": ["192.0.2.1"]}).to_string();
    let late = ask(proxy.address(), "POST", &format!("{zone}/recordsets"), &[], &set).unwrap();
    assert_eq!(late.status, 503, "{late:?}");
    assert!(late.header("Retry-After").is_some() && asked.elapsed() < LIMIT, "{late:?}");
}

//! A private HAProxy in front of some servers, on loopback.
//!
//! Invariants: it is stopped by its pid when the value is dropped; every wait is bounded. Tests use it unless
//! `ORDAIN_TEST_HAPROXY=0`; where it is missing they fail.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::part::ask;
use super::ports::free_port;
use super::server::LIMIT;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Haproxy {
    at: SocketAddr,
    stats: SocketAddr,
    process: Child,
}

impl Haproxy {
    /// Starts one in front of these servers, asking each whether it is to be sent anything. `None` if
    /// `ORDAIN_TEST_HAPROXY=0` says to go without: the test returns then.
    pub(crate) fn start(folder: &Path, servers: &[(&str, SocketAddr)]) -> Option<Self> {
        if std::env::var_os("ORDAIN_TEST_HAPROXY").is_some_and(|value| value == "0") {
            return None;
        }
        let (at, stats) = (free_port(), free_port());
        let mut config = format!(
            "defaults\n  mode http\n  timeout connect 20s\n  timeout client 60s\n  timeout server 60s\n  \
             timeout check 10s\n  option forwardfor\n\
             frontend in\n  bind {at}\n  default_backend api\n\
             frontend stats\n  bind {stats}\n  stats enable\n  stats uri /\n\
             backend api\n  balance roundrobin\n  option httpchk GET /healthcheck/traffic\n  \
             default-server check inter 100ms fall 2 rise 1\n"
        );
        for (name, address) in servers {
            writeln!(config, "  server {name} {address}").unwrap();
        }
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new("haproxy")
            .args(["-db", "-f", &file.to_string_lossy()])
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            panic!("haproxy is missing (run scripts/test once to install it, or set ORDAIN_TEST_HAPROXY=0)");
        };
        Some(Self { at, stats, process })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.at
    }

    /// Waits until it takes a server to be up.
    pub(crate) fn until_up(&self, server: &str) {
        let deadline = Instant::now() + LIMIT;
        let wanted = format!("api,{server},");
        loop {
            let shown =
                ask(self.stats, "GET", "/;csv", &[], "").map(|answer| answer.body).unwrap_or_default();
            let line = shown.lines().find(|line| line.starts_with(&wanted));
            if line.is_some_and(|line| line.contains(",UP,")) {
                return;
            }
            assert!(Instant::now() < deadline, "{server} is not up: {shown}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

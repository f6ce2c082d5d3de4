//! A region whose database or broker stands still or is away: every request is answered in time, nothing grows, and it goes
//! on by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::part::{Answer, Part, ask};
use support::ports::free_port;
use support::postgres::Postgres;
use support::proxy::Wire;
use support::rabbitmq::Rabbit;
use support::server::LIMIT;
use tokio::time::Instant;

/// The deadline of a request.
const DEADLINE: Duration = Duration::from_secs(3);
/// A busy machine is late.
const LATE: Duration = Duration::from_secs(30);

/// An API by itself, and everything else in another process.
struct Region {
    api: SocketAddr,
    front: Part,
    rest: Part,
}

impl Region {
    fn start(folder: &Path, database: &str, broker: &str) -> Self {
        let (api, dns) = (free_port(), free_port());
        let file = folder.join("pools.yaml");
        let pools = format!(
            "- name: default\n  ns_records: [{{hostname: ns1.example.net., priority: 1}}]\n  \
             nameservers: [{{host: 127.0.0.1, port: {}}}]\n  targets: [{{type: native}}]\n",
            dns.port()
        );
        std::fs::write(&file, pools).unwrap();
        let common = format!(
            "database.url = \"{database}\"\ndatabase.statement_timeout = \"2s\"\ndatabase.connect_timeout = \"1s\"\n\
             database.acquire_timeout = \"2s\"\ntransport.kind = \"amqp\"\ntransport.amqp.urls = [\"{broker}\"]\n\
             transport.amqp.connect_timeout = \"1s\"\ntransport.call_timeout = \"{}s\"\n",
            DEADLINE.as_secs()
        );
        let rest = format!(
            "{common}mdns.listen = [\"{dns}\"]\ncentral.quotas.zones = -1\npools.file = \"{}\"\n",
            file.display()
        );
        let front = format!("{common}api.listen = [\"{api}\"]\n");
        let mut region = Self {
            api,
            front: Part::start(folder, "front", "api", &front),
            rest: Part::start(folder, "rest", "central,worker,mdns,producer", &rest),
        };
        region.until_it_serves("first.example.");
        region
    }

    fn create(&self, name: &str) -> Answer {
        let zone = json!({"name": name, "email": "admin@example.org"}).to_string();
        ask(self.api, "POST", "/v2/zones", &[], &zone).unwrap()
    }

    fn until_it_serves(&mut self, name: &str) {
        self.front.until_ready();
        self.rest.until_ready();
        let deadline = Instant::now() + LIMIT;
        loop {
            let answer = self.create(name);
            if matches!(answer.status, 202 | 409) {
                return;
            }
            assert!(Instant::now() < deadline, "{answer:?}\n{}\n{}", self.front.log(), self.rest.log());
        }
    }

    /// Many clients at a time: each is told in time that it cannot be done now. Writes may be done all the same.
    fn refuses(&self, what: &str, rounds: usize) {
        thread::scope(|scope| {
            for client in 0..16 {
                scope.spawn(move || {
                    for round in 0..rounds {
                        let before = Instant::now();
                        let answer = if client % 4 == 0 {
                            ask(self.api, "GET", "/v2/zones", &[], "").unwrap()
                        } else {
                            self.create(&format!("{what}-{client}-{round}.example."))
                        };
                        assert!(matches!(answer.status, 503 | 504), "{answer:?}");
                        assert!(answer.status == 504 || answer.header("Retry-After").is_some(), "{answer:?}");
                        assert!(before.elapsed() < DEADLINE + LATE, "{:?}", before.elapsed());
                    }
                });
            }
        });
    }
}

/// A process that is stopped, with all that it has started, until this is dropped.
struct Stopped(String);

impl Stopped {
    fn stop(pid: String) -> Self {
        signal("-STOP", &pid);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, pid: &str) {
    let children = Command::new("pgrep").args(["-P", pid]).output().unwrap().stdout;
    let children = String::from_utf8(children).unwrap();
    for pid in std::iter::once(pid).chain(children.lines()) {
        // One of them may have ended meanwhile.
        let _ = Command::new("kill").args([signal, pid]).status().unwrap();
    }
}

/// Memory in MiB, open files and threads of a process.
fn size(part: &Part) -> (u64, usize, usize) {
    let process = format!("/proc/{}", part.pid());
    let pages = std::fs::read_to_string(format!("{process}/statm")).unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    let count = |what: &str| std::fs::read_dir(format!("{process}/{what}")).unwrap().count();
    (pages * 4 / 1024, count("fd"), count("task"))
}

#[tokio::test]
async fn a_database_that_hangs_costs_requests_no_more_than_their_deadline() {
    let (Some(postgres), Some(broker)) = (Postgres::start(&["fsync=off"]), Rabbit::start()) else { return };
    let database = postgres.database().await;
    let wire = Wire::to(SocketAddr::from(([127, 0, 0, 1], postgres.port())));
    let database = database.replace(&postgres.port().to_string(), &wire.address().port().to_string());
    let folder = tempfile::tempdir().unwrap();
    let mut region = Region::start(folder.path(), &database, &broker.url());

    wire.hold();
    region.refuses("silent", 3);
    wire.mend();
    region.until_it_serves("second.example.");

    let stopped = Stopped::stop(postgres.pid());
    region.refuses("stopped", 3);
    drop(stopped);
    region.until_it_serves("third.example.");
}

#[tokio::test]
async fn without_a_broker_writes_are_refused_in_time_and_nothing_grows() {
    let (Some(postgres), Some(mut broker)) = (Postgres::start(&["fsync=off"]), Rabbit::start()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut region = Region::start(folder.path(), &postgres.database().await, &broker.url());

    broker.pause();
    region.refuses("paused", 3);
    broker.resume();
    region.until_it_serves("second.example.");

    broker.kill();
    region.front.until_wants(|wants| wants.contains("broker"));
    region.refuses("away", 20);
    let before = size(&region.front);
    region.refuses("long-away", 200);
    let after = size(&region.front);
    assert!(after.0 < before.0 + 16, "{before:?} became {after:?}");
    assert!(after.1 < before.1 + 32 && after.2 < before.2 + 16, "{before:?} became {after:?}");
    broker.start_again();
    region.until_it_serves("third.example.");
}

//! `ordain serve` with a pool of two real BIND 9 servers: changes reach both soon, losing one follows the threshold, and
//! what was missed is made up for without help.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::path::Path;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use ordain::domain::host_port::HostPort;
use serde_json::json;
use support::bind::Bind;
use support::dns::answer;
use support::ports::free_port;
use support::server::{LIMIT, Server};
use tokio::time::Instant;

const ZONES: usize = 50;

fn at(bind: &Bind) -> HostPort {
    HostPort::new("127.0.0.1", bind.dns().port())
}

/// The pool file of these servers, fed from mdns at the port.
fn pool(binds: &[Bind], mdns: u16) -> String {
    pool_fed_from(binds, &[mdns])
}

/// The same, fed from any of these ports.
fn pool_fed_from(binds: &[Bind], masters: &[u16]) -> String {
    let masters: Vec<String> =
        masters.iter().map(|port| format!("{{host: 127.0.0.1, port: {port}}}")).collect();
    let masters = masters.join(", ");
    let nameservers: String = binds
        .iter()
        .map(|bind| format!("    - {{host: 127.0.0.1, port: {}}}\n", bind.dns().port()))
        .collect();
    let target = |bind: &Bind| {
        format!(
            "    - type: bind9\n      masters: [{masters}]\n      options: {{host: 127.0.0.1, port: {}, rndc_host: 127.0.0.1, rndc_port: {}, rndc_key_file: '{}'}}\n",
            bind.dns().port(),
            bind.rndc().port(),
            bind.key_file().display()
        )
    };
    let targets: String = binds.iter().map(target).collect();
    format!(
        "- name: default\n  id: 794ccc2c-d751-44fe-b57f-8894c9f5c842\n  ns_records: [{{hostname: ns1.example.org., priority: 1}}]\n  nameservers:\n{nameservers}  targets:\n{targets}"
    )
}

/// A server with that pool.
fn serve(folder: &Path, binds: &[Bind], settings: &str) -> Server {
    let settings = format!("[central.quotas]\nzones = -1\n{settings}");
    Server::serve(folder, &settings, |mdns| pool(binds, mdns))
}

fn create(server: &Server, name: &str) -> String {
    let zone = json!({"name": name, "email": "admin@example.org"});
    let zone = server.expect(202, "POST", "/v2/zones", Some(&zone));
    format!("/v2/zones/{}", zone["id"].as_str().unwrap())
}

fn create_address(server: &Server, zone: &str, name: &str, address: &str) -> String {
    let recordset = json!({"name": name, "type": "A", "records": [address]});
    let recordset = server.expect(202, "POST", &format!("{zone}/recordsets"), Some(&recordset));
    format!("{zone}/recordsets/{}", recordset["id"].as_str().unwrap())
}

#[tokio::test]
async fn every_change_reaches_both_servers() {
    let Some(binds) = Bind::start_many(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &binds, "");
    let zone = create(&server, "example.org.");
    let recordset = create_address(&server, &zone, "www.example.org.", "192.0.2.1");
    let expect = async |wanted: Result<Vec<String>, ResponseCode>| {
        for bind in &binds {
            assert_eq!(
                answer(&at(bind), "www.example.org.", RecordType::A, false).await,
                wanted,
                "{}",
                bind.log()
            );
        }
    };
    server.until_status(&zone, "ACTIVE");
    expect(Ok(vec![String::from("192.0.2.1")])).await;

    server.expect(202, "PUT", &recordset, Some(&json!({"records": ["192.0.2.2"]})));
    server.until_status(&zone, "ACTIVE");
    expect(Ok(vec![String::from("192.0.2.2")])).await;

    server.expect(202, "PATCH", &zone, Some(&json!({"ttl": 7200})));
    server.until_status(&zone, "ACTIVE");

    server.expect(202, "DELETE", &recordset, None);
    server.until_status(&zone, "ACTIVE");
    expect(Err(ResponseCode::NXDomain)).await;

    server.expect(202, "DELETE", &zone, None);
    server.until(&zone, |status, _| status == 404);
    expect(Err(ResponseCode::Refused)).await;
}

#[tokio::test]
async fn a_zone_is_active_within_a_quarter_of_a_second() {
    let Some(binds) = Bind::start_many(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &binds, "");
    let mut times = Vec::new();
    for number in 0..ZONES {
        let posted = Instant::now();
        let zone = create(&server, &format!("zone{number}.example."));
        server.until_status(&zone, "ACTIVE");
        times.push(posted.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("POST to ACTIVE: median {median:?}, worst {:?}", times[times.len() - 1]);
    assert!(median < Duration::from_millis(250), "median {median:?}");
}

#[tokio::test]
async fn a_lost_server_makes_an_error_and_its_return_mends_it() {
    let Some(mut binds) = Bind::start_many(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = serve(
        folder.path(),
        &binds,
        "[worker]\npropagation_timeout = \"2s\"\n[producer.recovery]\ninterval = \"1s\"\n",
    );
    let zone = create(&server, "lost.example.");
    server.until_status(&zone, "ACTIVE");

    binds[1].stop();
    create_address(&server, &zone, "www.lost.example.", "192.0.2.1");
    let missed = create(&server, "missed.example.");
    server.until_status(&zone, "ERROR");
    server.until_status(&missed, "ERROR");
    let wanted = Ok(vec![String::from("192.0.2.1")]);
    assert_eq!(answer(&at(&binds[0]), "www.lost.example.", RecordType::A, false).await, wanted);

    binds[1].start_again();
    server.until_status(&zone, "ACTIVE");
    server.until_status(&missed, "ACTIVE");
    assert_eq!(answer(&at(&binds[1]), "www.lost.example.", RecordType::A, false).await, wanted);
    assert!(answer(&at(&binds[1]), "missed.example.", RecordType::SOA, false).await.is_ok());
}

#[tokio::test]
async fn half_of_the_servers_are_enough_if_the_threshold_says_so() {
    let Some(mut binds) = Bind::start_many(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &binds, "[worker]\nthreshold_percentage = 50\n");
    binds[1].stop();
    let zone = create(&server, "half.example.");
    server.until_status(&zone, "ACTIVE");

    // ACTIVE or not: whoever was away is brought up to date.
    binds[1].start_again();
    let back = Instant::now();
    while answer(&at(&binds[1]), "half.example.", RecordType::SOA, false).await.is_err() {
        assert!(back.elapsed() < LIMIT, "{}\n{}", server.log(), binds[1].log());
    }
}

/// A master that takes what it is sent and never answers, as one does that was stopped.
#[tokio::test]
async fn a_master_that_stands_still_is_left_for_another() {
    let Some(binds) = Bind::start_many(1) else { return };
    let at = free_port();
    let _silent = (std::net::UdpSocket::bind(at).unwrap(), std::net::TcpListener::bind(at).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let settings = "[central.quotas]\nzones = -1\n";
    let server = Server::serve(folder.path(), settings, |mdns| pool_fed_from(&binds, &[at.port(), mdns]));
    // Each zone has the masters in an order of its own: among so many some begin with the silent one.
    let zones: Vec<String> = (0..16).map(|n| create(&server, &format!("zone{n}.example."))).collect();
    for zone in &zones {
        server.until_status(zone, "ACTIVE");
    }
    assert!(server.log().contains("asks another master"), "no zone left the silent master by itself");
    for (n, zone) in zones.iter().enumerate() {
        let address = create_address(&server, zone, &format!("www.zone{n}.example."), "192.0.2.1");
        server.until_status(&address, "ACTIVE");
    }
}

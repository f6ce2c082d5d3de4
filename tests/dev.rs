//! `ordain dev` as a process: an HTTP call becomes a DNS answer, soon, and survives a crash.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::json;
use support::dns::answer;
use support::server::Server;
use tokio::time::Instant;

const ZONES: usize = 50;

fn new_zone(name: &str) -> serde_json::Value {
    json!({"name": name, "email": "admin@example.org"})
}

/// Creates a zone; its path.
fn create(server: &Server, name: &str) -> String {
    let zone = server.expect(202, "POST", "/v2/zones", Some(&new_zone(name)));
    format!("/v2/zones/{}", zone["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_is_posted_is_answered_over_udp_and_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path());
    let zone = create(&server, "example.org.");
    let records =
        json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1", "192.0.2.2"], "ttl": 60});
    let recordset = server.expect(202, "POST", &format!("{zone}/recordsets"), Some(&records));
    server.until_status(&zone, "ACTIVE");
    let recordset = format!("{zone}/recordsets/{}", recordset["id"].as_str().unwrap());
    server.until_status(&recordset, "ACTIVE");
    for tcp in [false, true] {
        let found = answer(&server.dns(), "www.example.org.", RecordType::A, tcp).await;
        assert_eq!(found, Ok(vec![String::from("192.0.2.1"), String::from("192.0.2.2")]));
        assert_eq!(
            answer(&server.dns(), "absent.example.org.", RecordType::A, tcp).await,
            Err(ResponseCode::NXDomain)
        );
        assert_eq!(
            answer(&server.dns(), "example.net.", RecordType::A, tcp).await,
            Err(ResponseCode::Refused)
        );
    }

    server.expect(202, "DELETE", &zone, None);
    server.until(&zone, |status, _| status == 404);
    assert_eq!(
        answer(&server.dns(), "www.example.org.", RecordType::A, false).await,
        Err(ResponseCode::Refused)
    );
}

#[tokio::test]
async fn an_answer_comes_within_a_tenth_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path());
    let mut times = Vec::new();
    for number in 0..ZONES {
        let name = format!("zone{number}.example.");
        let posted = Instant::now();
        create(&server, &name);
        while answer(&server.dns(), &name, RecordType::SOA, false).await.is_err() {
            assert!(posted.elapsed() < support::server::LIMIT, "{name} is never answered\n{}", server.log());
        }
        times.push(posted.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("POST to answer: median {median:?}, worst {:?}", times[times.len() - 1]);
    assert!(median < Duration::from_millis(100), "median {median:?}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(folder.path());
    let zone = create(&server, "kept.example.");
    let paths: Vec<String> = (0..20)
        .map(|number| {
            let name = format!("host{number}.kept.example.");
            let records = json!({"name": name, "type": "A", "records": [format!("192.0.2.{number}")]});
            server.expect(202, "POST", &format!("{zone}/recordsets"), Some(&records));
            name
        })
        .collect();
    // At once: the last changes are not published yet.
    server.kill();
    server.start_again();
    for (number, name) in paths.iter().enumerate() {
        let started = Instant::now();
        let wanted = Ok(vec![format!("192.0.2.{number}")]);
        while answer(&server.dns(), name, RecordType::A, false).await != wanted {
            assert!(started.elapsed() < support::server::LIMIT, "{name} is lost\n{}", server.log());
        }
    }
    server.until_status(&zone, "ACTIVE");
}

//! `ordain serve` on a real PostgreSQL: the way of a change in real time, and the database going away meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::json;
use support::dns::answer;
use support::postgres::Postgres;
use support::server::{Server, run};

fn create(server: &Server, name: &str) -> String {
    let zone = json!({"name": name, "email": "admin@example.org"});
    let zone = server.expect(202, "POST", "/v2/zones", Some(&zone));
    format!("/v2/zones/{}", zone["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_change_comes_through_and_outlives_a_restart_of_everything() {
    let Some(postgres) = Postgres::start(&["fsync=on"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on_database(folder.path(), &postgres.database().await);
    let zone = create(&server, "Example.ORG.");
    server.until_status(&zone, "ACTIVE");
    let set = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
    server.expect(202, "POST", &format!("{zone}/recordsets"), Some(&set));
    server.until_status(&zone, "ACTIVE");
    let expected = Ok(vec![String::from("192.0.2.1")]);
    assert_eq!(answer(&server.dns(), "www.example.org.", RecordType::A, false).await, expected);
    let again = json!({"name": "example.org.", "email": "admin@example.org"});
    server.expect(409, "POST", "/v2/zones", Some(&again));

    // Without its database the service says so at once, and goes on by itself when it is back.
    postgres.stop();
    server.expect(503, "GET", &zone, None);
    assert_eq!(answer(&server.dns(), "www.example.org.", RecordType::A, false).await, expected);
    postgres.start_again();
    server.until(&zone, |status, _| status == 200);
    let other = create(&server, "example.net.");
    server.until_status(&other, "ACTIVE");

    server.kill();
    postgres.kill();
    postgres.start_again();
    server.start_again();
    server.until_status(&zone, "ACTIVE");
    assert_eq!(answer(&server.dns(), "www.example.org.", RecordType::A, false).await, expected);
    server.expect(202, "DELETE", &zone, None);
    server.until(&zone, |status, _| status == 404);
    let gone = answer(&server.dns(), "www.example.org.", RecordType::A, false).await;
    assert_eq!(gone, Err(ResponseCode::Refused));
}

#[tokio::test]
async fn a_password_shows_in_no_output() {
    let Some(postgres) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ordain.toml");
    let url = |password: &str| {
        format!("postgresql://locked:{password}@127.0.0.1:{}/postgres?sslmode=disable", postgres.port())
    };
    let with = |password: &str, arguments: &[&str]| {
        std::fs::write(&file, format!("database.url = \"{}\"\n", url(password))).unwrap();
        run(&[arguments, &["--config", &file.to_string_lossy()]].concat())
    };
    let shown = with("se%3Acret", &["config", "show"]).unwrap();
    assert!(
        shown.contains("postgresql://locked:***@127.0.0.1")
            && !shown.contains("se:cret")
            && !shown.contains("se%3Acret"),
        "{shown}"
    );
    let status = with("se%3Acret", &["db", "status"]).unwrap();
    assert!(!status.contains("se:cret") && !status.contains("se%3Acret"), "{status}");
    let refused = with("wr0ng", &["db", "status"]).unwrap_err();
    assert!(refused.contains("28P01") && !refused.contains("wr0ng"), "{refused}");
}

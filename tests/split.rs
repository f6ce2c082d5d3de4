//! `ordain serve` as several processes over a real broker and a real PostgreSQL, started in whatever order.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use ordain::domain::host_port::HostPort;
use serde_json::{Value, json};
use support::dns::answer;
use support::part::{Part, ask};
use support::ports::free_port;
use support::postgres::Postgres;
use support::rabbitmq::Rabbit;
use support::server::{LIMIT, run};
use tokio::time::Instant;

/// What all processes have in common.
fn common(database: &str, broker: &str) -> String {
    format!(
        "database.url = \"{database}\"\ntransport.kind = \"amqp\"\ntransport.amqp.urls = [\"{broker}\"]\n\
         heartbeat.interval = \"1s\"\n"
    )
}

fn pools(folder: &Path, dns: SocketAddr) -> String {
    let file = folder.join("pools.yaml");
    let text = format!(
        "- name: default\n  ns_records: [{{hostname: ns1.example.net., priority: 1}}]\n  \
         nameservers: [{{host: 127.0.0.1, port: {}}}]\n  targets: [{{type: native}}]\n",
        dns.port()
    );
    std::fs::write(&file, text).unwrap();
    format!("pools.file = \"{}\"\n", file.display())
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn create(api: SocketAddr, name: &str) -> Option<String> {
    let zone = json!({"name": name, "email": "admin@example.org"}).to_string();
    let created = ask(api, "POST", "/v2/zones", &[], &zone).unwrap();
    if created.status == 503 {
        assert!(created.header("Retry-After").is_some(), "{created:?}");
        return None;
    }
    assert_eq!(created.status, 202, "{created:?}");
    Some(format!("/v2/zones/{}", created.json()["id"].as_str().unwrap()))
}

fn until_active(api: SocketAddr, zone: &str) {
    until(&format!("{zone} to be ACTIVE"), || {
        let shown = ask(api, "GET", zone, &[], "").unwrap();
        (shown.json()["status"] == "ACTIVE").then_some(())
    });
}

#[tokio::test]
async fn every_service_waits_for_what_is_missing_in_whatever_order_it_comes() {
    let (Some(postgres), Some(mut broker)) = (Postgres::start(&["fsync=off"]), Rabbit::start()) else {
        return;
    };
    let database = postgres.database().await;
    postgres.stop();
    broker.stop();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let common = common(&database, &broker.url());
    let (api, second_api, dns) = (free_port(), free_port(), free_port());
    let listen = |what: &str, at: SocketAddr| format!("{common}{what}.listen = [\"{at}\"]\n");
    let central = common.clone() + &pools(folder, dns);

    // Whoever is called comes last.
    let mut callers = vec![
        Part::start(folder, "api", "api", &listen("api", api)),
        Part::start(folder, "api-2", "api", &listen("api", second_api)),
        Part::start(folder, "producer", "producer", &common),
    ];
    let mut on_database = vec![
        Part::start(folder, "worker", "worker", &common),
        Part::start(folder, "worker-2", "worker", &common),
        Part::start(folder, "mdns", "mdns", &listen("mdns", dns)),
    ];
    for part in &mut callers {
        let wants = part.until_wants(|wants| wants.contains("broker: 127.0.0.1"));
        assert!(!wants.contains("database"), "needs no database: {wants}");
    }
    for part in &mut on_database {
        part.until_wants(|wants| {
            wants.contains("broker: 127.0.0.1") && wants.contains("database: database is")
        });
    }
    let asked = Instant::now();
    until("the API to listen", || ask(api, "GET", "/healthcheck/live", &[], "").map(|live| live.status))
        .eq(&200)
        .then_some(())
        .unwrap();
    assert_eq!(create(api, "early.example."), None);
    assert!(asked.elapsed() < LIMIT / 2);

    // The broker first; an API is missing nothing but somebody to serve it.
    broker.start_again();
    for part in &mut callers[..2] {
        part.until_wants(|wants| !wants.contains("broker"));
    }
    assert_eq!(create(api, "early.example."), None);
    on_database.push(Part::start(folder, "central", "central", &central));
    on_database.push(Part::start(folder, "central-2", "central", &central));
    for part in &mut on_database {
        part.until_wants(|wants| !wants.contains("broker") && wants.contains("database: database is"));
    }
    postgres.start_again();
    for part in on_database.iter_mut().chain(&mut callers) {
        part.until_ready();
    }
    let zone = until("a zone to be taken", || create(api, "example.org."));
    until_active(second_api, &zone);
    let at = HostPort::new(dns.ip().to_string(), dns.port());
    answer(&at, "example.org.", RecordType::SOA, false).await.unwrap();

    // What was waited for is told when it changes, not at every attempt.
    for part in on_database.iter().chain(&callers) {
        let log = part.log();
        let told = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        assert!(told("is missing") <= 12, "{log}");
        assert_eq!(told("is still missing"), 0, "{log}");
    }

    // An outage of either heals without anybody's help.
    postgres.stop();
    let wants = on_database[0].until_wants(|wants| wants != "OK");
    assert!(wants.contains("database"), "{wants}");
    assert_eq!(create(api, "example.net."), None);
    broker.kill();
    callers[0].until_wants(|wants| wants.contains("broker"));
    assert_eq!(create(api, "example.net."), None);
    postgres.start_again();
    broker.start_again();
    for part in on_database.iter_mut().chain(&mut callers) {
        part.until_ready();
    }
    let zone = until("a zone to be taken", || create(second_api, "example.net."));
    until_active(api, &zone);
    for mut part in on_database.into_iter().chain(callers) {
        part.terminate();
        assert!(part.until_ended().success(), "{}", part.log());
    }
}

#[tokio::test]
async fn a_database_that_is_made_later_and_migrated_by_somebody_else_is_waited_for() {
    let Some(postgres) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let url = postgres.url("later");
    let settings =
        format!("database.url = \"{url}\"\ndatabase.migrate = false\nmdns.listen = [\"{}\"]\n", free_port());
    let mut part = Part::start(folder, "behind", "central,worker,mdns,producer", &settings);
    part.until_wants(|wants| wants.contains("\"later\" does not exist"));
    let admin = postgres.client("postgres").await;
    admin.batch_execute("CREATE DATABASE later").await.unwrap();
    part.until_wants(|wants| wants.contains("ordain db migrate"));
    let config = folder.join("behind.toml");
    run(&["db", "migrate", "--config", &config.to_string_lossy()]).unwrap();
    part.until_ready();

    // A role may yet be made, or given its password, so that is waited for, too.
    let wrong = format!("postgresql://locked:wr0ng@127.0.0.1:{}/later?sslmode=disable", postgres.port());
    let mut refused = Part::start(folder, "refused", "central", &settings.replace(&url, &wrong));
    let wants = refused.until_wants(|wants| wants.contains("28P01"));
    assert!(!wants.contains("wr0ng") && !refused.log().contains("wr0ng"));
}

#[tokio::test]
async fn what_nobody_else_can_set_right_ends_the_process() {
    let Some(postgres) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let url = postgres.database().await;
    let settings = format!("database.url = \"{url}\"\n");
    let mut part = Part::start(folder, "first", "central", &settings);
    part.until_ready();
    let (_, name) = url.split_once("127.0.0.1").unwrap();
    let name = name.split_once('/').unwrap().1.split_once('?').unwrap().0;
    let admin = postgres.client(name).await;
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 SELECT 9000, 'newer', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    admin.batch_execute(newer).await.unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap();
    for (name, services, more, complaint) in [
        ("newer", "central", String::new(), "migration failed"),
        ("newer-waiting", "central", String::from("database.migrate = false\n"), "newer"),
        (
            "trust",
            "central",
            format!("transport.kind = \"amqp\"\ntransport.amqp.ca_file = \"{}/none\"\n", folder.display()),
            "none",
        ),
        ("busy", "api", format!("api.listen = [\"{busy}\"]\n"), "cannot listen"),
        ("pools", "central", String::from("pools.file = \"/does/not/exist\"\n"), "/does/not/exist"),
    ] {
        let mut part = Part::start(folder, name, services, &format!("{settings}{more}"));
        let status = part.until_ended();
        assert!(!status.success() && part.log().contains(complaint), "{name}: {}", part.log());
    }
}

#[test]
fn health_tells_what_is_missing_to_whom_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (api, broker) = (free_port(), free_port());
    let disable = folder.join("disabled");
    let settings = format!(
        "api.listen = [\"{api}\"]\ntransport.kind = \"amqp\"\ntransport.amqp.urls = [\"amqp://{broker}/%2f\"]\n\
         health.disable_by_file = \"{}\"\n",
        disable.display()
    );
    let mut part = Part::start(folder, "api", "api", &settings);
    part.until_wants(|wants| wants.contains(&format!("broker: {broker}")));
    until("the API to listen", || ask(api, "GET", "/healthcheck/live", &[], ""));
    let get = |at, path, accept| {
        let answer = ask(at, "GET", path, &[("Accept", accept)], "").unwrap();
        (answer.status, if accept == "application/json" { answer.json() } else { Value::from(answer.body) })
    };
    let (json, text) = ("application/json", "text/plain");
    let (status, told) = get(api, "/healthcheck", text);
    assert_eq!(status, 503);
    assert!(told.as_str().unwrap().contains("broker is missing"), "{told}");
    assert!(!told.as_str().unwrap().contains(&broker.to_string()), "{told}");
    let (status, told) = get(part.health(), "/healthcheck", json);
    assert_eq!((status, &told["detailed"]), (503, &json!(true)));
    let broker_part =
        told["reasons"].as_array().unwrap().iter().find(|part| part["class"] == "broker").unwrap();
    assert_eq!(broker_part["reason"], "MISSING");
    assert!(broker_part["details"].as_str().unwrap().contains(&broker.to_string()), "{told}");
    for at in [api, part.health()] {
        assert_eq!(get(at, "/healthcheck/live", text), (200, json!("OK")));
        assert_eq!(get(at, "/healthcheck/traffic", text), (200, json!("OK")));
    }
    std::fs::write(&disable, "").unwrap();
    assert_eq!(get(api, "/healthcheck/traffic", text), (503, json!("DISABLED BY FILE")));
    let told = json!({"detailed": false, "reasons": ["DISABLED BY FILE"]});
    assert_eq!(get(api, "/healthcheck/traffic", json), (503, told));
    assert_eq!(ask(api, "HEAD", "/healthcheck/traffic", &[], "").unwrap().status, 503);
    assert_eq!(get(api, "/healthcheck/live", text), (200, json!("OK")));
    std::fs::remove_file(&disable).unwrap();
    assert_eq!(ask(api, "HEAD", "/healthcheck/traffic", &[], "").unwrap().status, 204);
}

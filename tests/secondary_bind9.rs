//! Real BIND 9 servers as masters of secondary zones, and another as the name server of the pool.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use hickory_proto::rr::RecordType;
use ordain::domain::host_port::HostPort;
use serde_json::{Value, json};
use support::bind::Bind;
use support::dns::answer;
use support::ports::free_port;
use support::server::Server;

const SETTINGS: &str = "[worker.xfr]\nmin_interval = \"1s\"\ntimeout = \"3s\"\nsoa_timeout = \"1s\"\n";

fn at(bind: &Bind) -> HostPort {
    HostPort::new("127.0.0.1", bind.dns().port())
}

/// Writes the zone that a master serves.
fn write(bind: &Bind, serial: u32, refresh: u32, more: &str) {
    let text = format!(
        "$TTL 300\n@ 600 IN SOA ns.example.net. admin.example.org. {serial} {refresh} 1 86400 60\n@ NS ns.example.net.\n{more}"
    );
    std::fs::write(bind.folder().join("theirs.zone"), text).unwrap();
}

/// Makes a server the master of the zone; it tells whoever listens at the port of its changes.
fn serve(bind: &Bind, tells: Option<u16>) {
    let notify = tells.map_or(String::from("notify no;"), |port| {
        format!("notify explicit; also-notify {{ 127.0.0.1 port {port}; }};")
    });
    let body = format!("{{ type primary; file \"theirs.zone\"; {notify} }};");
    bind.control(&["addzone", "example.org", &body]).unwrap();
}

fn create(server: &Server, masters: &[String]) -> String {
    let zone = json!({"name": "example.org.", "type": "SECONDARY", "masters": masters});
    let zone = server.expect(202, "POST", "/v2/zones", Some(&zone));
    format!("/v2/zones/{}", zone["id"].as_str().unwrap())
}

fn until_serial(server: &Server, zone: &str, serial: u32) -> Value {
    server.until(zone, |_, zone| zone["serial"] == json!(serial) && zone["status"] == "ACTIVE")
}

async fn address_at(server: &HostPort, name: &str) -> Vec<String> {
    answer(server, name, RecordType::A, false).await.unwrap_or_default()
}

fn pool(bind: &Bind, mdns: u16) -> String {
    format!(
        "- name: default\n  id: 794ccc2c-d751-44fe-b57f-8894c9f5c842\n  ns_records: [{{hostname: ns1.example.org., priority: 1}}]\n  \
         nameservers:\n    - {{host: 127.0.0.1, port: {port}}}\n  targets:\n    - type: bind9\n      \
         masters: [{{host: 127.0.0.1, port: {mdns}}}]\n      \
         options: {{host: 127.0.0.1, port: {port}, rndc_host: 127.0.0.1, rndc_port: {}, rndc_key_file: '{}'}}\n",
        bind.rndc().port(),
        bind.key_file().display(),
        port = bind.dns().port(),
    )
}

#[tokio::test]
async fn a_change_at_the_master_reaches_the_pool() {
    let Some(binds) = Bind::start_many(2) else { return };
    let [master, pooled] = &binds[..] else { panic!() };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), SETTINGS, |mdns| pool(pooled, mdns));
    // More than one message, and types of every kind.
    let hosts: String = (0..3000).map(|n| format!("host-{n} A 192.0.2.{}\n", n % 256)).collect();
    let odd = "odd TYPE65280 \\# 4 0a000001\nds DS 12345 8 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\
               loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\n";
    write(master, 2_026_010_101, 3600, &format!("www A 192.0.2.1\n{odd}{hosts}"));
    serve(master, Some(server.dns().port));
    let zone = create(&server, &[format!("127.0.0.1:{}", master.dns().port())]);
    let shown = until_serial(&server, &zone, 2_026_010_101);
    assert!(shown["transferred_at"].is_string(), "{shown}");
    for place in [&server.dns(), &at(pooled)] {
        assert_eq!(address_at(place, "www.example.org.").await, ["192.0.2.1"], "{}", pooled.log());
        assert_eq!(address_at(place, "host-2999.example.org.").await, ["192.0.2.183"]);
        for kind in [43, 29, 65280].map(RecordType::from) {
            let name = match kind {
                RecordType::DS => "ds.example.org.",
                RecordType::Unknown(29) => "loc.example.org.",
                _ => "odd.example.org.",
            };
            let (ours, theirs) =
                (answer(place, name, kind, false).await, answer(&at(master), name, kind, false).await);
            assert_eq!(ours, theirs, "{name}");
        }
    }
    let sets = server.expect(200, "GET", &format!("{zone}/recordsets?limit=1"), None);
    assert_eq!(sets["metadata"]["total_count"], json!(3006));

    // Its NOTIFY is enough.
    write(master, 2_026_010_102, 3600, "www A 192.0.2.2\n");
    master.control(&["reload", "example.org"]).unwrap();
    until_serial(&server, &zone, 2_026_010_102);
    assert_eq!(address_at(&at(pooled), "www.example.org.").await, ["192.0.2.2"], "{}", pooled.log());
    assert!(address_at(&at(pooled), "host-1.example.org.").await.is_empty());

    server.expect(202, "DELETE", &zone, None);
    server.until(&zone, |status, _| status == 404);
    assert!(address_at(&at(pooled), "www.example.org.").await.is_empty());
}

#[tokio::test]
async fn by_hand_with_one_of_two_masters_dead() {
    let Some(master) = Bind::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve_natively(folder.path(), SETTINGS);
    write(&master, 1, 3600, "www A 192.0.2.1\n");
    serve(&master, None);
    let dead = format!("127.0.0.1:{}", free_port().port());
    let zone = create(&server, &[dead, format!("127.0.0.1:{}", master.dns().port())]);
    until_serial(&server, &zone, 1);
    for serial in 2..5 {
        write(&master, serial, 3600, &format!("www A 192.0.2.{serial}\n"));
        master.control(&["reload", "example.org"]).unwrap();
        server.expect(202, "POST", &format!("{zone}/tasks/xfr"), None);
        until_serial(&server, &zone, serial);
        assert_eq!(address_at(&server.dns(), "www.example.org.").await, [format!("192.0.2.{serial}")]);
    }
}

#[tokio::test]
async fn a_master_that_was_away_is_found_again_and_so_is_one_after_a_crash() {
    let Some(mut master) = Bind::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::serve_natively(folder.path(), SETTINGS);
    write(&master, 1, 2, "www A 192.0.2.1\n");
    serve(&master, None);
    master.stop();
    let zone = create(&server, &[format!("127.0.0.1:{}", master.dns().port())]);
    let shown = server.expect(200, "GET", &zone, None);
    assert_eq!((&shown["serial"], &shown["status"]), (&json!(1), &json!("PENDING")));
    master.start_again();
    until_serial(&server, &zone, 1);
    assert_eq!(address_at(&server.dns(), "www.example.org.").await, ["192.0.2.1"]);

    master.stop();
    write(&master, 2, 2, "www A 192.0.2.2\n");
    master.start_again();
    until_serial(&server, &zone, 2);

    // Nobody is told, and whoever had it in hand is dead.
    server.kill();
    write(&master, 3, 2, "www A 192.0.2.3\n");
    master.control(&["reload", "example.org"]).unwrap();
    server.start_again();
    until_serial(&server, &zone, 3);
    assert_eq!(address_at(&server.dns(), "www.example.org.").await, ["192.0.2.3"]);
}

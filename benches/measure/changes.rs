//! How long a change takes from its POST to the name servers.

use std::path::Path;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use ordain::domain::host_port::HostPort;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::http::Client;
use crate::support::bind::Bind;
use crate::support::dns::answer;
use crate::support::server::{LIMIT, Server};
use crate::table::Table;

const ZONES: usize = 50;
/// Between two looks, so that looking takes little of the machine.
const PAUSE: Duration = Duration::from_millis(1);
pub(crate) const UNLIMITED: &str = "[central.quotas]\nzones = -1\nzone_recordsets = -1\nzone_records = -1\n";

/// `ordain dev`: the name server is our own.
pub(crate) async fn built_in(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path());
    let mut client = Client::connect(server.api()).await;
    let (mut zones, mut created, mut active) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ZONES {
        let name = format!("zone{number}.example.");
        let posted = Instant::now();
        let zone = client.create_zone(&name).await;
        until_answered(&server.dns(), &name, RecordType::SOA, posted).await;
        created.push(posted.elapsed());
        until_active(&mut client, &zone, posted).await;
        active.push(posted.elapsed());
        zones.push((name, zone));
    }
    table.times("`dev`: POST of a zone until it is answered over UDP", created);
    table.times("`dev`: POST of a zone until it is ACTIVE", active);
    let mut changed = Vec::new();
    for (name, zone) in &zones {
        let name = format!("www.{name}");
        let posted = Instant::now();
        client.create_address(zone, &name).await;
        until_answered(&server.dns(), &name, RecordType::A, posted).await;
        changed.push(posted.elapsed());
    }
    table.times("`dev`: POST of a recordset until it is answered over UDP", changed);
}

/// `ordain serve` with a pool of two BIND 9 servers.
pub(crate) async fn two_binds(table: &mut Table) {
    let Some(binds) = Bind::start_many(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &binds);
    let places: Vec<HostPort> =
        binds.iter().map(|bind| HostPort::new("127.0.0.1", bind.dns().port())).collect();
    let mut client = Client::connect(server.api()).await;
    let (mut zones, mut created) = (Vec::new(), Vec::new());
    for number in 0..ZONES {
        let name = format!("zone{number}.example.");
        let posted = Instant::now();
        let zone = client.create_zone(&name).await;
        until_active(&mut client, &zone, posted).await;
        created.push(posted.elapsed());
        zones.push((name, zone));
    }
    table.times("two BIND 9: POST of a zone until it is ACTIVE", created);
    let (mut answered, mut active) = (Vec::new(), Vec::new());
    for (name, zone) in &zones {
        let name = format!("www.{name}");
        let posted = Instant::now();
        client.create_address(zone, &name).await;
        for place in &places {
            until_answered(place, &name, RecordType::A, posted).await;
        }
        answered.push(posted.elapsed());
        until_active(&mut client, zone, posted).await;
        active.push(posted.elapsed());
    }
    table.times("two BIND 9: POST of a recordset until both answer it", answered);
    table.times("two BIND 9: POST of a recordset until its zone is ACTIVE", active);
    let mut gone = Vec::new();
    for (_, zone) in &zones {
        let posted = Instant::now();
        client.expect(202, "DELETE", zone, "").await;
        while client.send("GET", zone, "").await.0 != 404 {
            in_time(posted).await;
        }
        gone.push(posted.elapsed());
    }
    table.times("two BIND 9: DELETE of a zone until it is gone", gone);
}

/// A server with a pool of these.
pub(crate) fn serve(folder: &Path, binds: &[Bind]) -> Server {
    Server::serve(folder, UNLIMITED, |mdns| {
        let nameservers: String = binds
            .iter()
            .map(|bind| format!("    - {{host: 127.0.0.1, port: {}}}\n", bind.dns().port()))
            .collect();
        let targets: String = binds
            .iter()
            .map(|bind| {
                format!(
                    "    - type: bind9\n      masters: [{{host: 127.0.0.1, port: {mdns}}}]\n      options: {{host: 127.0.0.1, port: {}, rndc_host: 127.0.0.1, rndc_port: {}, rndc_key_file: '{}'}}\n",
                    bind.dns().port(),
                    bind.rndc().port(),
                    bind.key_file().display()
                )
            })
            .collect();
        pool(&nameservers, &targets)
    })
}

/// The text of a pool file.
pub(crate) fn pool(nameservers: &str, targets: &str) -> String {
    format!(
        "- name: default\n  id: 794ccc2c-d751-44fe-b57f-8894c9f5c842\n  ns_records: [{{hostname: ns1.example.org., priority: 1}}]\n  nameservers:\n{nameservers}  targets:\n{targets}"
    )
}

async fn until_answered(server: &HostPort, name: &str, kind: RecordType, since: Instant) {
    while answer(server, name, kind, false).await.map_or(true, |data| data.is_empty()) {
        in_time(since).await;
    }
}

async fn until_active(client: &mut Client, zone: &str, since: Instant) {
    loop {
        let answer = client.expect(200, "GET", zone, "").await;
        let zone: Value = serde_json::from_slice(&answer).unwrap();
        if zone["status"] == "ACTIVE" {
            return;
        }
        in_time(since).await;
    }
}

/// A pause; fails if there were too many.
async fn in_time(since: Instant) {
    assert!(since.elapsed() < LIMIT, "it takes too long");
    sleep(PAUSE).await;
}

//! How many requests the API serves a second.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::changes::{UNLIMITED, pool};
use crate::http::{Client, repeat};
use crate::support::server::{LIMIT, Server};
use crate::table::{Table, millis};

const SPAN: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_secs(3);
const CLIENTS: [usize; 3] = [1, 16, 64];

/// Requests by several clients at a time; every answer is checked. Propagation to our own name server goes on meanwhile.
pub(crate) async fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), UNLIMITED, |mdns| {
        pool(&format!("    - {{host: 127.0.0.1, port: {mdns}}}\n"), "    - {type: native}\n")
    });
    let api = server.api();
    let mut client = Client::connect(api).await;
    let mut zones = Vec::new();
    for number in 0..64 {
        let name = format!("zone{number}.example.");
        zones.push((client.create_zone(&name).await, name));
    }
    let zones = &*zones;
    for clients in CLIENTS {
        let (count, took) = repeat(api, clients, SPAN, |mut client, number, turn| {
            let (path, name) = zones[number].clone();
            async move {
                client.create_address(&path, &format!("host-{clients}-{turn}.{name}")).await;
                client
            }
        })
        .await;
        table.rate(&format!("recordset POSTs, {clients} at a time, each in a zone of its own"), count, took);
        let waited = settled(&mut client).await;
        table.row("… until every zone is ACTIVE again", millis(waited));
    }
    let (count, took) = repeat(api, 16, SPAN, |mut client, number, turn| {
        let (path, name) = zones[63].clone();
        async move {
            client.create_address(&path, &format!("same-{number}-{turn}.{name}")).await;
            client
        }
    })
    .await;
    table.rate("recordset POSTs, 16 at a time, all in one zone", count, took);
    settled(&mut client).await;
    let (count, took) = repeat(api, 16, SHORT, |mut client, number, turn| async move {
        client.create_zone(&format!("new-{number}-{turn}.example.")).await;
        client
    })
    .await;
    table.rate("zone POSTs, 16 at a time", count, took);
    let waited = settled(&mut client).await;
    table.row("… until every zone is ACTIVE", millis(waited));
    for (what, path) in [
        ("GETs of a zone", zones[0].0.clone()),
        ("GETs of a list of 20 zones", String::from("/v2/zones?limit=20")),
        ("GETs of a list of 20 recordsets of a zone", format!("{}/recordsets?limit=20", zones[0].0)),
    ] {
        let (count, took) = repeat(api, 16, SHORT, |mut client, _, _| {
            let path = path.clone();
            async move {
                client.expect(200, "GET", &path, "").await;
                client
            }
        })
        .await;
        table.rate(&format!("{what}, 16 at a time"), count, took);
    }
}

/// Waits until no zone is under way; how long that took.
async fn settled(client: &mut Client) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = client.expect(200, "GET", "/v2/zones?status=PENDING&limit=1", "").await;
        let list: Value = serde_json::from_slice(&answer).unwrap();
        if list["zones"].as_array().unwrap().is_empty() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < LIMIT, "zones stay pending");
        sleep(Duration::from_millis(5)).await;
    }
}

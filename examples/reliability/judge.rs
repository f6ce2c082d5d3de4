//! The end: everything acknowledged is where it belongs, nothing is doubled, nothing is stuck.
//!
//! Invariants: API and name servers are read when nothing is under way any more; every difference is told.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::dns::{self, Content};
use crate::http::Client;
use crate::load::Load;
use crate::oracle::{Oracle, Records, Standing, Zone};
use crate::watch::Serials;

/// Longest that zones may need to settle after the last fault.
const SETTLE: Duration = Duration::from_secs(300);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) zones: usize,
    pub(crate) recordsets: usize,
    pub(crate) records: usize,
    /// Changes without a clear answer: done after all, and not done.
    pub(crate) unclear: (usize, usize),
    pub(crate) settled: Duration,
    pub(crate) wrong: Vec<String>,
}

/// Waits until every zone is ACTIVE or gone, then compares.
pub(crate) async fn judge(load: &Load, serials: &Serials, binds: &[SocketAddr]) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let begun = Instant::now();
    let listed = loop {
        let listed = list(&load.client, "/v2/zones?limit=1000", "zones").await;
        match listed {
            Ok(zones) if zones.iter().all(|zone| zone["status"] == "ACTIVE") => break zones,
            Ok(zones) if begun.elapsed() > SETTLE => {
                for zone in zones.iter().filter(|zone| zone["status"] != "ACTIVE") {
                    findings.wrong.push(format!("stuck: {zone}"));
                }
                break zones;
            }
            Err(error) if begun.elapsed() > SETTLE => return Err(error),
            _ => sleep(Duration::from_millis(200)).await,
        }
    };
    findings.settled = begun.elapsed();
    let mut by_name: HashMap<String, Value> = HashMap::new();
    for zone in listed {
        let name = text(&zone["name"]);
        if by_name.insert(name.clone(), zone).is_some() {
            findings.wrong.push(format!("the zone {name} is there twice"));
        }
    }
    // Nothing is under way any more, so nobody else wants it.
    let oracle =
        std::mem::replace(&mut *load.oracle.lock(), Oracle::new(0, rand::SeedableRng::seed_from_u64(0)));
    for zone in &oracle.zones {
        let shown = by_name.remove(&zone.name);
        let expected = match zone.standing {
            Standing::There => Some(true),
            Standing::Gone => Some(false),
            Standing::Coming | Standing::Going | Standing::Unclear => None,
        };
        if expected.is_some_and(|expected| expected != shown.is_some()) {
            findings
                .wrong
                .push(format!("{} should be {:?}, the API shows {shown:?}", zone.name, zone.standing));
        }
        if expected.is_none() {
            let done = shown.is_some() != zone.id.is_some();
            *(if done { &mut findings.unclear.0 } else { &mut findings.unclear.1 }) += 1;
        }
        match shown {
            Some(shown) => compare(load, serials, binds, zone, &shown, &mut findings).await?,
            None => {
                for bind in binds {
                    if let Some(serial) = dns::serial(*bind, &zone.name).await? {
                        findings
                            .wrong
                            .push(format!("{} is gone, but {bind} shows serial {serial}", zone.name));
                    }
                }
            }
        }
    }
    findings.wrong.extend(by_name.keys().map(|name| format!("nobody created the zone {name}")));
    findings.wrong.append(&mut load.wrong.lock());
    Ok(findings)
}

/// One zone that is there: what clients were told, what the API shows, what each name server shows.
async fn compare(
    load: &Load,
    serials: &Serials,
    binds: &[SocketAddr],
    zone: &Zone,
    shown: &Value,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let (id, name) = (text(&shown["id"]), &zone.name);
    if zone.id.as_ref().is_some_and(|known| *known != id) {
        findings.wrong.push(format!("{name} has another id: {id}"));
    }
    let mut recordsets: BTreeMap<(String, String), Records> = BTreeMap::new();
    let mut expected = Content::new();
    for recordset in
        list(&load.client, &format!("/v2/zones/{id}/recordsets?limit=1000"), "recordsets").await?
    {
        let key = (text(&recordset["name"]), text(&recordset["type"]));
        if key.1 == "SOA" || key.1 == "NS" {
            continue;
        }
        if recordset["status"] != "ACTIVE" {
            findings.wrong.push(format!("stuck: {recordset}"));
        }
        let records: Vec<_> = recordset["records"].as_array().into_iter().flatten().map(text).collect();
        for record in &records {
            *expected.entry((key.0.clone(), key.1.clone(), record.clone())).or_default() += 1;
        }
        if recordsets.insert(key.clone(), records.into_iter().collect()).is_some() {
            findings.wrong.push(format!("{} {} is there twice", key.0, key.1));
        }
    }
    findings.zones += 1;
    findings.recordsets += recordsets.len();
    findings.records += expected.len();
    for slot in &zone.slots {
        let there = recordsets.remove(&(slot.name.clone(), slot.kind.to_owned()));
        match slot.states.iter().position(|state| *state == there) {
            None => {
                findings.wrong.push(format!("{} should be {:?} and is {there:?}", slot.name, slot.states));
            }
            Some(at) if slot.states.len() > 1 => {
                *(if at > 0 { &mut findings.unclear.0 } else { &mut findings.unclear.1 }) += 1;
            }
            Some(_) => {}
        }
    }
    findings.wrong.extend(recordsets.keys().map(|key| format!("nobody created {key:?}")));
    for bind in binds {
        let (serial, content) = match dns::transfer(*bind, name).await {
            Ok(got) => got,
            Err(error) => {
                findings.wrong.push(format!("{name} at {bind}: {error:#}"));
                continue;
            }
        };
        if shown["serial"] != serial {
            findings.wrong.push(format!("{name}: the API shows serial {}, {bind} {serial}", shown["serial"]));
        }
        findings.wrong.extend(serials.note(*bind, name, serial));
        for (record, times) in &content {
            if expected.get(record) != Some(times) {
                findings.wrong.push(format!("{bind} shows {record:?} {times} times, the API otherwise"));
            }
        }
        for record in expected.keys().filter(|record| !content.contains_key(*record)) {
            findings.wrong.push(format!("{bind} lacks {record:?}"));
        }
    }
    Ok(())
}

/// All pages of a list.
async fn list(client: &Client, path: &str, items: &str) -> anyhow::Result<Vec<Value>> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next.take() {
        let mut page = client.get(&path).await?;
        if let Some(items) = page[items].as_array_mut() {
            found.append(items);
        }
        // Links are absolute.
        next = page["links"]["next"]
            .as_str()
            .and_then(|link| link.find("/v2/").and_then(|at| link.get(at..)))
            .map(str::to_owned);
    }
    Ok(found)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

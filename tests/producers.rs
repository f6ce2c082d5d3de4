//! Three `ordain serve` that agree in a cluster of their own, on one PostgreSQL: killed, stopped, paused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::part::Part;
use support::ports::free_port;
use support::postgres::Postgres;
use support::server::{LIMIT, run};
use tokio::time::Instant;

/// Short, since tests wait for it; long enough for a busy machine to renew.
const TTL: &str = "4s";
const SHARDS: u64 = 4096;

fn start(folder: &Path, database: &str) -> Vec<Part> {
    let ports: Vec<_> = (0..3).map(|_| free_port().to_string()).collect();
    let begin = |(at, listen): (usize, &String)| {
        let name = format!("p{at}");
        let settings = format!(
            "node.host = \"{name}\"\ndatabase.url = \"{database}\"\nmdns.listen = [\"{}\"]\nheartbeat.interval = \"1s\"\n\
             coordinator.kind = \"raft\"\ncoordinator.lease_ttl = \"{TTL}\"\ncoordinator.state_path = \"{}\"\n\
             coordinator.raft.listen = \"{listen}\"\ncoordinator.raft.peers = {ports:?}\n\
             coordinator.raft.secret = \"the secret of these tests\"\n",
            free_port(),
            folder.join(format!("{name}.coordinator")).display(),
        );
        Part::start(folder, &name, "central,worker,producer", &settings)
    };
    ports.iter().enumerate().map(begin).collect()
}

/// How the cluster stands, as one of the processes is asked.
fn status(part: &Part) -> Option<Value> {
    let config = part.config().to_string_lossy().into_owned();
    let text = run(&["cluster", "status", "--json", "--config", &config]).ok()?;
    Some(serde_json::from_str::<Value>(&text).unwrap()["status"].clone())
}

/// The producers, if every shard has one owner who is not asked to give it up, and the epoch of that.
fn settled(status: &Value) -> Option<(BTreeSet<String>, u64)> {
    let groups = status["groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["group"] == "producer")?;
    let members = group["members"].as_array().unwrap();
    let count = |key: &str| members.iter().map(|member| member[key].as_u64().unwrap()).sum::<u64>();
    let whole = count("shards") == SHARDS && count("releasing") == 0;
    let names = members.iter().map(|member| member["member"].as_str().unwrap().to_owned()).collect();
    whole.then(|| (names, group["epoch"].as_u64().unwrap()))
}

/// Waits until the producers are as wanted.
fn until(asked: &Part, what: &str, wanted: impl Fn(&BTreeSet<String>) -> bool) -> (BTreeSet<String>, u64) {
    let begun = Instant::now();
    loop {
        let seen = status(asked);
        if let Some((members, epoch)) = seen.as_ref().and_then(settled)
            && wanted(&members)
        {
            println!("{what} after {:?}", begun.elapsed());
            return (members, epoch);
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}: {seen:?}\n{}", asked.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn shards_are_served_whoever_is_killed_and_tokens_only_grow() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut parts = start(folder.path(), &database);
    let (all, first) = until(&parts[0], "three producers", |members| members.len() == 3);

    let leader = status(&parts[0]).unwrap()["leader"].clone();
    let members = status(&parts[0]).unwrap()["members"].clone();
    let at = |name: &str| {
        members.as_array().unwrap().iter().find(|member| member["peer"]["name"] == name).cloned()
    };
    let killed = (0..3).find(|n| at(&format!("p{n}")).unwrap()["node"] == leader).unwrap();
    let asked = (killed + 1) % 3;
    parts[killed].kill();
    let (left, second) = until(&parts[asked], "the killed leader's shards", |members| members.len() == 2);
    assert!(left.is_subset(&all) && second > first);

    parts[killed].start_again();
    let (_, third) = until(&parts[asked], "its return", |members| members.len() == 3);
    assert!(third > second);

    for part in &mut parts {
        part.kill();
    }
    for part in &mut parts {
        part.start_again();
    }
    let before = left.clone();
    let (_, last) = until(&parts[0], "all, after all were killed", |members| {
        members.len() == 3 && members.is_disjoint(&before)
    });
    assert!(last > third, "tokens begin anew");

    parts[killed].terminate();
    until(&parts[asked], "the shards of one that was asked to go", |members| members.len() == 2);
    assert!(parts[killed].until_ended().success());
}

#[tokio::test]
async fn a_producer_that_stood_still_notices_and_returns_as_another() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let parts = start(folder.path(), &database);
    let (all, _) = until(&parts[0], "three producers", |members| members.len() == 3);
    parts[1].signal("-STOP");
    let (left, _) = until(&parts[0], "the others to serve its shards", |members| members.len() == 2);
    let gone: BTreeSet<_> = all.difference(&left).cloned().collect();
    assert!(gone.iter().all(|name| name.starts_with("p1:")), "{gone:?}");
    parts[1].signal("-CONT");
    until(&parts[0], "its return", |members| members.len() == 3);
    let log = parts[1].log();
    assert!(log.contains("the seat among the producers is lost"), "{log}");
}

//! Three `ordain serve` that agree in a cluster of their own, on one PostgreSQL: killed, stopped, paused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::part::{Part, Surroundings, program};
use support::ports::free_port;
use support::postgres::Postgres;
use support::server::{LIMIT, run};
use tokio::time::Instant;

/// Short, since tests wait for it; long enough for a busy machine to renew.
const TTL: &str = "4s";
const SHARDS: u64 = 4096;

fn start(folder: &Path, database: &str) -> Vec<Part> {
    start_with(folder, database, &Surroundings::default())
}

fn start_with(folder: &Path, database: &str, surroundings: &Surroundings) -> Vec<Part> {
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
        Part::start_in(folder, &name, "central,worker,producer", &settings, surroundings.clone())
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

/// Who sits in a group, by session.
fn seats(status: &Value, group: &str) -> BTreeMap<String, String> {
    let groups = status["groups"].as_array().unwrap();
    let members =
        groups.iter().filter(|one| one["group"] == group).flat_map(|one| one["members"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    members.map(|member| (text(&member["session"]), text(&member["member"]))).collect()
}

#[tokio::test]
async fn processes_are_replaced_one_by_one_and_nobody_else_loses_a_lease() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    // From a build of before to this one and, where there is none, from this one to itself.
    let previous = std::env::var("ORDAIN_TEST_PREVIOUS").ok();
    let surroundings = Surroundings { program: previous, ..Surroundings::default() };
    let mut parts = start_with(folder.path(), &database, &surroundings);
    let (_, mut last) = until(&parts[0], "three producers", |members| members.len() == 3);
    for replaced in 0..3 {
        let asked = (replaced + 1) % 3;
        let before = seats(&status(&parts[asked]).unwrap(), "producer");
        parts[replaced].terminate();
        assert!(parts[replaced].until_ended().success(), "{}", parts[replaced].log());
        parts[replaced].set_program(program());
        parts[replaced].start_again();
        let (_, epoch) = until(&parts[asked], "the new one among the old", |members| members.len() == 3);
        assert!(epoch > last, "tokens begin anew");
        last = epoch;
        let after = seats(&status(&parts[asked]).unwrap(), "producer");
        let (stayed, gone): (Vec<_>, Vec<_>) =
            before.iter().partition(|(session, _)| after.contains_key(*session));
        assert!(
            stayed.len() == 2 && gone.iter().all(|(_, name)| name.starts_with(&format!("p{replaced}:"))),
            "{before:?} {after:?}"
        );
    }
}

#[tokio::test]
async fn what_the_cluster_says_of_ownership_is_what_the_statuses_say() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut parts = start(folder.path(), &database);
    until(&parts[0], "three producers", |members| members.len() == 3);
    let client = {
        let name = database.split('/').next_back().unwrap().split('?').next().unwrap().to_owned();
        postgres.client(&name).await
    };
    let begun = Instant::now();
    loop {
        // Instances tell of their shards with every sign of life.
        let sql = "SELECT hostname, instance::text, stats FROM service_statuses \
                   WHERE service_name = 'producer' AND status = 'UP'";
        let rows = client.query(sql, &[]).await.unwrap();
        let told: BTreeMap<String, Value> = rows
            .iter()
            .map(|row| {
                let name = format!("{}:{}", row.get::<_, String>(0), row.get::<_, String>(1));
                (name, serde_json::from_str(row.get(2)).unwrap())
            })
            .collect();
        let seen = status(&parts[0]).unwrap();
        let groups = seen["groups"].as_array().unwrap();
        let members = groups.iter().find(|group| group["group"] == "producer").unwrap()["members"].clone();
        let agree = members.as_array().unwrap().iter().all(|member| {
            let spans: Vec<String> = member["spans"]
                .as_array()
                .unwrap()
                .iter()
                .map(|span| format!("{}-{}", span[0], span[1]))
                .collect();
            let stats = &told.get(member["member"].as_str().unwrap()).cloned().unwrap_or_default();
            let shards = stats["shards"].as_str().and_then(|shards| shards.parse().ok());
            shards == member["shards"].as_u64()
                && stats["shard_ranges"] == spans.join(" ")
                && stats["session"] == member["session"]
        });
        if agree && told.len() == 3 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{told:?} {members}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let config = parts[0].config().to_string_lossy().into_owned();
    let text = run(&["cluster", "status", "--config", &config]).unwrap();
    for name in ["p0", "p1", "p2"] {
        let line = text.lines().find(|line| line.contains(&format!("{name}:")) && line.contains("shards: "));
        assert!(line.is_some_and(|line| line.contains(&format!("on {name} "))), "{text}");
    }

    // A lease that is over shows as DOWN long before signs of life are missed, which would be after half an hour.
    parts[2].kill();
    let down = "SELECT COUNT(*) FROM service_statuses WHERE hostname = 'p2' AND status <> 'DOWN'";
    let begun = Instant::now();
    while client.query_one(down, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < LIMIT, "{}", parts[0].log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("DOWN after {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_operator_updates_pools_under_a_lock_of_the_cluster() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database().await;
    let folder = tempfile::tempdir().unwrap();
    let parts = start(folder.path(), &database);
    until(&parts[0], "three producers", |members| members.len() == 3);
    let name = database.split('/').next_back().unwrap().split('?').next().unwrap().to_owned();
    let client = postgres.client(&name).await;
    let config = parts[1].config().to_string_lossy().into_owned();
    let file = folder.path().join("pools.yaml");
    let mut last = 0;
    for text in ["first", "second"] {
        std::fs::write(&file, format!("[{{ name: default, description: {text} }}]")).unwrap();
        run(&["pool", "update", "--config", &config, "--file", &file.to_string_lossy()]).unwrap();
        let row = client.query_one("SELECT token FROM fences WHERE resource = 'pools'", &[]).await.unwrap();
        assert!(row.get::<_, i64>(0) > last, "no token, or an old one");
        last = row.get(0);
    }
    let begun = Instant::now();
    while status(&parts[0]).unwrap()["locks"].as_array().is_none_or(|locks| !locks.is_empty()) {
        assert!(begun.elapsed() < LIMIT, "a lock stays behind");
        std::thread::sleep(Duration::from_millis(50));
    }
}

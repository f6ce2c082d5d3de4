//! How many recordsets a second the cluster takes, and how long each takes to be on both name servers; without faults.
//!
//! Invariants: every answer is checked; what is counted was acknowledged, hence committed with PostgreSQL's usual
//! `synchronous_commit = on`; services talk to the broker directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, interval, sleep};

use crate::cluster::Cluster;
use crate::http::{Answer, Client};
use crate::report::spread;

/// Zones that the changes are spread over.
const ZONES: usize = 256;
const SPAN: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(60);
/// Changes looked at one after the other, and of a steady load.
const WATCHED: usize = 100;

/// Prints a Markdown table.
pub(crate) async fn measure(cluster: &Cluster) -> anyhow::Result<()> {
    let client = Arc::new(Client::new(cluster.address("haproxy")?));
    let zones: Arc<Vec<(String, String)>> = Arc::new(create_zones(&client).await?);
    println!("| HAProxy → api → RabbitMQ → central → PostgreSQL | |\n|---|---|");
    for clients in [1, 16, 64, 128] {
        settle(&client).await?;
        let count = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let running = (0..clients).map(|number| {
            let (client, zones, count) = (Arc::clone(&client), Arc::clone(&zones), Arc::clone(&count));
            tokio::spawn(async move {
                let mut times = Vec::new();
                for turn in 0.. {
                    if begun.elapsed() > SPAN {
                        break;
                    }
                    let zone = &zones[(number + turn * clients) % zones.len()];
                    let posted = Instant::now();
                    post(&client, zone, &format!("rate-{clients}-{number}-{turn}")).await?;
                    times.push(posted.elapsed());
                    count.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(times)
            })
        });
        let mut times = Vec::new();
        for done in futures::future::join_all(running).await {
            times.extend(done??);
        }
        let rate = count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
        println!("| recordset POSTs a second, {clients} at a time | {rate:.0} |");
        println!("| … time of one, p50 / p99 / max, ms | {} |", spread(times));
        println!("| … until every zone was ACTIVE, ms | {} |", settle(&client).await?.as_millis());
    }
    let mut quiet = Vec::new();
    for number in 0..WATCHED {
        quiet.push(until_active(&client, &zones[number], &format!("quiet-{number}")).await?);
    }
    println!(
        "| POST of a recordset until ACTIVE on both BIND 9, one at a time, p50 / p99 / max, ms | {} |",
        spread(quiet)
    );
    let mut tick = interval(Duration::from_secs(1) / 50);
    let mut running = Vec::new();
    for number in 0..10 * WATCHED {
        tick.tick().await;
        let (client, zones) = (Arc::clone(&client), Arc::clone(&zones));
        running.push(tokio::spawn(async move {
            until_active(&client, &zones[number % zones.len()], &format!("steady-{number}")).await
        }));
    }
    let mut steady = Vec::new();
    for done in running {
        steady.push(done.await??);
    }
    println!("| the same at a steady 50 a second | {} |", spread(steady));
    Ok(())
}

async fn create_zones(client: &Arc<Client>) -> anyhow::Result<Vec<(String, String)>> {
    let mut zones = Vec::new();
    for number in 0..ZONES {
        let name = format!("zone{number}.example.");
        let body = json!({"name": name, "email": "admin@example.org"});
        match client.send("POST", "/v2/zones", Some(&body)).await {
            Answer::Told { status: 202, body, .. } => {
                zones.push((body["id"].as_str().unwrap_or_default().to_owned(), name));
            }
            other => anyhow::bail!("{name}: {other:?}"),
        }
    }
    Ok(zones)
}

/// Creates an address; its path.
async fn post(client: &Client, (id, zone): &(String, String), label: &str) -> anyhow::Result<String> {
    let body = json!({"name": format!("{label}.{zone}"), "type": "A", "records": ["192.0.2.1"]});
    let path = format!("/v2/zones/{id}/recordsets");
    match client.send("POST", &path, Some(&body)).await {
        Answer::Told { status: 202, body, .. } => {
            Ok(format!("{path}/{}", body["id"].as_str().unwrap_or_default()))
        }
        other => anyhow::bail!("{label}: {other:?}"),
    }
}

async fn until_active(client: &Client, zone: &(String, String), label: &str) -> anyhow::Result<Duration> {
    let posted = Instant::now();
    let path = post(client, zone, label).await?;
    while client.get(&path).await?["status"] != "ACTIVE" {
        anyhow::ensure!(posted.elapsed() < LIMIT, "{label} stays PENDING");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(posted.elapsed())
}

/// Waits until no zone is under way; how long that took.
async fn settle(client: &Client) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while client.get("/v2/zones?status=PENDING&limit=1").await?["zones"]
        .as_array()
        .is_some_and(|z| !z.is_empty())
    {
        anyhow::ensure!(begun.elapsed() < LIMIT, "zones stay PENDING");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(begun.elapsed())
}

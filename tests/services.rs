//! Services tell that they are there, and that they go; who falls silent is found out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::time::Duration;

use actix_web::http::Method;
use ordain::testing::{Failure, Spec, World, run};

/// Service and status of every row, sorted.
async fn statuses(world: &World) -> Result<Vec<(String, String)>, Failure> {
    let (_, body) = world.api().json(Method::GET, "/v2/service_statuses?limit=100", None).await?;
    let rows = body["service_statuses"].as_array().ok_or("no list")?.clone();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = rows.iter().map(|row| (text(row, "service_name"), text(row, "status"))).collect();
    found.sort();
    Ok(found)
}

fn all(status: &str) -> Vec<(String, String)> {
    ["api", "central", "mdns", "producer", "worker"].map(|name| (name.to_owned(), status.to_owned())).to_vec()
}

#[test]
fn every_service_shows_as_up() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world.until("five services UP", async || Ok(statuses(&world).await? == all("UP"))).await
    });
}

#[test]
fn a_crashed_service_shows_as_down_and_its_successor_as_up() {
    run(async {
        let spec = Spec::all_in_one().configured(|config| {
            config.producer.service_status.interval = Duration::from_secs(10);
            config.producer.service_status.time_threshold = Duration::from_secs(60);
        });
        let world = World::start(spec).await?;
        world.until("five services UP", async || Ok(statuses(&world).await?.len() == 5)).await?;
        let world = world.crash().await?;
        let mut expected = all("DOWN");
        expected.extend(all("UP"));
        expected.sort();
        world.until("the dead DOWN, the living UP", async || Ok(statuses(&world).await? == expected)).await
    });
}

#[test]
fn a_drained_deployment_says_goodbye() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world.until("five services UP", async || Ok(statuses(&world).await? == all("UP"))).await?;
        let store = world.store().clone();
        world.drain().await;
        let filter = ordain::domain::page::ServiceFilter::default();
        let page = ordain::domain::page::PageRequest {
            limit: 100,
            marker: None,
            sort_key: ordain::domain::page::ServiceSortKey::ServiceName,
            direction: ordain::domain::page::Direction::Ascending,
        };
        let rows = store.read(|tx| Box::pin(ordain::store::repo::statuses::find(tx, &filter, &page))).await?;
        assert_eq!(rows.items.len(), 5);
        assert!(rows.items.iter().all(|row| row.health.as_str() == "STOPPED"), "{rows:?}");
        Ok(())
    });
}

//! A whole DNS service inside a test: copy this into your own repository and go on from here.
//!
//! `cargo run --example world` runs it as a program, `cargo test --example world` as tests. In your `Cargo.toml`:
//! `[dev-dependencies] ordain = { version = "…", features = ["testing"] }`. With the URL of a RabbitMQ the first test runs over
//! that: `cargo run --example world -- amqp://guest:guest@127.0.0.1:5672/%2f`.

#![allow(clippy::indexing_slicing, reason = "JSON answers null where nothing is")]

use std::time::Duration;

use ordain::testing::{Failure, Manner, Spec, Wire, World, run};
use serde_json::json;

/// Your code under test: something that keeps a name pointing at an address, by the REST API.
async fn publish_address(world: &World, zone: &str, name: &str, address: &str) -> Result<(), Failure> {
    let (_, found) = world
        .api()
        .json(actix_web::http::Method::GET, &format!("/v2/zones/{zone}/recordsets?name={name}&type=A"), None)
        .await?;
    match found["recordsets"][0]["id"].as_str() {
        Some(id) => world.api().update_recordset(zone, id, &json!({ "records": [address] })).await.map(drop),
        None => world.api().create_recordset(zone, name, "A", &[address]).await.map(drop),
    }
}

/// The address moves; both name servers show where to.
async fn the_name_follows_the_address(wire: &Wire) -> Result<(), Failure> {
    let world = World::start(Spec::all_in_one().nameservers(2).over(wire)).await?;
    let zone = world.api().create_zone("example.org.").await?;
    publish_address(&world, &zone.id, "www.example.org.", "192.0.2.1").await?;
    publish_address(&world, &zone.id, "www.example.org.", "192.0.2.2").await?;
    world.zone_becomes(&zone.id, "ACTIVE").await?;
    assert_eq!(
        world.resolve("www.example.org.", hickory_proto::rr::RecordType::A).await?,
        ["192.0.2.2"],
        "our own name server, where the others transfer from"
    );
    Ok(())
}

/// One name server is away for half an hour: users see ERROR meanwhile, and nobody has to do anything afterwards.
async fn an_outage_is_seen_and_mends_itself() -> Result<(), Failure> {
    let world = World::start(Spec::all_in_one().nameservers(2)).await?;
    let zone = world.api().create_zone("example.org.").await?;
    world.zone_becomes(&zone.id, "ACTIVE").await?;

    world.nameserver(2).behave(Manner::Silent);
    publish_address(&world, &zone.id, "www.example.org.", "192.0.2.1").await?;
    world.advance(Duration::from_secs(1800)).await;
    assert_eq!(world.api().zone(&zone.id).await?.status, "ERROR");

    world.nameserver(2).behave(Manner::Normal);
    world.zone_becomes(&zone.id, "ACTIVE").await
}

fn main() -> Result<(), Failure> {
    let wire = match std::env::args().nth(1) {
        Some(broker) => broker.parse()?,
        None => Wire::default(),
    };
    wire.run(the_name_follows_the_address(&wire))?;
    // Half an hour has to pass in this one, so it needs the paused clock.
    run(an_outage_is_seen_and_mends_itself());
    println!("an outage of half an hour, in no time at all");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows() {
        for wire in [Wire::Typed, Wire::Codec] {
            wire.run(the_name_follows_the_address(&wire)).unwrap();
        }
    }

    #[test]
    fn mends() {
        run(an_outage_is_seen_and_mends_itself());
    }
}

//! From a request to the answers of name servers, with every service at work, on every wire.

use hickory_proto::rr::RecordType;
use ordain::domain::name::Name;
use ordain::domain::serial::Serial;
use ordain::testing::{Failure, Manner, Spec, Wire, World, run};
use serde_json::json;

use crate::support::on_every_wire;

on_every_wire!(what_is_put_in_is_answered_until_it_is_deleted, every_name_server_gets_every_change);

fn what_is_put_in_is_answered_until_it_is_deleted(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let world = World::start(Spec::all_in_one().over(wire)).await?;
        let api = world.api();
        let zone = api.create_zone("example.org.").await?;
        let set = api.create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.1"]);

        api.update_recordset(&zone.id, &set.id, &json!({ "records": ["192.0.2.2"] })).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.2"]);

        api.delete_zone(&zone.id).await?;
        world.zone_vanishes(&zone.id).await?;
        assert!(world.resolve("www.example.org.", RecordType::A).await?.is_empty());
        world.drain().await;
        Ok(())
    });
    outcome.unwrap();
}

fn every_name_server_gets_every_change(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let world = World::start(Spec::all_in_one().nameservers(2).over(wire)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;

        world.nameserver(1).behave(Manner::Silent);
        world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.nameserver(1).behave(Manner::Normal);
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let shown = Some(Serial::new(world.api().zone(&zone.id).await?.serial));
        let name = Name::parse("example.org.")?;
        assert_eq!((world.nameserver(1).serial(&name), world.nameserver(2).serial(&name)), (shown, shown));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_world_over_a_broker_is_refused_while_time_is_paused() {
    run(async {
        let nobody = "amqp://127.0.0.1:9/%2f".parse()?;
        let refused = World::start(Spec::held().over(&nobody)).await.err().ok_or("it started")?;
        assert!(refused.to_string().contains("needs real time"), "{refused}");
        Ok(())
    });
}

#[test]
fn a_held_world_keeps_changes_until_they_are_reported() {
    run(async {
        let world = World::start(Spec::held()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.advance(std::time::Duration::from_secs(3600)).await;
        assert_eq!(world.api().zone(&zone.id).await?.status, "PENDING");
        world.report(&zone.id, ordain::domain::zone_status::Outcome::Failed, Vec::new()).await?;
        assert_eq!(world.api().zone(&zone.id).await?.status, "ERROR");
        let unknown = "11111111-2222-4333-8444-555555555555";
        assert!(
            world.report(unknown, ordain::domain::zone_status::Outcome::Failed, Vec::new()).await.is_err()
        );
        let free = World::start(Spec::all_in_one()).await?;
        assert!(free.held_worker().is_err());
        Ok(())
    });
}

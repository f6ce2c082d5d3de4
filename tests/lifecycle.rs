//! The way of a change through a whole deployment, on a paused clock: statuses, thresholds, recovery, crashes.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use ordain::actors::central::api::Central;
use ordain::actors::central::api::services::SweepServiceStatuses;
use ordain::actors::central::api::zones::PurgeZones;
use ordain::domain::name::Name;
use ordain::domain::serial::Serial;
use ordain::domain::shard::Shard;
use ordain::domain::shard_lease::ShardLease;
use ordain::domain::tick::Tick;
use ordain::testing::{Manner, Spec, World, run};
use ordain::transport::Cx;
use serde_json::json;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn what_is_put_in_is_answered_and_active_within_milliseconds() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let before = world.clock().now();
        let zone = world.api().create_zone("example.org.").await?;
        assert_eq!((zone.status.as_str(), zone.action.as_str()), ("PENDING", "CREATE"));
        world.zone_becomes(&zone.id, "ACTIVE").await?;

        let set = world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        assert_eq!((set.status.as_str(), set.action.as_str()), ("PENDING", "CREATE"));
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.1"]);
        let set = world.api().recordset(&zone.id, &set.id).await?;
        assert_eq!((set.status.as_str(), set.action.as_str()), ("ACTIVE", "NONE"));
        assert!(world.clock().now().since(before) < Duration::from_secs(1));
        Ok(())
    });
}

#[test]
fn update_and_delete_reach_the_answers() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        let set = world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;

        let changes = json!({ "records": ["192.0.2.2", "192.0.2.3"] });
        world.api().update_recordset(&zone.id, &set.id, &changes).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.2", "192.0.2.3"]);

        world.api().delete_recordset(&zone.id, &set.id).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let answer = world.dig("www.example.org.", RecordType::A).await?;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);

        world.api().delete_zone(&zone.id).await?;
        world.zone_vanishes(&zone.id).await?;
        let answer = world.dig("example.org.", RecordType::SOA).await?;
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
        Ok(())
    });
}

#[test]
fn every_name_server_of_the_pool_gets_every_change() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(3)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let serial = world.api().zone(&zone.id).await?.serial;
        for number in 1..=3 {
            let server = world.nameserver(number);
            assert_eq!(server.serial(&name("example.org.")), Some(Serial::new(serial)));
            let records = server.records(&name("example.org."), &name("www.example.org."), RecordType::A);
            assert_eq!(records.len(), 1);
        }
        world.api().delete_zone(&zone.id).await?;
        world.zone_vanishes(&zone.id).await?;
        assert!((1..=3).all(|number| !world.nameserver(number).has_zone(&name("example.org."))));
        Ok(())
    });
}

#[test]
fn a_silent_name_server_makes_the_zone_an_error_and_coming_back_mends_it_without_help() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(2)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;

        world.nameserver(1).behave(Manner::Silent);
        let set = world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ERROR").await?;
        let shown = world.api().recordset(&zone.id, &set.id).await?;
        assert_eq!((shown.status.as_str(), shown.action.as_str()), ("ERROR", "CREATE"));

        world.nameserver(1).behave(Manner::Normal);
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let serial = world.api().zone(&zone.id).await?.serial;
        assert_eq!(world.nameserver(1).serial(&name("example.org.")), Some(Serial::new(serial)));
        Ok(())
    });
}

#[test]
fn a_threshold_below_one_hundred_forgives_a_silent_name_server() {
    run(async {
        let spec = Spec::all_in_one().nameservers(2).configured(|c| c.worker.threshold_percentage = 50);
        let world = World::start(spec).await?;
        world.nameserver(2).behave(Manner::Silent);
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await
    });
}

#[test]
fn a_late_removal_leaves_a_zone_of_the_same_name_alone() {
    run(async {
        let spec = Spec::all_in_one().nameservers(2).configured(|c| c.worker.threshold_percentage = 50);
        let world = World::start(spec).await?;
        let late = world.nameserver(2);
        for (wait, zone_name) in [(0, "a.test."), (1, "b.test."), (5, "c.test."), (20, "d.test.")] {
            let old = world.api().create_zone(zone_name).await?;
            world.zone_becomes(&old.id, "ACTIVE").await?;
            world.until("both have it", async || Ok(late.has_zone(&name(zone_name)))).await?;
            let old_serial = world.api().zone(&old.id).await?.serial;
            late.behave(Manner::Silent);
            world.api().delete_zone(&old.id).await?;
            world.zone_vanishes(&old.id).await?;
            world.advance(Duration::from_secs(wait)).await;

            let new = world.api().create_zone(zone_name).await?;
            world.zone_becomes(&new.id, "ACTIVE").await?;
            late.behave(Manner::Normal);
            let serial = world.api().zone(&new.id).await?.serial;
            assert!(serial > old_serial, "{serial}, {old_serial}");
            world
                .until("both have the new one", async || {
                    Ok(late.serial(&name(zone_name)) == Some(Serial::new(serial)))
                })
                .await?;
            world.advance(Duration::from_secs(120)).await;
            assert!(late.has_zone(&name(zone_name)), "{zone_name}");
        }
        Ok(())
    });
}

#[test]
fn a_deletion_that_a_name_server_does_not_confirm_stays_one_until_it_does() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(2)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.nameserver(2).behave(Manner::Silent);
        world.api().delete_zone(&zone.id).await?;
        world.zone_becomes(&zone.id, "ERROR").await?;
        assert_eq!(world.api().zone(&zone.id).await?.action, "DELETE");
        let again = world.api().create_zone("example.org.").await;
        assert!(again.unwrap_err().to_string().contains("duplicate_zone"), "the name is still taken");

        world.nameserver(2).behave(Manner::Normal);
        world.zone_vanishes(&zone.id).await?;
        assert!(!world.nameserver(2).has_zone(&name("example.org.")));
        world.api().create_zone("example.org.").await?;
        Ok(())
    });
}

#[test]
fn a_zone_made_below_one_being_deleted_finds_its_next_parent() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(1)).await?;
        let parent = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&parent.id, "ACTIVE").await?;
        world.nameserver(1).behave(Manner::Silent);
        world.api().delete_zone(&parent.id).await?;
        let child = world.api().create_zone("sub.example.org.").await?;
        world.nameserver(1).behave(Manner::Normal);
        world.zone_vanishes(&parent.id).await?;

        let again = world.api().create_zone("example.org.").await?;
        let refused = world.api().create_recordset(&again.id, "www.sub.example.org.", "A", &["192.0.2.1"]);
        assert!(refused.await.unwrap_err().to_string().contains("child zone"));
        let refused = world.api().delete_zone(&again.id).await;
        assert!(refused.unwrap_err().to_string().contains("zone_has_sub_zone"));
        world.zone_becomes(&child.id, "ACTIVE").await
    });
}

#[test]
fn changes_within_the_batch_window_share_a_serial_and_serials_only_grow() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.advance(Duration::from_secs(10)).await;
        let first = world.api().zone(&zone.id).await?.serial;
        for number in 0..20 {
            let owner = format!("h{number}.example.org.");
            world.api().create_recordset(&zone.id, &owner, "A", &["192.0.2.1"]).await?;
        }
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let last = world.api().zone(&zone.id).await?.serial;
        let published = last.wrapping_sub(first);
        let elapsed = u32::try_from(world.clock().now().seconds() - i64::from(first)).unwrap();
        assert!(last > first && published <= elapsed + 2, "from {first} to {last} in {elapsed} s");
        Ok(())
    });
}

#[test]
fn everything_acknowledged_survives_a_crash_and_converges() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(2)).await?;
        let mut zones = Vec::new();
        for number in 0..10 {
            let zone = world.api().create_zone(&format!("z{number}.example.")).await?;
            world
                .api()
                .create_recordset(&zone.id, &format!("www.z{number}.example."), "A", &["192.0.2.9"])
                .await?;
            zones.push(zone);
        }
        let world = world.crash().await?;
        for (number, zone) in zones.iter().enumerate() {
            world.zone_becomes(&zone.id, "ACTIVE").await?;
            let (apex, owner) =
                (name(&format!("z{number}.example.")), name(&format!("www.z{number}.example.")));
            assert_eq!(world.nameserver(1).records(&apex, &owner, RecordType::A).len(), 1);
        }
        Ok(())
    });
}

#[test]
fn a_name_server_that_lost_its_zones_gets_them_again() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(1)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.nameserver(1).remove_zone(&name("example.org."));
        world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert!(world.nameserver(1).has_zone(&name("example.org.")));
        Ok(())
    });
}

#[test]
fn deleted_zones_are_purged_days_later() {
    run(async {
        // Days are to pass: what happens every second and is not looked at here happens every hour.
        let hour = Duration::from_secs(3600);
        let spec = Spec::all_in_one().configured(|config| {
            config.heartbeat_interval = hour;
            config.mdns.follow_interval = hour;
            config.producer.recovery.interval = hour;
            config.producer.secondary_refresh.interval = hour;
            config.producer.pool_work.interval = hour;
            config.producer.zone_tasks.interval = hour;
        });
        let world = World::start(spec).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.api().delete_zone(&zone.id).await?;
        world.zone_vanishes(&zone.id).await?;
        let rows = async || -> Result<usize, ordain::testing::Failure> {
            let before = ordain::domain::time::Timestamp::from_micros(i64::MAX);
            let all = Shard::FIRST..=Shard::LAST;
            let gone = world
                .store()
                .read(|tx| {
                    let ranges = [all.clone()];
                    Box::pin(
                        async move { ordain::store::repo::zones::purgeable(tx, before, &ranges, 10).await },
                    )
                })
                .await?;
            Ok(gone.len())
        };
        assert_eq!(rows().await?, 1);
        world.advance(Duration::from_secs(6 * 86_400)).await;
        assert_eq!(rows().await?, 1);
        world.advance(Duration::from_secs(2 * 86_400)).await;
        assert_eq!(rows().await?, 0);
        Ok(())
    });
}

#[test]
fn a_tick_that_comes_twice_and_one_of_an_overtaken_producer_have_no_effect() {
    run(async {
        let hour = Duration::from_secs(3600);
        let spec = Spec::all_in_one().configured(|config| {
            config.producer.enabled_tasks.clear();
            config.heartbeat_interval = hour;
            config.mdns.follow_interval = hour;
        });
        let world = World::start(spec).await?;
        for name in ["a.example.", "b.example.", "c.example."] {
            let zone = world.api().create_zone(name).await?;
            world.zone_becomes(&zone.id, "ACTIVE").await?;
            world.api().delete_zone(&zone.id).await?;
            world.zone_vanishes(&zone.id).await?;
        }
        world.advance(Duration::from_secs(60)).await;
        let purge = async |token: u64, number: u64| {
            let leases = vec![ShardLease { first: Shard::FIRST, last: Shard::LAST, token }];
            let tick = Tick::new("zone_purge", &leases, 1, number);
            let message = PurgeZones { leases, older_than: 1, limit: 1, tick };
            world.service::<Central>().call(&Cx::system(Duration::from_secs(10)), message).await
        };
        assert_eq!(purge(50, 1).await, Ok(1));
        assert_eq!(purge(50, 1).await, Ok(0), "the same run once more");
        assert_eq!(purge(50, 2).await, Ok(1));
        // The last zone's shard is known under no token yet: a newer holder claims it first.
        let sweep = |token: u64, number: u64| SweepServiceStatuses {
            down_after: None,
            remove_after: None,
            leased: None,
            token,
            tick: Tick::new("service_status", &[], 1, number),
        };
        let cx = Cx::system(Duration::from_secs(10));
        let central = world.service::<Central>();
        assert_eq!(central.call(&cx, sweep(70, 1)).await, Ok(0));
        let overtaken = central.call(&cx, sweep(60, 2)).await.unwrap_err();
        assert_eq!(overtaken.kind, "fenced");
        assert_eq!(central.call(&cx, sweep(70, 3)).await, Ok(0));
        Ok(())
    });
}

#[test]
fn old_lines_of_the_journal_are_forgotten_and_transfers_go_on() {
    run(async {
        let hour = Duration::from_secs(3600);
        let spec = Spec::all_in_one().nameservers(1).configured(|config| {
            config.heartbeat_interval = hour;
            config.mdns.follow_interval = hour;
            config.producer.recovery.interval = hour;
            config.producer.secondary_refresh.interval = hour;
            config.producer.pool_work.interval = hour;
            config.producer.zone_tasks.interval = hour;
        });
        let world = World::start(spec).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.api().create_recordset(&zone.id, "old.example.org.", "A", &["192.0.2.1"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let id: ordain::domain::ids::ZoneId = zone.id.parse()?;
        let lines = async || -> Result<usize, ordain::testing::Failure> {
            let first = ordain::domain::generation::Generation::NEVER;
            let read =
                world.store().read(|tx| Box::pin(ordain::store::repo::journal::since(tx, id, first))).await?;
            Ok(read.len())
        };
        assert!(lines().await? > 0);
        world.advance(Duration::from_secs(8 * 86_400)).await;
        assert_eq!(lines().await?, 0);

        world.api().create_recordset(&zone.id, "new.example.org.", "A", &["192.0.2.2"]).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let (server, apex) = (world.nameserver(1), name("example.org."));
        for owner in ["old.example.org.", "new.example.org."] {
            assert_eq!(server.records(&apex, &name(owner), RecordType::A).len(), 1, "{owner}");
        }
        Ok(())
    });
}

#[test]
fn two_worlds_know_nothing_of_each_other() {
    run(async {
        let one = World::start(Spec::all_in_one()).await?;
        let other = World::start(Spec::all_in_one().typed()).await?;
        let zone = one.api().create_zone("example.org.").await?;
        one.zone_becomes(&zone.id, "ACTIVE").await?;
        assert!(other.api().zone(&zone.id).await.is_err());
        assert!(other.resolve("example.org.", RecordType::SOA).await?.is_empty());
        other.api().create_zone("example.org.").await?;
        one.drain().await;
        other.drain().await;
        Ok(())
    });
}

//! Pools follow a pool file, and zones follow their pool.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

use std::time::Duration;

use actix_web::http::Method;
use hickory_proto::rr::RecordType;
use ordain::actors::central::pools::{Change, Notices, Options, PoolUpdateError, apply};
use ordain::config::pool_file::{self, PoolSpec};
use ordain::domain::ids::{NsRecordId, PoolId, ZoneId};
use ordain::domain::pool::{self, Pool};
use ordain::domain::record_type::RecordType as ZoneType;
use ordain::domain::time::Timestamp;
use ordain::domain::ttl::Ttl;
use ordain::store::StoreError;
use ordain::store::repo::{outbox, pool_work, pools, recordsets, zones};
use ordain::testing::{Failure, Spec, World, run};
use serde_json::json;

fn specs(text: &str) -> Vec<PoolSpec> {
    pool_file::parse(text).unwrap()
}

async fn update(world: &World, text: &str, options: Options) -> Result<Vec<Change>, PoolUpdateError> {
    apply(world.store(), world.clock(), &specs(text), options).await
}

async fn default_pool(world: &World) -> Result<Pool, Failure> {
    let found = world.store().read(|tx| Box::pin(pools::get(tx, PoolId::DEFAULT))).await?;
    found.ok_or_else(|| "no default pool".into())
}

const TWO_SERVERS: &str = "
- name: default
  ns_records:
    - { hostname: ns1.world.test., priority: 1 }
    - { hostname: extra.world.test., priority: 5 }
";

#[test]
fn a_new_ns_record_reaches_every_zone_and_nothing_else_is_touched() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let (before, old) = (default_pool(&world).await?, world.api().zone(&zone.id).await?.serial);

        let changes = update(&world, TWO_SERVERS, Options::default()).await?;
        let [Change::Updated { pool, zones }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(zones.len(), 1);
        assert_eq!((pool.version, &pool.nameservers), (before.version + 1, &before.nameservers));
        assert!(pool.ns_records.contains(&before.ns_records[0]), "what did not change keeps its id");

        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert!(world.api().zone(&zone.id).await?.serial > old);
        let shown = world.resolve("example.org.", RecordType::NS).await?;
        assert_eq!(shown, ["extra.world.test.", "ns1.world.test."]);

        assert_eq!(update(&world, TWO_SERVERS, Options::default()).await?, [], "once more changes nothing");
        Ok(())
    });
}

#[test]
fn a_new_ns_record_is_in_dns_within_seconds_though_nobody_tells_a_worker() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.advance(Duration::from_secs(60)).await;
        update(&world, TWO_SERVERS, Options::default()).await?;
        let before = world.clock().now();
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let took = world.clock().now().since(before);
        assert!(took < Duration::from_secs(2), "{took:?}");
        Ok(())
    });
}

#[test]
fn an_ns_set_that_comes_back_is_counted() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let id = zone.id.parse().unwrap();
        let counted = async || -> Result<u64, Failure> {
            let found = world.store().read(|tx| Box::pin(zones::get_any(tx, id))).await?;
            Ok(found.ok_or("no zone")?.recordset_count)
        };
        assert_eq!(counted().await?, 2);

        let sets = format!("/v2/zones/{}/recordsets", zone.id);
        let (_, listed) = world.api().json(Method::GET, &format!("{sets}?type=NS"), None).await?;
        let set = listed["recordsets"][0]["id"].as_str().unwrap().to_owned();
        let api = world.api().clone().with("X-Designate-Edit-Managed-Records", "true");
        api.delete_recordset(&zone.id, &set).await?;
        assert_eq!(counted().await?, 1);
        update(&world, TWO_SERVERS, Options::default()).await?;
        assert_eq!(counted().await?, 2);
        Ok(())
    });
}

#[test]
fn the_ns_set_at_the_apex_is_the_services_even_while_it_is_missing() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let id = zone.id.parse().unwrap();
        let counted = async || -> Result<(u64, u64), Failure> {
            let found = world.store().read(|tx| Box::pin(zones::get_any(tx, id))).await?;
            let zone = found.ok_or("no zone")?;
            Ok((zone.recordset_count, zone.record_count))
        };
        let sets = format!("/v2/zones/{}/recordsets", zone.id);
        let (_, listed) = world.api().json(Method::GET, &format!("{sets}?type=NS"), None).await?;
        let set = listed["recordsets"][0]["id"].as_str().unwrap().to_owned();
        let admin = world.api().clone().with("X-Designate-Edit-Managed-Records", "true");
        admin.delete_recordset(&zone.id, &set).await?;

        let own =
            json!({ "name": "example.org.", "type": "NS", "records": ["ns.elsewhere.test."], "ttl": 60 });
        let (status, told) = world.api().json(Method::POST, &sets, Some(&own)).await?;
        assert_eq!((status, &told["type"]), (409, &json!("duplicate_recordset")), "{told}");
        assert_eq!(counted().await?, (1, 0));

        let (status, made) = admin.json(Method::POST, &sets, Some(&own)).await?;
        assert_eq!(status, 202, "{made}");
        assert_eq!(counted().await?, (2, 0), "managed records are exempt from quotas");
        update(&world, TWO_SERVERS, Options::default()).await?;
        assert_eq!(counted().await?, (2, 0));
        let (_, shown) = world.api().json(Method::GET, &format!("{sets}?type=NS"), None).await?;
        let shown = &shown["recordsets"][0];
        assert_eq!((&shown["id"], &shown["ttl"]), (&made["id"], &json!(null)));
        let (status, _) = world
            .api()
            .json(Method::DELETE, &format!("{sets}/{}", shown["id"].as_str().unwrap()), None)
            .await?;
        assert_eq!(status, 400, "it is managed");
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(
            world.resolve("example.org.", RecordType::NS).await?,
            ["extra.world.test.", "ns1.world.test."]
        );
        Ok(())
    });
}

#[test]
fn an_ns_set_that_a_client_wrote_is_taken_over_and_not_counted_any_more() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let id = zone.id.parse().unwrap();
        // As an earlier version let a client write it.
        let disowned = world.store().transact(|tx| {
            Box::pin(async move {
                let mut found = zones::lock(tx, id).await?.unwrap();
                let mut set = recordsets::by_name_type(tx, id, &found.name, ZoneType::Ns).await?.unwrap();
                let now = found.created_at;
                (set.managed, set.ttl) = (false, Some(Ttl::new(60).unwrap()));
                recordsets::update(tx, &mut set, now).await?;
                found.record_count += 1;
                zones::update(tx, &mut found, now).await
            })
        });
        disowned.await.map_err(|error: StoreError| error)?;
        update(&world, TWO_SERVERS, Options::default()).await?;
        let (zone, set) = world
            .store()
            .read(|tx| {
                Box::pin(async move {
                    let zone = zones::get_any(tx, id).await?.unwrap();
                    let set = recordsets::by_name_type(tx, id, &zone.name, ZoneType::Ns).await?.unwrap();
                    Ok::<_, StoreError>((zone, set))
                })
            })
            .await?;
        assert_eq!((zone.recordset_count, zone.record_count), (2, 0));
        assert_eq!((set.managed, set.ttl, set.records.len()), (true, None, 2));
        Ok(())
    });
}

#[test]
fn zones_being_deleted_stay_so() {
    run(async {
        let world = World::start(Spec::all_in_one().nameservers(1)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.nameserver(1).behave(ordain::testing::Manner::Silent);
        world.api().delete_zone(&zone.id).await?;
        update(&world, TWO_SERVERS, Options::default()).await?;
        assert_eq!(world.api().zone(&zone.id).await?.action, "DELETE");
        world.nameserver(1).behave(ordain::testing::Manner::Normal);
        world.zone_vanishes(&zone.id).await
    });
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let before = default_pool(&world).await?;
        let options = Options { dry_run: true, ..Options::default() };
        assert!(matches!(update(&world, TWO_SERVERS, options).await?.as_slice(), [Change::Updated { .. }]));
        assert_eq!(default_pool(&world).await?, before);
        Ok(())
    });
}

#[test]
fn pools_come_and_go_but_not_with_zones_in_them() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let second = "
- name: second
  ns_records: [{ hostname: ns.second.test., priority: 1 }]
";
        let changes = update(&world, second, Options::default()).await?;
        assert!(matches!(changes.as_slice(), [Change::Created(pool)] if pool.name == "second"));

        let only_default = Options { delete_absent: true, ..Options::default() };
        let changes = update(&world, TWO_SERVERS, only_default.clone()).await?;
        assert!(matches!(changes.last(), Some(Change::Deleted(pool)) if pool.name == "second"));

        world.api().create_zone("example.org.").await?;
        let refused = update(&world, second, only_default).await;
        assert!(matches!(refused, Err(PoolUpdateError::NotEmpty { zones: 1, .. })), "{refused:?}");
        default_pool(&world).await?;
        Ok(())
    });
}

#[test]
fn what_cannot_be_followed_is_refused_and_changes_nothing() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world.api().create_zone("example.org.").await?;
        let before = default_pool(&world).await?;
        let cases = [
            "[{ name: default, id: 11111111-2222-3333-4444-555555555555 }]",
            "[{ name: default, ns_records: [] }]",
            "[{ name: default, catalog_zone: { catalog_zone_fqdn: cat.example. } }]",
        ];
        for text in cases {
            assert!(update(&world, text, Options::default()).await.is_err(), "{text}");
            assert_eq!(default_pool(&world).await?, before, "{text}");
        }
        Ok(())
    });
}

#[test]
fn the_first_pool_without_an_id_of_its_own_is_the_default_one() {
    run(async {
        let store = ordain::store::Store::open("sqlite::memory:").await?;
        store.migrate().await?;
        let clock = ordain::clock::Clock::system();
        let text = "[{ name: first }, { name: second }]";
        let changes = apply(&store, clock, &specs(text), Options::default()).await?;
        let ids: Vec<_> =
            changes.iter().map(|c| matches!(c, Change::Created(p) if p.id == PoolId::DEFAULT)).collect();
        assert_eq!(ids, [true, false]);
        Ok(())
    });
}

/// What a crash right after the first transaction of a change leaves: the pool has other NS records, its zones have not.
async fn change_and_die(world: &World) -> Result<(), Failure> {
    let mut pool = default_pool(world).await?;
    let extra = pool::NsRecord {
        id: NsRecordId::random(),
        hostname: "extra.world.test.".parse().unwrap(),
        priority: 5,
    };
    pool.ns_records.push(extra);
    let (pool, now) = (&pool, world.clock().now());
    world.store().transact(|tx| Box::pin(pools::put(tx, pool, now))).await?;
    Ok(())
}

#[test]
fn a_change_whose_author_died_is_finished_by_a_producer() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        change_and_die(&world).await?;
        // It has another version meanwhile, and is to be found nevertheless.
        let (target, named) = (format!("/v2/pools/{}", PoolId::DEFAULT), json!({"description": "changed"}));
        assert_eq!(world.api().json(Method::PATCH, &target, Some(&named)).await?.0, 202);
        world
            .until("the zone to have the NS set of its pool", async || {
                Ok(world.resolve("example.org.", RecordType::NS).await?.len() == 2)
            })
            .await?;
        let left = async || {
            world.store().read(|tx| Box::pin(pool_work::due(tx, Timestamp::from_micros(i64::MAX)))).await
        };
        world.until("nothing to be left to do", async || Ok(left().await?.is_none())).await
    });
}

#[test]
fn a_change_goes_on_where_its_author_died() {
    run(async {
        let unlimited = |config: &mut ordain::config::Config| config.central.quotas.zones = -1;
        let world = World::start(Spec::all_in_one().configured(unlimited)).await?;
        let mut ids = Vec::new();
        for number in 0..120 {
            ids.push(world.api().create_zone(&format!("z{number}.example.org.")).await?.id.parse().unwrap());
        }
        ids.sort_unstable();
        change_and_die(&world).await?;
        // The first of two transactions was made: what it did is not done again.
        let reached: ZoneId = ids[100];
        let (pool, now) = (default_pool(&world).await?, world.clock().now());
        world
            .store()
            .transact(|tx| Box::pin(pool_work::advance(tx, pool.id, pool.version, reached, now)))
            .await?;
        let left = async || {
            world.store().read(|tx| Box::pin(pool_work::due(tx, Timestamp::from_micros(i64::MAX)))).await
        };
        world.until("nothing to be left to do", async || Ok(left().await?.is_none())).await?;
        let mut with_two = 0;
        for id in ids {
            let zone = world.store().read(|tx| Box::pin(zones::get_any(tx, id))).await?.ok_or("no zone")?;
            let set = world
                .store()
                .read(|tx| Box::pin(recordsets::by_name_type(tx, id, &zone.name, ZoneType::Ns)))
                .await?
                .ok_or("no NS set")?;
            with_two += usize::from(set.records.len() == 2);
        }
        assert_eq!(with_two, 19, "those after the place that was reached");
        Ok(())
    });
}

#[test]
fn others_are_told_of_pools_that_a_file_changes() {
    run(async {
        let world = World::start(Spec::held()).await?;
        let mut config = ordain::config::Config::default().notifications;
        config.driver = ordain::config::NotificationDriver::Log;
        let notices = Notices::new(&config, "host1");
        let options = Options { delete_absent: true, notices, ..Options::default() };
        let second = format!(
            "{TWO_SERVERS}\n- name: second\n  ns_records: [{{ hostname: ns.second.test., priority: 1 }}]\n"
        );
        for text in [second.as_str(), &second, TWO_SERVERS] {
            update(&world, text, options.clone()).await?;
        }
        let told = world.store().read(|tx| Box::pin(outbox::first(tx, 10))).await?;
        let told: Vec<serde_json::Value> =
            told.iter().map(|waiting| serde_json::from_str(&waiting.body).unwrap()).collect();
        let events: Vec<_> = told
            .iter()
            .map(|told| (&told["event_type"], &told["payload"]["name"], &told["publisher_id"]))
            .collect();
        let event = |event: &str, pool: &str| (json!(event), json!(pool), json!("central.host1"));
        let expected = [
            event("dns.pool.update", "default"),
            event("dns.pool.create", "second"),
            event("dns.pool.delete", "second"),
        ];
        assert_eq!(events, expected.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
        Ok(())
    });
}

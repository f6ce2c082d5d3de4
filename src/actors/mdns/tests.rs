//! The name server against a database in memory: what is published is what is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name as HickoryName, RData, RecordType as HickoryType};

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::dns::answer::Carrier;
use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::ids::{PoolId, RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::{Action, Progress, Status};
use crate::store::repo::{journal, recordsets, versions, zones};

#[path = "transfer_tests.rs"]
mod transfers;

/// A database, and what central and the worker do to it.
struct Bench {
    store: Store,
    clock: Clock,
}

impl Bench {
    async fn new() -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        Self { store, clock: Clock::following_tokio(Timestamp::from_micros(1_800_000_000_000_000)) }
    }

    fn mdns(&self, answer_queries: bool) -> MdnsService {
        let config = MdnsConfig { answer_queries, ..Config::default().mdns };
        MdnsService::new(self.store.clone(), self.clock, config, None)
    }

    async fn create(&self, origin: &str, names: usize) -> ZoneId {
        let name = Name::parse(origin).unwrap();
        let zone = Zone {
            id: ZoneId::random(),
            pool_id: PoolId::DEFAULT,
            project_id: None,
            name: name.clone(),
            kind: ZoneKind::Primary,
            email: "admin@example.org".into(),
            description: None,
            ttl: Ttl::new(3600).unwrap(),
            timers: SoaTimers { refresh: 1, retry: 2, expire: 3, minimum: 4 },
            serial: Serial::new(1),
            progress: Progress::created(),
            shared: false,
            attributes: BTreeMap::new(),
            masters: vec![],
            parent_id: None,
            recordset_count: names as u64 + 1,
            record_count: 0,
            hard_delete: false,
            version: 1,
            created_at: self.clock.now(),
            updated_at: None,
            transferred_at: None,
            published_at: None,
        };
        let mut sets =
            vec![set(&zone, &name, RecordType::Soa, &format!("ns.{origin} admin.{origin} 1 1 2 3 4"))];
        for n in 0..names {
            let owner = Name::parse(&format!("w{n}.{origin}")).unwrap();
            sets.push(set(&zone, &owner, RecordType::A, "192.0.2.1"));
        }
        let (zone, sets, now) = (&zone, &sets, self.clock.now());
        let created: Result<(), StoreError> = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    zones::insert(tx, zone, now).await?;
                    versions::record(tx, zone.id, zone.serial, Generation::FIRST, now).await?;
                    recordsets::insert_many(tx, sets).await
                })
            })
            .await;
        created.unwrap();
        zone.id
    }

    /// A change that is accepted, but not published: the A record of a name, or none.
    async fn change(&self, id: ZoneId, owner: &str, address: Option<&str>) {
        let (owner, now) = (&Name::parse(owner).unwrap(), self.clock.now());
        let changed: Result<(), StoreError> = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let mut zone = zones::lock(tx, id).await?.unwrap();
                    zone.progress = zone.progress.changed();
                    zones::update(tx, &mut zone, now).await?;
                    let old = recordsets::by_name_type(tx, id, owner, RecordType::A).await?;
                    let before = old.as_ref().map(|s| RrSet { ttl: s.ttl, records: s.records.clone() });
                    if let Some(old) = old {
                        recordsets::delete(tx, old.id).await?;
                    }
                    let after = address.map(|a| RrSet { ttl: None, records: vec![a.into()] });
                    if let Some(address) = address {
                        recordsets::insert(tx, &set(&zone, owner, RecordType::A, address)).await?;
                    }
                    let generation = zone.progress.generation;
                    let line =
                        JournalEntry { generation, name: owner.clone(), kind: RecordType::A, before, after };
                    journal::append(tx, id, &[line], now).await
                })
            })
            .await;
        changed.unwrap();
    }

    async fn publish(&self, id: ZoneId) -> Serial {
        let now = self.clock.now();
        let published: Result<Serial, StoreError> = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let mut zone = zones::lock(tx, id).await?.unwrap();
                    zone.serial = zone.serial.next(0);
                    zone.progress.published = zone.progress.generation;
                    zones::update(tx, &mut zone, now).await?;
                    versions::record(tx, id, zone.serial, zone.progress.published, now).await?;
                    Ok(zone.serial)
                })
            })
            .await;
        published.unwrap()
    }

    async fn mark_gone(&self, id: ZoneId) {
        let now = self.clock.now();
        let gone: Result<(), StoreError> = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let zone = zones::lock(tx, id).await?.unwrap();
                    zones::mark_gone(tx, &zone, now).await
                })
            })
            .await;
        gone.unwrap();
    }
}

fn set(zone: &Zone, name: &Name, kind: RecordType, record: &str) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: None,
        name: name.clone(),
        kind,
        ttl: None,
        description: None,
        records: vec![record.into()],
        managed: false,
        generation: zone.progress.generation,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: Timestamp::from_micros(1),
        updated_at: None,
    }
}

fn peer(carrier: Carrier) -> Peer {
    Peer { address: ([127, 0, 0, 1], 5300).into(), carrier }
}

async fn ask(mdns: &MdnsService, qname: &str, qtype: HickoryType, carrier: Carrier) -> Vec<Message> {
    let mut message = Message::query();
    message.add_query(Query::query(HickoryName::from_ascii(qname).unwrap(), qtype));
    let answers = mdns.responder().exchange(&message.to_vec().unwrap(), &peer(carrier)).await;
    answers.iter().map(|answer| Message::from_vec(answer).unwrap()).collect()
}

/// The addresses of a name, or the response code.
async fn addresses(mdns: &MdnsService, qname: &str) -> String {
    let answer = ask(mdns, qname, HickoryType::A, Carrier::Udp).await.remove(0);
    match answer.metadata.response_code {
        hickory_proto::op::ResponseCode::NoError => {
            answer.answers.iter().map(|r| r.data.to_string()).collect::<Vec<_>>().join(" ")
        }
        code => format!("{code:?}"),
    }
}

async fn serial(mdns: &MdnsService, qname: &str) -> Option<u32> {
    let answer = ask(mdns, qname, HickoryType::SOA, Carrier::Udp).await.remove(0);
    let mut records = answer.answers.into_iter().chain(answer.authorities);
    records.find_map(|r| if let RData::SOA(SOA { serial, .. }) = r.data { Some(serial) } else { None })
}

async fn nudge(mdns: &MdnsService, zone: ZoneId) {
    mdns.handle(&Cx::system(Duration::from_secs(5)), ZonePublished { zone }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_published_is_answered_and_nothing_else() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 3).await;
    let mdns = bench.mdns(true);
    assert_eq!(mdns.load().await.unwrap(), 1);
    assert_eq!(addresses(&mdns, "w1.example.org.").await, "192.0.2.1");

    bench.change(id, "w1.example.org.", Some("192.0.2.9")).await;
    bench.change(id, "w2.example.org.", None).await;
    bench.change(id, "new.example.org.", Some("192.0.2.7")).await;
    nudge(&mdns, id).await;
    assert_eq!(addresses(&mdns, "w1.example.org.").await, "192.0.2.1", "no serial shows the change yet");
    let fresh = bench.mdns(true);
    fresh.load().await.unwrap();
    assert_eq!(addresses(&fresh, "w1.example.org.").await, "192.0.2.1", "also for who reads it all");
    assert_eq!(addresses(&fresh, "w2.example.org.").await, "192.0.2.1");
    assert_eq!(addresses(&fresh, "new.example.org.").await, "NXDomain");

    bench.publish(id).await;
    nudge(&mdns, id).await;
    assert_eq!(addresses(&mdns, "w1.example.org.").await, "192.0.2.9");
    assert_eq!(addresses(&mdns, "w2.example.org.").await, "NXDomain");
    assert_eq!(addresses(&mdns, "new.example.org.").await, "192.0.2.7");
    let counts = mdns.loader.counts();
    assert_eq!((counts.in_full, counts.by_journal), (1, 1), "the journal is enough");
}

#[tokio::test(start_paused = true)]
async fn a_lost_nudge_is_made_up_for_by_the_feed() {
    let bench = Bench::new().await;
    let kept = bench.create("example.org.", 1).await;
    let gone = bench.create("example.com.", 1).await;
    let mdns = bench.mdns(true);
    assert_eq!(mdns.load().await.unwrap(), 2);

    bench.change(kept, "w0.example.org.", Some("192.0.2.9")).await;
    bench.publish(kept).await;
    bench.mark_gone(gone).await;
    bench.create("example.net.", 1).await;
    assert_eq!(addresses(&mdns, "w0.example.net.").await, "Refused");

    mdns.follower().catch_up().await.unwrap();
    assert_eq!(addresses(&mdns, "w0.example.org.").await, "192.0.2.9");
    assert_eq!(addresses(&mdns, "w0.example.com.").await, "Refused");
    assert_eq!(addresses(&mdns, "w0.example.net.").await, "192.0.2.1");
    let counts = mdns.loader.counts();
    mdns.follower().catch_up().await.unwrap();
    assert_eq!(mdns.loader.counts(), counts, "a pass without news loads nothing");
}

#[tokio::test(start_paused = true)]
async fn a_zone_whose_row_is_gone_goes_with_the_next_sweep() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 1).await;
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    bench.mark_gone(id).await;
    let purged: Result<(), StoreError> =
        bench.store.transact(|tx| Box::pin(async move { zones::purge(tx, id).await })).await;
    purged.unwrap();
    mdns.follower().catch_up().await.unwrap();
    assert_eq!(addresses(&mdns, "w0.example.org.").await, "192.0.2.1", "the feed has nothing of it");
    tokio::time::advance(Duration::from_secs(601)).await;
    mdns.follower().catch_up().await.unwrap();
    assert_eq!(addresses(&mdns, "w0.example.org.").await, "Refused");
}

#[tokio::test(start_paused = true)]
async fn a_serial_shown_is_never_older_than_the_last_publish() {
    let bench = Bench::new().await;
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    let id = bench.create("example.org.", 1).await;
    assert_eq!(serial(&mdns, "example.org.").await, Some(1), "a new zone");
    for _ in 0..3 {
        bench.change(id, "w0.example.org.", Some("192.0.2.9")).await;
        let published = bench.publish(id).await.number();
        let (one, two, denial) = tokio::join!(
            serial(&mdns, "example.org."),
            serial(&mdns, "EXAMPLE.org."),
            serial(&mdns, "w0.example.org."),
        );
        assert_eq!((one, two, denial), (Some(published), Some(published), Some(published)));
    }
    bench.mark_gone(id).await;
    assert_eq!(serial(&mdns, "example.org.").await, None);
    assert_eq!(mdns.loader.catalog().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn transfers_are_the_same_from_memory_and_from_the_database() {
    let bench = Bench::new().await;
    let id = bench.create("Example.org.", 2500).await;
    bench.change(id, "w7.example.org.", Some("192.0.2.77")).await;
    let published = bench.publish(id).await.number();
    bench.change(id, "w8.example.org.", None).await;
    let mut transfers = Vec::new();
    for answer_queries in [true, false] {
        let mdns = bench.mdns(answer_queries);
        mdns.load().await.unwrap();
        assert_eq!(serial(&mdns, "example.org.").await, Some(published));
        let expected = if answer_queries { "192.0.2.77" } else { "Refused" };
        assert_eq!(addresses(&mdns, "w7.example.org.").await, expected);
        let messages = ask(&mdns, "example.org.", HickoryType::AXFR, Carrier::Tcp).await;
        let mut records: Vec<String> =
            messages.iter().flat_map(|m| &m.answers).map(ToString::to_string).collect();
        assert_eq!(records.first(), records.last());
        records.sort();
        transfers.push(records);
    }
    assert_eq!(transfers[0].len(), 2502);
    assert_eq!(transfers[0], transfers[1]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_does_not_take_the_zone_with_it() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 1).await;
    bench.change(id, "bad.example.org.", Some("not an address")).await;
    bench.publish(id).await;
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    assert_eq!(addresses(&mdns, "bad.example.org.").await, "NXDomain");
    assert_eq!(addresses(&mdns, "w0.example.org.").await, "192.0.2.1");
}

/// Whatever the order of changes, publishes and nudges, what comes by the journal equals what is read in full.
#[tokio::test(start_paused = true)]
async fn journal_and_full_reads_agree() {
    use rand::{Rng as _, SeedableRng as _};
    for seed in 0..10_u64 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let bench = Bench::new().await;
        let id = bench.create("example.org.", 4).await;
        let mdns = bench.mdns(true);
        mdns.load().await.unwrap();
        for _ in 0..30 {
            let owner = format!(
                "w{}.{}example.org.",
                random.random_range(0..5),
                ["", "sub."][random.random_range(0..2)]
            );
            match random.random_range(0..6) {
                0 => drop(bench.publish(id).await),
                1 => nudge(&mdns, id).await,
                2 | 3 => bench.change(id, &owner, None).await,
                _ => bench.change(id, &owner, Some(&format!("192.0.2.{}", random.random::<u8>()))).await,
            }
        }
        bench.publish(id).await;
        nudge(&mdns, id).await;
        let fresh = bench.mdns(true);
        fresh.load().await.unwrap();
        let zone = |mdns: &MdnsService| {
            let zone = mdns.loader.catalog().zone(id).unwrap();
            let mut all: Vec<_> =
                zone.nodes().map(|n| (n.owner().to_vec(), format!("{:?}", n.sets()))).collect();
            all.sort();
            (zone.version().clone(), zone.records(), all)
        };
        assert_eq!(zone(&mdns), zone(&fresh), "seed {seed}");
        assert!(mdns.loader.counts().in_full == 1, "seed {seed}");
    }
}

#[tokio::test]
async fn the_service_listens_on_its_addresses() {
    let bench = Bench::new().await;
    let config = MdnsConfig { listen: vec![([127, 0, 0, 1], 0).into()], ..Config::default().mdns };
    let mdns = MdnsService::new(bench.store.clone(), bench.clock, config, None);
    let server = mdns.listen().await.unwrap();
    assert_ne!(server.addresses()[0].port(), 0);
    assert!(server.drain(tokio::time::Instant::now() + Duration::from_secs(5)).await);
}

#[tokio::test]
async fn many_zones_are_loaded_together_and_each_as_it_is_published() {
    let bench = Bench::new().await;
    for n in 0..600 {
        bench.create(&format!("z{n}.example."), 3).await;
    }
    let changed = bench.create("changed.example.", 2).await;
    bench.change(changed, "w0.changed.example.", Some("192.0.2.9")).await;
    bench.change(changed, "w1.changed.example.", None).await;
    let published = bench.create("published.example.", 1).await;
    bench.change(published, "w0.published.example.", Some("192.0.2.7")).await;
    bench.publish(published).await;
    bench.create("large.example.", 6000).await;
    for whole in [true, false] {
        let mdns = bench.mdns(whole);
        assert_eq!(mdns.load().await.unwrap(), 603);
        let counts = mdns.loader.counts();
        assert_eq!((counts.together + counts.in_full, counts.by_journal), (603, 0));
        // All but the large one and the one with changes that are not published.
        assert!(counts.in_full == 2 && counts.together == 601, "{counts:?}");
        if whole {
            for (name, address) in [
                ("w2.z599.example.", "192.0.2.1"),
                ("w0.changed.example.", "192.0.2.1"),
                ("w1.changed.example.", "192.0.2.1"),
                ("w0.published.example.", "192.0.2.7"),
                ("w5999.large.example.", "192.0.2.1"),
                ("w3.z0.example.", "NXDomain"),
            ] {
                assert_eq!(addresses(&mdns, name).await, address, "{name}");
            }
        }
    }
}

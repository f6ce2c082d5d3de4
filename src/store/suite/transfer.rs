//! Published versions.

use super::Bench;
use super::fixtures::{at, line, name, set, ttl, zone};
use crate::domain::generation::Generation;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::serial::Serial;
use crate::domain::zone::Zone;
use crate::store::repo::transfer::{self, PublishedSet, Transfer};
use crate::store::repo::{journal, recordsets, zones};
use crate::store::{Mode, StoreError, Tx};

/// All sets of a transfer, as lines in order.
async fn drain(tx: &mut dyn Tx, transfer: &mut Transfer, limit: u32) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    loop {
        let page = transfer::next_page(tx, transfer, limit).await?;
        if page.is_empty() {
            lines.sort();
            return Ok(lines);
        }
        lines.extend(page.iter().map(told));
    }
}

fn told(set: &PublishedSet) -> String {
    format!("{} {} {} {}", set.name, set.ttl, set.kind, set.records.join(","))
}

async fn published(bench: &Bench, zone: ZoneId, limit: u32) -> Vec<String> {
    bench
        .read(|tx| {
            Box::pin(async move {
                let mut transfer = transfer::open(tx, zone).await?.unwrap();
                drain(tx, &mut transfer, limit).await
            })
        })
        .await
}

/// A published zone with SOA, `a`, `b` and `c`, and one recordset without records.
async fn created(bench: &Bench) -> Zone {
    let zone = zone("example.org.");
    let soa = set(&zone, "example.org.", RecordType::Soa, &["ns1. a. 100 1 2 3 4"]);
    let mut sets = vec![soa, set(&zone, "empty.example.org.", RecordType::A, &[])];
    sets.extend(
        ["a", "b", "c"].map(|n| set(&zone, &format!("{n}.example.org."), RecordType::A, &["192.0.2.1"])),
    );
    let (written, sets) = (&zone, &sets);
    bench
        .write(|tx| {
            Box::pin(async move {
                zones::insert(tx, written, at(1)).await?;
                recordsets::insert_many(tx, sets).await
            })
        })
        .await;
    zone
}

/// One accepted change, as central writes it: the row, the line, the zone. `None` removes the set.
async fn change(bench: &Bench, zone: &Zone, owner: &str, records: Option<&str>) {
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, zone.id).await?.unwrap();
                zone.progress = zone.progress.changed();
                let owner = name(owner);
                let old = recordsets::by_name_type(tx, zone.id, &owner, RecordType::A).await?;
                let new: Vec<&str> = records.into_iter().collect();
                let before: Vec<_> = old.iter().flat_map(|r| r.records.clone()).collect();
                let before: Vec<_> = before.iter().map(String::as_str).collect();
                let entry = line(zone.progress.generation.number(), owner.as_str(), &before, &new);
                journal::append(tx, zone.id, &[entry], at(2)).await?;
                let records = new.iter().map(ToString::to_string).collect();
                match old {
                    Some(mut old) if !new.is_empty() => {
                        old.records = records;
                        recordsets::update(tx, &mut old, at(2)).await?;
                    }
                    Some(old) => assert!(recordsets::delete(tx, old.id).await?),
                    None => {
                        let made = set(&zone, owner.as_str(), RecordType::A, &new);
                        recordsets::insert(tx, &Recordset { created_at: at(2), ..made }).await?;
                    }
                }
                zones::update(tx, &mut zone, at(2)).await
            })
        })
        .await;
}

async fn publish(bench: &Bench, zone: &Zone) {
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, zone.id).await?.unwrap();
                zone.progress = zone.progress.published();
                zone.serial = zone.serial.next(0);
                zones::update(tx, &mut zone, at(3)).await
            })
        })
        .await;
}

async fn many_changes(bench: &Bench, zone: &Zone) {
    change(bench, zone, "A.example.org.", Some("192.0.2.7")).await;
    change(bench, zone, "a.example.org.", Some("192.0.2.8")).await;
    change(bench, zone, "b.example.org.", None).await;
    change(bench, zone, "c.example.org.", None).await;
    change(bench, zone, "c.example.org.", Some("192.0.2.9")).await;
    change(bench, zone, "new.example.org.", Some("192.0.2.3")).await;
    change(bench, zone, "brief.example.org.", Some("192.0.2.4")).await;
    change(bench, zone, "brief.example.org.", None).await;
    change(bench, zone, "empty.example.org.", Some("192.0.2.5")).await;
}

const ORIGINAL: [&str; 3] =
    ["a.example.org. 3600 A 192.0.2.1", "b.example.org. 3600 A 192.0.2.1", "c.example.org. 3600 A 192.0.2.1"];

/// Sets changed, added, removed and made again since the publish show as they were, on pages of any size.
pub async fn changes_after_the_publish_are_undone(bench: Bench) {
    let zone = created(&bench).await;
    assert_eq!(published(&bench, zone.id, 100).await, ORIGINAL);
    many_changes(&bench, &zone).await;
    for limit in [1, 2, 100] {
        assert_eq!(published(&bench, zone.id, limit).await, ORIGINAL, "{limit}");
    }
}

/// Once they are published, changes show, and later ones do not.
pub async fn a_publish_shows_them(bench: Bench) {
    let zone = created(&bench).await;
    many_changes(&bench, &zone).await;
    publish(&bench, &zone).await;
    change(&bench, &zone, "late.example.org.", Some("192.0.2.200")).await;
    for limit in [1, 2, 100] {
        let wanted = [
            "a.example.org. 3600 A 192.0.2.8",
            "c.example.org. 3600 A 192.0.2.9",
            "empty.example.org. 3600 A 192.0.2.5",
            "new.example.org. 3600 A 192.0.2.3",
        ];
        assert_eq!(published(&bench, zone.id, limit).await, wanted, "{limit}");
    }
    let header = bench.read(|tx| Box::pin(transfer::published_zone(tx, zone.id))).await.unwrap();
    assert_eq!((header.serial, header.generation), (Serial::new(101), Generation::new(10)));
}

/// A new default TTL shows with the next publish, in sets that have none of their own.
pub async fn the_default_ttl_is_that_of_the_publish(bench: Bench) {
    let zone = created(&bench).await;
    let own =
        Recordset { ttl: Some(ttl(5)), ..set(&zone, "own.example.org.", RecordType::A, &["192.0.2.1"]) };
    bench
        .write(|tx| {
            let own = own.clone();
            Box::pin(async move {
                recordsets::insert(tx, &own).await?;
                let mut zone = zones::lock(tx, zone.id).await?.unwrap();
                zone.ttl = ttl(60);
                zone.progress = zone.progress.changed();
                zones::update(tx, &mut zone, at(2)).await
            })
        })
        .await;
    let with_own = |default: &str| {
        let mut all: Vec<_> = ORIGINAL.iter().map(|l| l.replace(" 3600 ", default)).collect();
        all.push("own.example.org. 5 A 192.0.2.1".into());
        all
    };
    assert_eq!(published(&bench, zone.id, 100).await, with_own(" 3600 "));
    publish(&bench, &zone).await;
    assert_eq!(published(&bench, zone.id, 100).await, with_own(" 60 "));
}

/// The SOA set is in the head of the transfer, not in its pages; a zone that is not there has no transfer.
pub async fn the_soa_comes_apart(bench: Bench) {
    let zone = created(&bench).await;
    let transfer = bench.read(|tx| Box::pin(transfer::open(tx, zone.id))).await.unwrap();
    let soa = transfer.soa.as_ref().map(told);
    assert_eq!(soa.as_deref(), Some("example.org. 3600 SOA ns1. a. 100 1 2 3 4"));
    assert_eq!((transfer.zone.serial, transfer.zone.ttl), (zone.serial, zone.ttl));
    assert!(bench.read(|tx| Box::pin(transfer::open(tx, ZoneId::random()))).await.is_none());
    bench.write(|tx| Box::pin(async { zones::mark_gone(tx, &zone, at(2)).await })).await;
    assert!(bench.read(|tx| Box::pin(transfer::open(tx, zone.id))).await.is_none());
}

/// What others write and publish during a transfer is not in it.
pub async fn a_transfer_is_of_one_state(bench: Bench) {
    let zone = created(&bench).await;
    let mut tx = bench.store.begin(Mode::Read).await.unwrap();
    let mut transfer = transfer::open(&mut *tx, zone.id).await.unwrap().unwrap();
    let first = transfer::next_page(&mut *tx, &mut transfer, 2).await.unwrap();
    many_changes(&bench, &zone).await;
    publish(&bench, &zone).await;
    let mut lines: Vec<_> = first.iter().map(told).collect();
    lines.extend(drain(&mut *tx, &mut transfer, 1).await.unwrap());
    lines.sort();
    assert_eq!(lines, ORIGINAL);
}

/// A name finds the zone of each pool that has it, and tells if it is being deleted.
pub async fn names_find_their_zones(bench: Bench) {
    let one = created(&bench).await;
    let elsewhere = &Zone {
        pool_id: PoolId::random(),
        created_at: at(2),
        progress: one.progress.deleting(),
        ..zone("EXAMPLE.org.")
    };
    bench.write(|tx| Box::pin(zones::insert(tx, elsewhere, at(1)))).await;
    let found = bench.read(|tx| Box::pin(async { transfer::find(tx, &name("Example.ORG.")).await })).await;
    assert_eq!(
        found.iter().map(|z| (z.id, z.pool_id, z.withheld)).collect::<Vec<_>>(),
        [(one.id, one.pool_id, false), (elsewhere.id, elsewhere.pool_id, true)]
    );
    assert!(bench.read(|tx| Box::pin(async { transfer::find(tx, &name("org.")).await })).await.is_empty());
}

/// Small zones without news come together, whole or not at all; the others are left out.
pub async fn small_zones_come_together(bench: Bench) {
    let (mut zones_made, mut sets) = (Vec::new(), Vec::new());
    for n in 0..10 {
        let mut made = Zone { recordset_count: 3, ..zone(&format!("z{n}.example.")) };
        let origin = made.name.to_string();
        made.progress.published = made.progress.generation;
        sets.push(set(&made, &origin, RecordType::Soa, &["ns1. a. 100 1 2 3 4"]));
        sets.push(set(&made, &format!("w.{origin}"), RecordType::A, &["192.0.2.1"]));
        sets.push(set(&made, &format!("empty.{origin}"), RecordType::A, &[]));
        zones_made.push(made);
    }
    zones_made[1].progress = zones_made[1].progress.changed();
    zones_made[2].progress = zones_made[2].progress.deleting();
    zones_made[3].recordset_count = 4;
    let (written, sets) = (&zones_made, &sets);
    bench
        .write(|tx| {
            Box::pin(async move {
                for zone in written {
                    zones::insert(tx, zone, at(1)).await?;
                }
                recordsets::insert_many(tx, sets).await
            })
        })
        .await;
    let ids: Vec<ZoneId> = zones_made.iter().map(|zone| zone.id).collect();
    let ids = ids.as_slice();
    let look = async |most| bench.read(|tx| Box::pin(transfer::small(tx, ids, most))).await;
    for (zone, mut sets) in look(4).await {
        sets.sort_by_key(|set| set.kind.to_string());
        let origin = zone.name.to_string();
        let wanted =
            [format!("w.{origin} 3600 A 192.0.2.1"), format!("{origin} 3600 SOA ns1. a. 100 1 2 3 4")];
        assert_eq!(sets.iter().map(told).collect::<Vec<_>>(), wanted);
    }
    assert!(look(2).await.is_empty());
    let some = look(3).await;
    assert!((3..7).contains(&some.len()), "twelve rows are of four zones at most: {}", some.len());
    assert!(some.iter().all(|(_, sets)| sets.len() == 2));
    assert!(bench.read(|tx| Box::pin(transfer::small(tx, &[], 10))).await.is_empty());
}

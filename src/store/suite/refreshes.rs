//! Secondary zones: when their masters are to be asked, and whether they are served.

use super::Bench;
use super::fixtures::{at, set, zone};
use crate::domain::ids::ZoneId;
use crate::domain::record_type::RecordType;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::zone::{Zone, ZoneKind};
use crate::store::repo::refreshes::{self, Refresh};
use crate::store::repo::{recordsets, transfer, zones};

async fn secondary(bench: &Bench, name: &str) -> Zone {
    let zone = Zone { kind: ZoneKind::Secondary, ..zone(name) };
    let inserted = &zone;
    bench.write(|tx| Box::pin(zones::insert(tx, inserted, at(1)))).await;
    zone
}

async fn ask(bench: &Bench, zone: ZoneId, forced: bool, now: Timestamp) {
    bench.write(|tx| Box::pin(refreshes::ask(tx, zone, forced, now))).await;
}

async fn get(bench: &Bench, zone: ZoneId) -> Option<Refresh> {
    bench.read(|tx| Box::pin(refreshes::get(tx, zone))).await
}

async fn due(bench: &Bench, now: i64, limit: u32) -> Vec<ZoneId> {
    let all = [Shard::FIRST..=Shard::LAST];
    let all = all.as_slice();
    bench.read(|tx| Box::pin(refreshes::due(tx, all, at(now), limit))).await
}

/// Asking again moves the due time, and keeps what is to be forced.
pub async fn a_refresh_is_asked_for_once(bench: Bench) {
    let zone = secondary(&bench, "a.example.").await.id;
    assert_eq!(get(&bench, zone).await, None);
    let plain = Refresh { due_at: at(10), forced: false, attempts: 0, checked_at: None, expired: false };
    ask(&bench, zone, false, at(10)).await;
    assert_eq!(get(&bench, zone).await, Some(plain));
    ask(&bench, zone, true, at(20)).await;
    ask(&bench, zone, false, at(30)).await;
    let forced = Refresh { due_at: at(30), forced: true, ..plain };
    assert_eq!(get(&bench, zone).await, Some(forced));
    let all = Refresh { attempts: 3, checked_at: Some(at(7)), expired: true, ..plain };
    bench.write(|tx| Box::pin(async move { refreshes::put(tx, zone, &all).await })).await;
    assert_eq!(get(&bench, zone).await, Some(all));
    ask(&bench, zone, false, at(40)).await;
    assert_eq!(get(&bench, zone).await, Some(Refresh { due_at: at(40), attempts: 0, ..all }));
}

/// Only secondary zones that stay are asked for, of the given shards.
pub async fn what_is_due_comes_longest_due_first(bench: Bench) {
    let (a, b) = (secondary(&bench, "a.example.").await, secondary(&bench, "b.example.").await);
    let mut leaving = secondary(&bench, "c.example.").await;
    ask(&bench, a.id, false, at(20)).await;
    ask(&bench, b.id, false, at(10)).await;
    ask(&bench, leaving.id, false, at(5)).await;
    leaving.progress = leaving.progress.deleting();
    let (id, gone) = (leaving.id, &leaving);
    bench.write(|tx| Box::pin(async move { zones::update(tx, &mut gone.clone(), at(6)).await })).await;
    assert_eq!(due(&bench, 30, 10).await, [b.id, a.id]);
    assert_eq!(due(&bench, 30, 1).await, [b.id]);
    assert_eq!(due(&bench, 15, 10).await, [b.id]);
    let shard = Shard::of(a.id);
    let only = [shard..=shard];
    let only = only.as_slice();
    let found = bench.read(|tx| Box::pin(refreshes::due(tx, only, at(30), 10))).await;
    assert!(found.contains(&a.id));
    assert_eq!(bench.read(|tx| Box::pin(refreshes::due(tx, &[], at(30), 10))).await, []);
    bench
        .write(|tx| {
            Box::pin(async move {
                let zone = zones::lock(tx, id).await?.unwrap();
                zones::mark_gone(tx, &zone, at(7)).await
            })
        })
        .await;
    assert_eq!(get(&bench, id).await, None);
}

/// Who asks the masters moves the time ahead, and goes on as long as nobody else moved it.
pub async fn a_due_time_is_moved_by_who_set_it(bench: Bench) {
    let (a, b) = (secondary(&bench, "a.example.").await.id, secondary(&bench, "b.example.").await.id);
    ask(&bench, a, false, at(10)).await;
    ask(&bench, b, false, at(10)).await;
    bench.write(|tx| Box::pin(async move { refreshes::hold(tx, &[a, b], at(50)).await })).await;
    bench.write(|tx| Box::pin(async move { refreshes::hold(tx, &[], at(99)).await })).await;
    assert_eq!(due(&bench, 49, 10).await, []);
    let go_on = async |held: i64, until: i64| {
        bench.write(|tx| Box::pin(refreshes::hold_on(tx, a, at(held), at(until)))).await
    };
    assert!(go_on(50, 60).await);
    assert!(!go_on(50, 70).await);
    assert_eq!(due(&bench, 55, 10).await, [b]);
    ask(&bench, a, false, at(20)).await;
    assert!(!go_on(60, 70).await);
    assert_eq!(due(&bench, 20, 10).await, [a]);
}

/// Before its first transfer, and once it has expired, a secondary zone is not served; the feed tells either way.
pub async fn a_zone_from_elsewhere_is_withheld_until_it_came(bench: Bench) {
    let zone = secondary(&bench, "a.example.").await;
    let (id, soa) = (zone.id, set(&zone, "a.example.", RecordType::Soa, &["ns.a. b.c. 1 2 3 4 5"]));
    let soa = &soa;
    bench.write(|tx| Box::pin(recordsets::insert(tx, soa))).await;
    ask(&bench, id, true, at(1)).await;
    let seen = async |after: i64| {
        let published = bench.read(|tx| Box::pin(transfer::published_zone(tx, id))).await.unwrap();
        let small = bench.read(|tx| Box::pin(async move { transfer::small(tx, &[id], 10).await })).await;
        assert_eq!(small.is_empty(), published.withheld);
        let feed = bench.read(|tx| Box::pin(zones::published_since(tx, after, 10))).await;
        assert!(feed.iter().all(|step| step.withdrawn == published.withheld));
        (published.withheld, feed.last().map(|step| step.position))
    };
    let (withheld, first) = seen(i64::MIN).await;
    assert!(withheld);
    let lagging = async || {
        let all = [Shard::FIRST..=Shard::LAST];
        let all = all.as_slice();
        bench.read(|tx| Box::pin(zones::lagging(tx, all, at(500), at(1000), 10))).await.len()
    };
    assert_eq!(lagging().await, 0);
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, id).await?.unwrap();
                zone.transferred_at = Some(at(3));
                zones::update(tx, &mut zone, at(3)).await?;
                zones::tell_feed(tx, id, at(3)).await
            })
        })
        .await;
    assert_eq!(lagging().await, 1);
    let (withheld, second) = seen(first.unwrap()).await;
    assert!(!withheld && second > first);
    bench
        .write(|tx| {
            Box::pin(async move {
                let expired = Refresh {
                    due_at: at(9),
                    forced: false,
                    attempts: 1,
                    checked_at: Some(at(3)),
                    expired: true,
                };
                refreshes::put(tx, id, &expired).await?;
                zones::tell_feed(tx, id, at(9)).await
            })
        })
        .await;
    let (withheld, third) = seen(second.unwrap()).await;
    assert!(withheld && third > second);
}

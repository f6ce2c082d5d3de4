//! What keeps the rest going: recovery, the change feed, purging, quotas, statuses, fences, claims.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use uuid::Uuid;

use super::Bench;
use super::fixtures::{at, first, line, name, project, set, zone};
use crate::domain::consensus::Answer;
use crate::domain::generation::Generation;
use crate::domain::ids::{InstanceId, NameserverId, PoolId, ServiceStatusId, ZoneId};
use crate::domain::page::{ServiceFilter, ServiceSortKey};
use crate::domain::quota::{QuotaRules, Quotas, Resource};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::service_status::{Health, ServiceStatus};
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::StoreError;
use crate::store::repo::nameserver_states::NameserverState;
use crate::store::repo::outbox::Waiting;
use crate::store::repo::zones::Published;
use crate::store::repo::{
    claims, fences, inbox, journal, nameserver_states, outbox, quotas, recordsets, shares, statuses,
    versions, zones,
};

fn everything() -> Vec<RangeInclusive<Shard>> {
    vec![Shard::FIRST..=Shard::LAST]
}

async fn insert(bench: &Bench, zone: &Zone, now: Timestamp) {
    bench.write(|tx| Box::pin(zones::insert(tx, zone, now))).await;
}

async fn update(bench: &Bench, id: ZoneId, now: Timestamp, change: fn(&mut Zone)) {
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, id).await?.unwrap();
                change(&mut zone);
                zones::update(tx, &mut zone, now).await
            })
        })
        .await;
}

/// Zones lag until their newest change is propagated; they come when due, of the asked shards only.
pub async fn lagging_zones_come_longest_due_first(bench: Bench) {
    let (a, b, mut done) = (zone("a.example."), zone("b.example."), zone("c.example."));
    done.progress.propagated = done.progress.generation;
    for (zone, now) in [(&a, 20), (&b, 10), (&done, 5)] {
        insert(&bench, zone, at(now)).await;
    }
    let latest = at(1000);
    let lagging = async |ranges: Vec<RangeInclusive<Shard>>, due_by: i64, limit: u32| {
        let ranges = ranges.as_slice();
        let found = bench.read(|tx| Box::pin(zones::lagging(tx, ranges, at(due_by), latest, limit))).await;
        found.iter().map(|l| (l.zone.id, l.attempts, l.due)).collect::<Vec<_>>()
    };
    assert_eq!(lagging(everything(), 30, 9).await, [(b.id, 0, at(10)), (a.id, 0, at(20))]);
    assert_eq!(lagging(everything(), 10, 9).await, [(b.id, 0, at(10))]);
    assert_eq!(lagging(everything(), 30, 1).await.len(), 1);
    assert!(lagging(Vec::new(), 30, 9).await.is_empty());
    let of_a = Shard::of(a.id);
    let found = lagging(vec![of_a..=of_a], 30, 9).await;
    assert!(found.contains(&(a.id, 0, at(20))) && found.iter().all(|l| Shard::of(l.0) == of_a));
    bench.write(|tx| Box::pin(zones::schedule(tx, b.id, 3, at(40)))).await;
    assert_eq!(lagging(everything(), 30, 9).await, [(a.id, 0, at(20))]);
    assert_eq!(lagging(everything(), 40, 9).await, [(a.id, 0, at(20)), (b.id, 3, at(40))]);
    update(&bench, b.id, at(25), |zone| zone.progress = zone.progress.changed()).await;
    assert_eq!(lagging(everything(), 30, 9).await, [(a.id, 0, at(20)), (b.id, 0, at(25))]);
    update(&bench, a.id, at(26), |zone| zone.progress.propagated = zone.progress.generation).await;
    assert_eq!(lagging(everything(), 30, 9).await, [(b.id, 0, at(25))]);
    // One whose clock was an hour ahead has scheduled it.
    bench.write(|tx| Box::pin(zones::schedule(tx, b.id, 1, at(1001)))).await;
    assert_eq!(lagging(everything(), 30, 9).await, [(b.id, 1, at(1001))]);
    bench.write(|tx| Box::pin(zones::schedule(tx, b.id, 1, at(1000)))).await;
    assert!(lagging(everything(), 30, 9).await.is_empty());
}

async fn feed(bench: &Bench, after: i64) -> Vec<Published> {
    bench.read(|tx| Box::pin(zones::published_since(tx, after, 100))).await
}

/// New serials, deletions and moves are in the feed, each zone once; other changes are not.
pub async fn the_feed_tells_what_dns_shows(bench: Bench) {
    let (a, b) = (zone("a.example."), zone("b.example."));
    insert(&bench, &a, at(10)).await;
    insert(&bench, &b, at(20)).await;
    let all = feed(&bench, i64::MIN).await;
    assert_eq!(all.iter().map(|p| (p.id, p.withdrawn)).collect::<Vec<_>>(), [(a.id, false), (b.id, false)]);
    assert_eq!((&all[0].name, all[0].pool_id, all[0].serial), (&a.name, a.pool_id, a.serial));
    let mut last = all[1].position;
    let mut next = async |expected: Option<(ZoneId, bool)>| {
        let step = feed(&bench, last).await;
        assert_eq!(step.iter().map(|p| (p.id, p.withdrawn)).collect::<Vec<_>>(), Vec::from_iter(expected));
        last = step.last().map_or(last, |p| p.position);
        step.into_iter().next()
    };
    update(&bench, a.id, at(30), |zone| zone.progress = zone.progress.changed()).await;
    next(None).await;
    update(&bench, a.id, at(31), |zone| zone.serial = Serial::new(101)).await;
    assert_eq!(next(Some((a.id, false))).await.map(|p| p.serial), Some(Serial::new(101)));
    update(&bench, a.id, at(32), |zone| zone.pool_id = PoolId::random()).await;
    next(Some((a.id, false))).await;
    update(&bench, a.id, at(33), |zone| zone.progress = zone.progress.deleting()).await;
    next(Some((a.id, true))).await;
    update(&bench, a.id, at(34), |zone| zone.progress = zone.progress.deleting()).await;
    next(None).await;
    bench
        .write(|tx| {
            Box::pin(async {
                let zone = zones::lock(tx, a.id).await?.unwrap();
                zones::mark_gone(tx, &zone, at(35)).await
            })
        })
        .await;
    next(Some((a.id, true))).await;
}

/// Positions grow even if the clock of a writer is behind, or stands still.
pub async fn the_feed_outlives_clocks_that_go_back(bench: Bench) {
    let (a, b, c) = (zone("a.example."), zone("b.example."), zone("c.example."));
    for (zone, now) in [(&a, 1000), (&b, 5), (&c, 1000)] {
        insert(&bench, zone, at(now)).await;
    }
    let all = feed(&bench, i64::MIN).await;
    assert_eq!(all.iter().map(|p| p.id).collect::<Vec<_>>(), [a.id, b.id, c.id]);
    assert!(all.is_sorted_by(|one, next| one.position < next.position));
    update(&bench, a.id, at(7), |zone| zone.serial = Serial::new(101)).await;
    assert_eq!(feed(&bench, all[2].position).await.iter().map(|p| p.id).collect::<Vec<_>>(), [a.id]);
}

/// Zones gone long enough are removed for good with all that is theirs; children pass to the grandparent.
pub async fn purging_takes_everything_along(bench: Bench) {
    let top = zone("example.");
    let gone = Zone { parent_id: Some(top.id), ..zone("b.example.") };
    let child = Zone { parent_id: Some(gone.id), ..zone("a.b.example.") };
    for zone in [&top, &gone, &child] {
        insert(&bench, zone, at(1)).await;
    }
    let www = &set(&gone, "www.b.example.", RecordType::A, &["192.0.2.1"]);
    let lines = &[line(1, "www.b.example.", &[], &["192.0.2.1"])];
    bench
        .write(|tx| {
            Box::pin(async {
                recordsets::insert(tx, www).await?;
                journal::append(tx, gone.id, lines, at(1)).await?;
                versions::record(tx, gone.id, gone.serial, Generation::FIRST, at(1)).await?;
                zones::mark_gone(tx, &gone, at(50)).await
            })
        })
        .await;
    let purgeable = async |before: i64, ranges: Vec<RangeInclusive<Shard>>| {
        let ranges = ranges.as_slice();
        bench.read(|tx| Box::pin(zones::purgeable(tx, at(before), ranges, 10))).await
    };
    assert!(purgeable(50, everything()).await.is_empty() && purgeable(51, Vec::new()).await.is_empty());
    assert_eq!(purgeable(51, everything()).await, [gone.id]);
    for id in [gone.id, gone.id, top.id, child.id] {
        bench.write(|tx| Box::pin(zones::purge(tx, id))).await;
    }
    assert!(purgeable(51, everything()).await.is_empty());
    assert!(bench.read(|tx| Box::pin(zones::get_any(tx, top.id))).await.is_some());
    let child = bench.read(|tx| Box::pin(zones::get_any(tx, child.id))).await.unwrap();
    assert_eq!(child.parent_id, Some(top.id));
    assert!(bench.read(|tx| Box::pin(journal::since(tx, gone.id, Generation::NEVER))).await.is_empty());
    assert!(bench.read(|tx| Box::pin(versions::find(tx, gone.id, gone.serial))).await.is_none());
    let owner = name("www.b.example.");
    assert!(bench.read(|tx| Box::pin(recordsets::kinds_at(tx, gone.id, &owner))).await.is_empty());
    // The id itself is free again: nothing is left of the row.
    insert(&bench, &gone, at(60)).await;
}

/// What a project has no limit of its own for is the default.
pub async fn quotas_fall_back_to_defaults(bench: Bench) {
    let (p1, p2) = (&project("p1"), &project("p2"));
    let defaults = Quotas { zones: 3, ..Quotas::default() };
    bench.write(|tx| Box::pin(quotas::set(tx, p1, Resource::ZoneRecords, 7))).await;
    bench.write(|tx| Box::pin(quotas::set(tx, p1, Resource::ZoneRecords, -1))).await;
    bench.write(|tx| Box::pin(quotas::set(tx, p1, Resource::Zones, 0))).await;
    let rules = QuotaRules { defaults, per_project: true };
    let effective = async |project| bench.read(|tx| Box::pin(quotas::effective(tx, project, rules))).await;
    assert_eq!(effective(p1).await, Quotas { zone_records: -1, zones: 0, ..defaults });
    assert_eq!(effective(p2).await, defaults);
    let same_for_all = QuotaRules { defaults, per_project: false };
    assert_eq!(bench.read(|tx| Box::pin(quotas::effective(tx, p1, same_for_all))).await, defaults);
    bench.write(|tx| Box::pin(quotas::reset(tx, p1))).await;
    assert_eq!(effective(p1).await, defaults);
}

/// Heartbeats make and refresh rows; silence and stopping end them.
pub async fn statuses_follow_heartbeats(bench: Bench) {
    let beat = |host: &str, health, micros| ServiceStatus {
        id: ServiceStatusId::random(),
        service_name: "worker".into(),
        hostname: host.into(),
        instance: InstanceId::from(Uuid::from_u128(host.len() as u128)),
        health,
        stats: BTreeMap::from([("zones".into(), "3".into())]),
        capabilities: BTreeMap::new(),
        heartbeated_at: at(micros),
        created_at: at(micros),
        updated_at: None,
    };
    let send =
        async |status: &ServiceStatus| bench.write(|tx| Box::pin(statuses::heartbeat(tx, status))).await;
    let list = async |filter: ServiceFilter| {
        let (filter, page) = (&filter, &first(10, ServiceSortKey::Hostname));
        bench.read(|tx| Box::pin(statuses::find(tx, filter, page))).await.items
    };
    let (one, other) = (beat("a", Health::Up, 10), beat("bb", Health::Up, 10));
    send(&one).await;
    send(&other).await;
    assert_eq!(list(ServiceFilter::default()).await, [one.clone(), other.clone()]);
    send(&beat("a", Health::Warning, 20)).await;
    let refreshed =
        ServiceStatus { health: Health::Warning, heartbeated_at: at(20), updated_at: Some(at(20)), ..one };
    assert_eq!(bench.read(|tx| Box::pin(statuses::get(tx, refreshed.id))).await, Some(refreshed));
    send(&beat("a", Health::Up, 30)).await;
    assert_eq!(bench.write(|tx| Box::pin(statuses::mark_down(tx, at(30), at(31)))).await, 1);
    let down = ServiceFilter { status: Some("DOWN".into()), ..ServiceFilter::default() };
    let found = list(down.clone()).await;
    assert_eq!(found, [ServiceStatus { health: Health::Down, updated_at: Some(at(31)), ..other }]);
    let by_host = ServiceFilter { hostname: Some("a*".into()), ..ServiceFilter::default() };
    assert_eq!(list(by_host).await.len(), 1);
    assert_eq!(bench.write(|tx| Box::pin(statuses::remove_gone(tx, at(10)))).await, 0);
    assert_eq!(bench.write(|tx| Box::pin(statuses::remove_gone(tx, at(11)))).await, 1);
    send(&beat("a", Health::Stopped, 40)).await;
    assert_eq!(bench.write(|tx| Box::pin(statuses::remove_gone(tx, at(0)))).await, 1);
    send(&beat("a", Health::Up, 50)).await;
    assert_eq!(bench.write(|tx| Box::pin(statuses::delete_silent(tx, at(51)))).await, 1);
    assert!(list(ServiceFilter::default()).await.is_empty());
}

/// Once a token was used, older ones write nothing more, and what they did in the transaction is undone.
pub async fn older_tokens_are_fenced(bench: Bench) {
    let claim = async |resource: &'static str, token| {
        bench.store.transact(|tx| Box::pin(fences::claim(tx, resource, token))).await
    };
    assert_eq!(claim("shards", 5).await, Ok(()));
    assert_eq!(claim("shards", 5).await, Ok(()));
    assert_eq!(claim("shards", 7).await, Ok(()));
    assert_eq!(claim("other", 1).await, Ok(()));
    assert_eq!(claim("shards", 6).await, Err(StoreError::Fenced { resource: "shards".into() }));
    let zone = &zone("example.org.");
    let fenced = bench
        .store
        .transact(|tx| {
            Box::pin(async move {
                zones::insert(tx, zone, at(1)).await?;
                let _swallowed = fences::claim(tx, "shards", 6).await;
                Ok::<_, StoreError>(())
            })
        })
        .await;
    assert!(fenced.is_err());
    assert!(bench.read(|tx| Box::pin(zones::get_any(tx, zone.id))).await.is_none());
    let shards =
        |numbers: &[u16]| numbers.iter().map(|n| Shard::try_from(*n).unwrap()).collect::<BTreeSet<_>>();
    let advance = async |numbers: &'static [u16], to| {
        bench.write(|tx| Box::pin(fences::advance(tx, "exists", shards(numbers), to))).await
    };
    assert_eq!(advance(&[1, 2], 10).await, shards(&[1, 2]));
    assert_eq!(advance(&[1, 2, 4095], 10).await, shards(&[4095]));
    assert_eq!(advance(&[1, 2], 9).await, shards(&[]));
    assert_eq!(advance(&[2, 3], 11).await, shards(&[2, 3]));
    assert_eq!(advance(&[], 12).await, shards(&[]));
}

/// Of all that work under a key one commits, and its outcome is kept for a while.
pub async fn an_outcome_is_kept_once(bench: Bench) {
    let settle = async |key: &'static str, reply: &'static str| {
        bench.write(|tx| Box::pin(inbox::settle(tx, key, reply, at(5)))).await
    };
    let reply = async |key: &'static str| bench.read(|tx| Box::pin(inbox::reply(tx, key))).await;
    let mut tx = bench.store.begin(crate::store::Mode::Write).await.unwrap();
    assert!(inbox::settle(&mut *tx, "one", "lost", at(5)).await.unwrap());
    tx.rollback().await;
    assert_eq!(reply("one").await, None);
    assert!(settle("one", "first").await);
    assert!(!settle("one", "second").await && settle("other", "").await);
    assert_eq!(reply("one").await.as_deref(), Some("first"));
    let forget = async |before, limit| bench.write(|tx| Box::pin(inbox::forget(tx, at(before), limit))).await;
    assert_eq!(forget(5, 10).await, 0);
    assert_eq!((forget(6, 1).await, forget(6, 10).await), (1, 1));
    assert!(settle("one", "again").await);
}

/// Notifications wait in their order, up to a number and for a time.
pub async fn notifications_wait_in_order(bench: Bench) {
    let waiting =
        |body: &str, zone| Waiting { id: (), zone, priority: "info".to_owned(), body: body.to_owned() };
    let zone = Some(ZoneId::random());
    let put = async |bodies: &'static [&'static str], most, now| {
        let waiting = &waiting;
        bench
            .write(|tx| {
                let all = bodies.iter().map(|body| waiting(body, zone)).collect();
                Box::pin(outbox::put(tx, all, most, at(now)))
            })
            .await
    };
    let first = async |limit| bench.read(|tx| Box::pin(outbox::first(tx, limit))).await;
    let bodies = |found: &[Waiting<i64>]| found.iter().map(|one| one.body.clone()).collect::<Vec<_>>();
    assert!(put(&["a", "b"], 3, 10).await && put(&["c"], 3, 20).await);
    assert!(!put(&["d"], 3, 20).await, "there is no room");
    let found = first(10).await;
    assert_eq!((bodies(&found), found[0].zone), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], zone));
    assert_eq!(bodies(&first(2).await).len(), 2);
    let ids = &[found[0].id, found[0].id - 1];
    assert_eq!(bench.write(|tx| Box::pin(outbox::remove(tx, ids))).await, 1);
    assert!(put(&["e"], 3, 30).await);
    let expire = async |before| bench.write(|tx| Box::pin(outbox::expire(tx, at(before)))).await;
    assert_eq!((expire(10).await, expire(30).await), (0, 2));
    assert_eq!(bodies(&first(10).await), ["e"]);
    let dropped = bench.store.begin(crate::store::Mode::Write).await;
    let mut tx = dropped.unwrap();
    outbox::put(&mut *tx, vec![waiting("never", None)], 3, at(40)).await.unwrap();
    tx.rollback().await;
    assert_eq!(bodies(&first(10).await), ["e"]);
}

/// A worker has a zone until its claim expires or is seized; fences only grow.
pub async fn a_zone_is_claimed_by_one_worker(bench: Bench) {
    let zone = zone("example.org.");
    insert(&bench, &zone, at(1)).await;
    let (a, b) = (InstanceId::random(), InstanceId::random());
    let take = async |worker, now, expires| {
        bench.write(|tx| Box::pin(claims::take(tx, zone.id, worker, at(now), at(expires)))).await
    };
    assert_eq!(take(a, 10, 25).await, Some(1));
    assert_eq!(take(b, 24, 30).await, None);
    assert_eq!(take(b, 25, 30).await, Some(2));
    assert_eq!(take(b, 26, 40).await, Some(3));
    assert_eq!(take(a, 40, 50).await, Some(4));
    let holder = async |now| bench.read(|tx| Box::pin(claims::holder(tx, zone.id, at(now)))).await;
    assert_eq!((holder(49).await, holder(50).await), (Some(a), None));
    assert_eq!(bench.write(|tx| Box::pin(claims::seize(tx, zone.id, b, at(60)))).await, 5);
    assert_eq!((holder(50).await, take(a, 50, 70).await), (Some(b), None));
    let missing = ZoneId::random();
    let refused = bench.store.transact(|tx| Box::pin(claims::take(tx, missing, a, at(1), at(2)))).await;
    assert_eq!(refused, Err(StoreError::Reference));
}

/// The last observation of each name server is kept.
pub async fn newest_observations_count(bench: Bench) {
    let zone = zone("example.org.");
    insert(&bench, &zone, at(1)).await;
    let id = |n: u128| NameserverId::from(Uuid::from_u128(n));
    let state = |n, answer, micros| NameserverState { nameserver_id: id(n), answer, seen_at: at(micros) };
    let first = [state(1, Answer::Serial(Serial::new(u32::MAX)), 5), state(2, Answer::NoZone, 5)];
    let second = [state(2, Answer::Serial(Serial::new(7)), 6), state(3, Answer::Unknown, 6)];
    for states in [&first, &second] {
        bench.write(|tx| Box::pin(nameserver_states::put(tx, zone.id, states))).await;
    }
    let found = bench.read(|tx| Box::pin(nameserver_states::of_zone(tx, zone.id))).await;
    assert_eq!(found, [first[0].clone(), second[0].clone(), second[1].clone()]);
}

/// A zone is shared with a project once; who it is shared with is told in order.
pub async fn shares_are_once_per_project(bench: Bench) {
    let zone = zone("example.org.");
    insert(&bench, &zone, at(1)).await;
    let share = async |target: &str, micros| {
        let (owner, target) = (&project("p1"), &project(target));
        let id = Uuid::new_v4();
        let shared: Result<(), StoreError> = bench
            .store
            .transact(|tx| Box::pin(shares::insert(tx, id, zone.id, owner, target, at(micros))))
            .await;
        shared
    };
    assert!(!bench.read(|tx| Box::pin(shares::has_any(tx, zone.id))).await);
    assert_eq!((share("p3", 1).await, share("p2", 2).await), (Ok(()), Ok(())));
    assert!(share("p3", 3).await.unwrap_err().is_unique(shares::TAKEN));
    let targets = bench.read(|tx| Box::pin(shares::targets_of(tx, zone.id))).await;
    assert_eq!(targets, [project("p3"), project("p2")]);
    let shared = async |target: &str| {
        let target = &project(target);
        bench.read(|tx| Box::pin(shares::is_shared_with(tx, zone.id, target))).await
    };
    assert!(shared("p2").await && !shared("p1").await);
    assert_eq!(bench.write(|tx| Box::pin(shares::delete_all(tx, zone.id))).await, 2);
    assert!(!shared("p2").await && !bench.read(|tx| Box::pin(shares::has_any(tx, zone.id))).await);
}

//! Pools.

use super::Bench;
use super::fixtures::{at, name, pool};
use crate::domain::host_port::HostPort;
use crate::domain::ids::{AlsoNotifyId, NameserverId, NsRecordId, PoolId, TargetId, TsigKeyId, ZoneId};
use crate::domain::pool::{NsRecord, Pool};
use crate::domain::time::Timestamp;
use crate::store::repo::pool_work::{self, LEFT_TO_ONE, Work};
use crate::store::repo::pools;

async fn put(bench: &Bench, pool: &Pool, now: Timestamp) -> Pool {
    bench.write(|tx| Box::pin(pools::put(tx, pool, now))).await
}

async fn get(bench: &Bench, id: PoolId) -> Option<Pool> {
    bench.read(|tx| Box::pin(pools::get(tx, id))).await
}

/// A pool is read as it was written, by id, by name and in the list.
pub async fn a_pool_comes_back(bench: Bench) {
    let (mut one, other) = (pool("one"), pool("other"));
    one.nameservers[0].tsigkey_id = Some(TsigKeyId::random());
    one.targets[1].tsigkey_id = Some(TsigKeyId::random());
    let written = put(&bench, &one, at(1)).await;
    assert_eq!(written, one);
    let bare = Pool {
        project_id: None,
        description: None,
        attributes: [].into(),
        ns_records: vec![],
        nameservers: vec![],
        targets: vec![],
        also_notifies: vec![],
        ..other
    };
    put(&bench, &bare, at(2)).await;
    let bare = Pool { created_at: at(2), ..bare };
    assert_eq!(get(&bench, one.id).await.as_ref(), Some(&one));
    assert_eq!(bench.read(|tx| Box::pin(pools::get_by_name(tx, "other"))).await.as_ref(), Some(&bare));
    assert_eq!(bench.read(|tx| Box::pin(pools::list(tx))).await, [one, bare]);
    assert!(get(&bench, PoolId::random()).await.is_none());
    assert!(bench.read(|tx| Box::pin(pools::get_by_name(tx, "One"))).await.is_none());
}

/// Parts that mean the same server keep their ids, whatever ids the new definition has; others get the new ones.
pub async fn unchanged_parts_keep_their_ids(bench: Bench) {
    let old = put(&bench, &pool("one"), at(1)).await;
    let mut new = Pool { id: old.id, ..pool("one") };
    new.ns_records.reverse();
    new.ns_records[0].priority = 7;
    new.nameservers[1].at = HostPort::new("198.51.100.9", 53);
    new.targets[0].masters.clear();
    new.also_notifies.remove(0);
    let written = put(&bench, &new, at(2)).await;
    assert_eq!(get(&bench, old.id).await.as_ref(), Some(&written));
    let ns = |pool: &Pool| pool.ns_records.iter().map(|r| r.id).collect::<Vec<NsRecordId>>();
    assert_eq!(ns(&written), ns(&old));
    assert_eq!(written.ns_records[1].priority, 7);
    let servers = |pool: &Pool| pool.nameservers.iter().map(|r| r.id).collect::<Vec<NameserverId>>();
    assert_eq!(servers(&written), [servers(&old)[0], servers(&new)[1]]);
    let targets = |pool: &Pool| pool.targets.iter().map(|r| r.id).collect::<Vec<TargetId>>();
    assert_eq!(targets(&written), targets(&old));
    assert!(written.targets[0].masters.is_empty());
    let also = |pool: &Pool| pool.also_notifies.iter().map(|r| r.id).collect::<Vec<AlsoNotifyId>>();
    assert_eq!(also(&written), [also(&old)[1]]);
}

/// Writing the same again is no change; every difference is one.
pub async fn the_version_grows_only_with_changes(bench: Bench) {
    let old = put(&bench, &pool("one"), at(1)).await;
    let same = put(&bench, &Pool { id: old.id, ..pool("one") }, at(2)).await;
    assert_eq!(same, old);
    let changes: [fn(&mut Pool); 6] = [
        |p| p.description = None,
        |p| p.attributes.clear(),
        |p| p.targets[0].options.extend([("key".to_owned(), "value".to_owned())]),
        |p| p.nameservers.truncate(1),
        |p| {
            p.ns_records.push(NsRecord {
                id: NsRecordId::random(),
                hostname: name("ns3.example.net."),
                priority: 3,
            });
        },
        |p| p.name = "renamed".into(),
    ];
    let mut pool = old;
    for (change, version) in changes.iter().zip(2..) {
        change(&mut pool);
        let written = put(&bench, &pool, at(3)).await;
        pool = Pool { version, updated_at: Some(at(3)), ..pool };
        assert_eq!(written, pool);
        assert_eq!(get(&bench, pool.id).await.as_ref(), Some(&pool));
        let versions = bench.read(|tx| Box::pin(pools::versions(tx))).await;
        assert_eq!(versions, [(pool.id, version)]);
        assert_eq!(
            bench.read(|tx| Box::pin(pools::version(tx, pool.id))).await,
            Some((pool.created_at, version))
        );
    }
}

/// A name belongs to one pool.
pub async fn pool_names_are_taken_once(bench: Bench) {
    put(&bench, &pool("one"), at(1)).await;
    let same = &pool("one");
    let refused = bench.store.transact(|tx| Box::pin(pools::put(tx, same, at(2)))).await;
    assert!(refused.unwrap_err().is_unique(pools::NAME_TAKEN));
}

/// A removed pool is gone with its parts, and can be made again.
pub async fn a_removed_pool_takes_its_parts_along(bench: Bench) {
    let one = pool("one");
    put(&bench, &one, at(1)).await;
    assert!(bench.write(|tx| Box::pin(pools::delete(tx, one.id))).await);
    assert!(!bench.write(|tx| Box::pin(pools::delete(tx, one.id))).await);
    assert!(get(&bench, one.id).await.is_none());
    assert_eq!(put(&bench, &one, at(1)).await, one);
}

/// What zones lack of a pool's NS set is noted with the change, until somebody says that nothing is left.
pub async fn another_ns_set_is_work(bench: Bench) {
    let due = async |now| bench.read(|tx| Box::pin(pool_work::due(tx, now))).await;
    let old = put(&bench, &pool("one"), at(1)).await;
    assert_eq!(due(at(i64::MAX)).await, None, "a new pool has no zones");
    let mut new = old.clone();
    new.ns_records[0].hostname = name("else.example.org.");
    let new = put(&bench, &new, at(10)).await;
    let work = Work { pool: new.id, version: new.version, after: None };
    let later = at(10).plus(LEFT_TO_ONE);
    assert_eq!(due(Timestamp::from_micros(later.micros() - 1)).await, None, "left to whoever changed it");
    assert_eq!(due(later).await, Some(work));
    // It goes on under the next version of the pool, and not under the one before.
    let described = Pool { description: Some("changed".into()), ..new.clone() };
    let described = put(&bench, &described, at(11)).await;
    let reached = ZoneId::random();
    let (pool, versions) = (new.id, (new.version, described.version));
    bench.write(|tx| Box::pin(pool_work::advance(tx, pool, versions.0, reached, at(12)))).await;
    bench.write(|tx| Box::pin(pool_work::end(tx, pool, versions.0))).await;
    let work = Work { version: versions.1, ..work };
    assert_eq!((due(at(12)).await, due(later).await), (None, Some(work)));
    bench.write(|tx| Box::pin(pool_work::advance(tx, pool, versions.1, reached, at(12)))).await;
    assert_eq!(due(at(12)).await, Some(Work { after: Some(reached), ..work }));
    // Another set begins anew; then nothing is left, and nothing of a pool that is gone.
    let mut anew = described.clone();
    anew.ns_records.pop();
    let anew = put(&bench, &anew, at(13)).await;
    let begun = Work { pool, version: anew.version, after: None };
    assert_eq!(due(at(i64::MAX)).await, Some(begun));
    bench.write(|tx| Box::pin(pool_work::end(tx, pool, begun.version))).await;
    assert_eq!(due(at(i64::MAX)).await, None);
    put(&bench, &described, at(14)).await;
    bench.write(|tx| Box::pin(pools::delete(tx, pool))).await;
    assert_eq!(due(at(i64::MAX)).await, None);
}

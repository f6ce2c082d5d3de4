//! Statements that travel together, or that nobody waits for: the order they are given in, and all or nothing.

use super::Bench;
use super::fixtures::{at, name, pool, set, ttl, zone};
use crate::domain::ids::{InstanceId, ZoneId};
use crate::domain::pool::Pool;
use crate::domain::quota::{QuotaRules, Quotas, Resource};
use crate::domain::record_type::RecordType;
use crate::domain::zone::Zone;
use crate::store::repo::publishing::{self, Sight};
use crate::store::repo::recordsets::{self, Ground, Subject};
use crate::store::repo::{claims, inbox, pools, quotas, versions, zones};
use crate::store::value::args;
use crate::store::{Mode, Store, StoreError, Tx};

async fn create(store: &Store, zone: &Zone) {
    store.transact(|tx| Box::pin(zones::insert(tx, zone, at(1)))).await.unwrap();
}

const COUNT: &str = "UPDATE zones SET record_count = record_count * 10 + $1 WHERE id = $2";

async fn digits(bench: &Bench, id: ZoneId) -> u64 {
    bench.read(|tx| Box::pin(zones::get_any(tx, id))).await.unwrap().record_count
}

/// Whatever is waited for or not takes effect in the order it was given in.
pub async fn statements_keep_their_order(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let seen = bench
        .write(|tx| {
            Box::pin(async move {
                tx.later(COUNT.into(), args![1_i64, zone.id], None).await?;
                tx.execute(COUNT.into(), args![2_i64, zone.id]).await?;
                tx.later(COUNT.into(), args![3_i64, zone.id], None).await?;
                tx.later(COUNT.into(), args![4_i64, zone.id], Some(StoreError::MarkerNotFound)).await?;
                let look = "SELECT record_count AS n FROM zones WHERE id = $1";
                let found = tx.query_all(vec![(look.into(), args![zone.id]); 2]).await?;
                tx.later(COUNT.into(), args![5_i64, zone.id], None).await?;
                found.into_iter().flatten().map(|mut row| row.int("n")).collect::<Result<Vec<_>, _>>()
            })
        })
        .await;
    assert_eq!((seen, digits(&bench, zone.id).await), (vec![1234, 1234], 12345));
}

/// More than travels at once is no less in order, and what comes first may be what nobody waits for.
pub async fn many_statements_are_done_though_nobody_waits(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let add =
        "UPDATE zones SET record_count = record_count + 1, recordset_count = record_count WHERE id = $1";
    bench
        .write(|tx| {
            Box::pin(async move {
                for _ in 0..100 {
                    tx.later(add.into(), args![zone.id], Some(StoreError::MarkerNotFound)).await?;
                }
                let looks = vec![("SELECT record_count AS n FROM zones".into(), args![]); 50];
                assert_eq!(tx.query_all(looks).await?.len(), 50);
                Ok(())
            })
        })
        .await;
    let zone = bench.read(|tx| Box::pin(zones::get_any(tx, zone.id))).await.unwrap();
    assert_eq!((zone.record_count, zone.recordset_count), (100, 99));
}

/// A statement that has to change something and does not undoes everything, with what it stands for.
pub async fn what_must_change_a_row_undoes_all_if_it_does_not(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    for commits_at_once in [true, false] {
        let refused: Result<(), StoreError> = bench
            .store
            .transact(|tx| {
                Box::pin(async move {
                    zones::lock(tx, zone.id).await?;
                    tx.later(COUNT.into(), args![1_i64, zone.id], None).await?;
                    let nobody = args![2_i64, ZoneId::random()];
                    tx.later(COUNT.into(), nobody, Some(StoreError::MarkerNotFound)).await?;
                    tx.later(COUNT.into(), args![3_i64, zone.id], None).await?;
                    if !commits_at_once {
                        tx.execute(COUNT.into(), args![4_i64, zone.id]).await?;
                    }
                    Ok(())
                })
            })
            .await;
        assert_eq!(refused, Err(StoreError::MarkerNotFound));
    }
    assert_eq!(digits(&bench, zone.id).await, 0);
}

/// A violated constraint is told by the commit at the latest, and nothing of the transaction is kept.
pub async fn a_failure_nobody_waited_for_undoes_all(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let key = "key";
    bench.write(|tx| Box::pin(inbox::keep(tx, key, "first", at(1)))).await;
    let taken: Result<(), StoreError> = bench
        .store
        .transact(|tx| {
            Box::pin(async move {
                zones::lock(tx, zone.id).await?;
                tx.later(COUNT.into(), args![1_i64, zone.id], None).await?;
                inbox::keep(tx, key, "second", at(2)).await?;
                tx.later(COUNT.into(), args![2_i64, zone.id], None).await
            })
        })
        .await;
    assert!(taken.as_ref().is_err_and(|error| error.is_unique(inbox::KEY_TAKEN)), "{taken:?}");
    assert_eq!(digits(&bench, zone.id).await, 0);
    let reply = bench.read(|tx| Box::pin(inbox::reply(tx, key))).await;
    assert_eq!(reply.as_deref(), Some("first"));
}

/// Values that do not fit keep everything from being done, the statements around them included.
pub async fn a_value_that_does_not_fit_undoes_all(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let refused: Result<(), StoreError> = bench
        .store
        .transact(|tx| {
            Box::pin(async move {
                zones::lock(tx, zone.id).await?;
                tx.later(COUNT.into(), args![1_i64, zone.id], None).await?;
                tx.later(COUNT.into(), args![2_i64], None).await?;
                tx.later(COUNT.into(), args![3_i64, zone.id], None).await
            })
        })
        .await;
    assert!(refused.is_err());
    assert_eq!(digits(&bench, zone.id).await, 0);
}

/// What nobody waits for is undone with its transaction, and with one that nobody ends.
pub async fn what_waits_goes_with_its_transaction(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    tx.later(COUNT.into(), args![1_i64, zone.id], None).await.unwrap();
    tx.rollback().await;
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    zones::lock(&mut *tx, zone.id).await.unwrap();
    tx.later(COUNT.into(), args![2_i64, zone.id], None).await.unwrap();
    drop(tx);
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    tx.later(COUNT.into(), args![3_i64, zone.id], None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(digits(&bench, zone.id).await, 3);
}

/// A write that nobody waits for is refused to a reader.
pub async fn a_reader_writes_nothing_later(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await;
    let refused = bench
        .store
        .read(|tx| {
            Box::pin(async move {
                tx.later(COUNT.into(), args![1_i64, zone.id], None).await?;
                zones::get_any(tx, zone.id).await
            })
        })
        .await;
    assert!(refused.is_err());
    assert_eq!(digits(&bench, zone.id).await, 0);
}

fn rules() -> QuotaRules {
    QuotaRules { defaults: Quotas::default(), per_project: true }
}

async fn ground(tx: &mut dyn Tx, zone: ZoneId, subject: Subject<'_>) -> Result<Option<Ground>, StoreError> {
    recordsets::ground(tx, zone, subject, rules()).await
}

/// One look shows the zone, what is at the name, and the limits.
pub async fn the_ground_of_a_change(bench: Bench) {
    let (zone, child) = (&zone("example.org."), &zone("a.example.org."));
    let sets = &[
        set(zone, "www.example.org.", RecordType::A, &["192.0.2.1"]),
        set(zone, "WWW.example.org.", RecordType::Txt, &["\"t\""]),
        set(zone, "other.example.org.", RecordType::Mx, &["10 mx.example.org."]),
    ];
    create(&bench.store, zone).await;
    bench.write(|tx| Box::pin(recordsets::insert_many(tx, sets))).await;
    let www = &name("www.example.org.");
    let mut found = bench.write(|tx| Box::pin(ground(tx, zone.id, Subject::New(www)))).await.unwrap();
    found.kinds.sort_by_key(ToString::to_string);
    assert_eq!(found.kinds, [RecordType::A, RecordType::Txt]);
    assert_eq!((found.zone.id, found.set, found.has_children), (zone.id, None, false));
    assert_eq!(found.quotas, Some(Quotas::default()));

    bench
        .write(|tx| {
            Box::pin(async move {
                let parent = Some(zone.id);
                zones::insert(tx, &Zone { parent_id: parent, ..child.clone() }, at(2)).await?;
                quotas::set(tx, zone.project_id.as_ref().unwrap(), Resource::ZoneRecords, 7).await
            })
        })
        .await;
    let id = sets[2].id;
    let found = bench.write(|tx| Box::pin(ground(tx, zone.id, Subject::Old(id)))).await.unwrap();
    assert_eq!((found.kinds, found.has_children), (vec![RecordType::Mx], true));
    assert_eq!(found.set.unwrap().id, id);
    assert_eq!(found.quotas, Some(Quotas { zone_records: 7, ..Quotas::default() }));
    let elsewhere = bench.write(|tx| Box::pin(ground(tx, child.id, Subject::Old(id)))).await.unwrap();
    assert_eq!((elsewhere.set, elsewhere.kinds), (None, vec![]));
    let nowhere = ZoneId::random();
    assert!(bench.write(|tx| Box::pin(ground(tx, nowhere, Subject::New(www)))).await.is_none());
}

/// A change made under the hold of the zone is seen by whoever looks next, counters and all.
pub async fn an_advance_is_written(bench: Bench) {
    let one = &zone("example.org.");
    create(&bench.store, one).await;
    let (id, later) = (one.id, at(77));
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, id).await?.unwrap();
                zone.progress = zone.progress.changed();
                zone.record_count += 3;
                zone.recordset_count += 2;
                zones::advance(tx, &mut zone, later).await
            })
        })
        .await;
    let found = bench.read(|tx| Box::pin(zones::get_any(tx, id))).await.unwrap();
    let progress = one.progress.changed();
    let wanted = Zone {
        progress,
        record_count: one.record_count + 3,
        recordset_count: one.recordset_count + 2,
        version: 2,
        updated_at: Some(later),
        ..one.clone()
    };
    assert_eq!(found, wanted);
    let stale = bench
        .store
        .transact(|tx| Box::pin(async move { zones::advance(tx, &mut one.clone(), later).await }))
        .await;
    assert!(stale.as_ref().is_err_and(StoreError::is_retry), "{stale:?}");
}

/// Publishing shows the default TTL of the zone, forgets versions that had another, and moves the feed.
pub async fn a_publish_is_written(bench: Bench) {
    let one = &zone("example.org.");
    create(&bench.store, one).await;
    let id = one.id;
    bench
        .write(|tx| {
            Box::pin(async move {
                versions::record(tx, id, one.serial, one.progress.generation, at(1)).await?;
                let mut zone = zones::lock(tx, id).await?.unwrap();
                zone.progress = zone.progress.changed();
                zone.ttl = ttl(77);
                zones::update(tx, &mut zone, at(2)).await
            })
        })
        .await;
    let position = bench.read(|tx| Box::pin(zones::published_since(tx, i64::MIN, 9))).await[0].position;
    bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, id).await?.unwrap();
                zone.serial = zone.serial.next(0);
                zone.progress = zone.progress.published();
                versions::record(tx, id, zone.serial, zone.progress.generation, at(3)).await?;
                zones::publish(tx, &mut zone, at(3)).await
            })
        })
        .await;
    let feed = bench.read(|tx| Box::pin(zones::published_since(tx, position, 9))).await;
    assert_eq!((feed.len(), feed[0].serial), (1, one.serial.next(0)));
    let found = bench.read(|tx| Box::pin(zones::get_any(tx, id))).await.unwrap();
    assert_eq!((found.published_at, found.progress.is_unpublished()), (Some(at(3)), false));
    let old = bench.read(|tx| Box::pin(versions::find(tx, id, one.serial))).await;
    let new = bench.read(|tx| Box::pin(versions::find(tx, id, one.serial.next(0)))).await;
    assert_eq!((old, new), (None, Some(found.progress.generation)));
}

/// One look shows all that publishing needs; a claim that somebody else took meanwhile undoes it.
pub async fn the_sight_of_a_publisher(bench: Bench) {
    let one = &zone("example.org.");
    create(&bench.store, one).await;
    let soa = &set(one, "EXAMPLE.org.", RecordType::Soa, &["ns1.example.org. a.example.org. 1 2 3 4 5"]);
    let (id, me, other) = (one.id, InstanceId::random(), InstanceId::random());
    let look = |now| bench.write(move |tx| Box::pin(publishing::sight(tx, id, at(now))));
    let Sight { zone, holder, pool: no_pool, soa: none } = look(5).await.unwrap();
    assert_eq!((zone.id, holder, no_pool, none), (id, None, None, None));

    let definition = &Pool { id: one.pool_id, ..pool("default") };
    bench
        .write(|tx| {
            Box::pin(async move {
                pools::put(tx, definition, at(4)).await?;
                recordsets::insert(tx, soa).await?;
                claims::hold(tx, id, me, at(5), at(10)).await
            })
        })
        .await;
    let seen = look(9).await.unwrap();
    assert_eq!((seen.holder, seen.pool, seen.soa.unwrap().id), (Some(me), Some((at(4), 1)), soa.id));
    let taken = bench.store.transact(|tx| Box::pin(claims::hold(tx, id, other, at(9), at(20)))).await;
    assert!(taken.as_ref().is_err_and(StoreError::is_retry), "{taken:?}");
    assert_eq!(look(10).await.unwrap().holder, None);
    bench.write(|tx| Box::pin(claims::hold(tx, id, other, at(10), at(20)))).await;
    bench.write(|tx| Box::pin(claims::release(tx, id, at(11)))).await;
    assert_eq!(look(11).await.unwrap().holder, None);
    // Every claim is a newer one.
    let fence = bench.write(|tx| Box::pin(claims::take(tx, id, me, at(11), at(20)))).await;
    assert_eq!(fence, Some(3));
    let nowhere = ZoneId::random();
    assert!(bench.write(move |tx| Box::pin(publishing::sight(tx, nowhere, at(1)))).await.is_none());
}

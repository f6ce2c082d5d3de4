//! Transactions: all or nothing, one after the other, one state for a reader.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;

use super::Bench;
use super::fixtures::{at, set, zone};
use crate::domain::ids::ZoneId;
use crate::domain::record_type::RecordType;
use crate::domain::zone::Zone;
use crate::store::repo::{recordsets, zones};
use crate::store::{Mode, Store, StoreError};

async fn create(store: &Store, zone: &Zone) -> Result<(), StoreError> {
    store.transact(|tx| Box::pin(zones::insert(tx, zone, at(1)))).await
}

async fn exists(store: &Store, id: ZoneId) -> bool {
    store.read(|tx| Box::pin(zones::get_any(tx, id))).await.unwrap().is_some()
}

/// What is committed is there for whoever begins afterwards.
pub async fn a_commit_is_seen_by_later_readers(bench: Bench) {
    let zone = zone("example.org.");
    create(&bench.store, &zone).await.unwrap();
    assert!(exists(&bench.store, zone.id).await);
}

/// An error of the closure undoes what it did.
pub async fn an_error_rolls_back(bench: Bench) {
    let zone = &zone("example.org.");
    let refused = bench
        .store
        .transact(|tx| {
            Box::pin(async move {
                zones::insert(tx, zone, at(1)).await?;
                Err::<(), _>(StoreError::MarkerNotFound)
            })
        })
        .await;
    assert_eq!(refused, Err(StoreError::MarkerNotFound));
    assert!(!exists(&bench.store, zone.id).await);
}

/// A transaction that nobody ends undoes itself, and the next one is not held up.
pub async fn a_dropped_transaction_leaves_no_trace(bench: Bench) {
    let one = zone("example.org.");
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    zones::insert(&mut *tx, &one, at(1)).await.unwrap();
    drop(tx);
    assert!(!exists(&bench.store, one.id).await);
    create(&bench.store, &zone("example.net.")).await.unwrap();
}

/// A caller may go away in the middle of a statement.
pub async fn a_dropped_statement_leaves_no_trace(bench: Bench) {
    for _ in 0..50 {
        let one = zone("example.org.");
        let mut tx = bench.store.begin(Mode::Write).await.unwrap();
        let _polled_once = zones::insert(&mut *tx, &one, at(1)).now_or_never();
        drop(tx);
        assert!(!exists(&bench.store, one.id).await);
    }
    create(&bench.store, &zone("example.net.")).await.unwrap();
}

/// After a failure the transaction takes nothing more, even if its owner goes on.
pub async fn a_failed_transaction_cannot_be_committed(bench: Bench) {
    let (one, other) = (zone("example.org."), zone("example.net."));
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    zones::insert(&mut *tx, &one, at(1)).await.unwrap();
    assert!(zones::insert(&mut *tx, &one, at(1)).await.is_err());
    assert!(zones::insert(&mut *tx, &other, at(1)).await.is_err());
    assert!(tx.doomed().is_some() && tx.commit().await.is_err());
    assert!(!exists(&bench.store, one.id).await && !exists(&bench.store, other.id).await);
}

/// A reader sees the state of its first statement to its end, while others write.
pub async fn a_reader_sees_one_state(bench: Bench) {
    let (one, other) = (zone("example.org."), zone("example.net."));
    create(&bench.store, &one).await.unwrap();
    let mut reader = bench.store.begin(Mode::Read).await.unwrap();
    assert!(zones::get_any(&mut *reader, one.id).await.unwrap().is_some());
    create(&bench.store, &other).await.unwrap();
    assert!(zones::get_any(&mut *reader, other.id).await.unwrap().is_none());
    reader.rollback().await;
    assert!(exists(&bench.store, other.id).await);
}

/// A reading transaction refuses to write.
pub async fn a_reader_cannot_write(bench: Bench) {
    let zone = &zone("example.org.");
    let refused = bench.store.read(|tx| Box::pin(zones::insert(tx, zone, at(1)))).await;
    assert!(matches!(refused, Err(StoreError::Statement { .. })), "{refused:?}");
    assert!(!exists(&bench.store, zone.id).await);
}

/// A violated constraint is told by the name that every engine has for it.
pub async fn a_taken_key_is_named(bench: Bench) {
    let (one, other) = (zone("example.org."), zone("EXAMPLE.org."));
    create(&bench.store, &one).await.unwrap();
    let taken = create(&bench.store, &other).await.unwrap_err();
    assert!(taken.is_unique(zones::NAME_TAKEN), "{taken:?}");
    let again = create(&bench.store, &Zone { name: super::fixtures::name("a.example."), ..one }).await;
    assert!(again.unwrap_err().is_unique("zones_id"));
}

/// A row that needs another is refused without it.
pub async fn a_missing_reference_is_told(bench: Bench) {
    let orphan = &set(&zone("example.org."), "www.example.org.", RecordType::A, &["192.0.2.1"]);
    let refused = bench.store.transact(|tx| Box::pin(recordsets::insert(tx, orphan))).await;
    assert_eq!(refused, Err(StoreError::Reference));
}

/// Writers that read before they write do not overwrite each other.
pub async fn concurrent_writers_lose_nothing(bench: Bench) {
    let one = zone("example.org.");
    create(&bench.store, &one).await.unwrap();
    let writers = (0..8).map(|_| {
        let (bench, id) = (bench.clone(), one.id);
        tokio::spawn(async move {
            for _ in 0..25 {
                bench
                    .write(|tx| {
                        Box::pin(async move {
                            let mut zone = zones::lock(tx, id).await?.unwrap();
                            zone.record_count += 1;
                            zones::update(tx, &mut zone, at(2)).await
                        })
                    })
                    .await;
            }
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    let zone = bench.read(|tx| Box::pin(zones::get_any(tx, one.id))).await.unwrap();
    assert_eq!((zone.record_count, zone.version), (200, 201));
}

/// A collision undoes the attempt and runs the closure again.
pub async fn a_collision_runs_the_whole_again(bench: Bench) {
    let (one, attempts) = (&zone("example.org."), &AtomicU32::new(0));
    bench
        .write(|tx| {
            Box::pin(async move {
                zones::insert(tx, one, at(1)).await?;
                let mut read = zones::get_any(tx, one.id).await?.unwrap();
                read.version += u64::from(attempts.fetch_add(1, Ordering::SeqCst) < 2);
                zones::update(tx, &mut read, at(2)).await
            })
        })
        .await;
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    assert!(exists(&bench.store, one.id).await);
}

/// Who collides for ever is told so in the end.
pub async fn collisions_without_end_are_given_up(bench: Bench) {
    let missing = &zone("example.org.");
    let refused = bench
        .store
        .transact(|tx| Box::pin(async move { zones::update(tx, &mut missing.clone(), at(2)).await }))
        .await;
    assert!(refused.as_ref().is_err_and(StoreError::is_retry), "{refused:?}");
}

/// A database opened anew has what was committed, and nothing else.
pub async fn what_was_committed_outlives_the_store(bench: Bench) {
    let (one, other) = (zone("example.org."), zone("example.net."));
    create(&bench.store, &one).await.unwrap();
    let mut tx = bench.store.begin(Mode::Write).await.unwrap();
    zones::insert(&mut *tx, &other, at(1)).await.unwrap();
    drop(tx);
    let Some(again) = bench.again().await else { return };
    assert!(exists(&again, one.id).await && !exists(&again, other.id).await);
    assert_eq!(again.schema_version().await.unwrap(), Some(Store::latest_version()));
}

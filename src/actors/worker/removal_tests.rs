//! Removals that a new zone of the same name overtakes at any point.

use std::collections::BTreeMap;

use futures::FutureExt as _;

use super::*;
use crate::actors::worker::backends::{FakeBackend, Script};
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::Progress;

async fn store() -> Store {
    let store = Store::open("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn spec() -> ZoneSpec {
    ZoneSpec { id: ZoneId::random(), name: Name::parse("example.org.").unwrap() }
}

async fn create(store: &Store, pool_id: PoolId, progress: Progress) -> ZoneSpec {
    let spec = spec();
    let at = Timestamp::from_micros(1);
    let zone = &Zone {
        id: spec.id,
        pool_id,
        project_id: None,
        name: spec.name.clone(),
        kind: ZoneKind::Primary,
        email: "admin@example.org".to_owned(),
        description: None,
        ttl: Ttl::new(3600).unwrap(),
        timers: SoaTimers { refresh: 3600, retry: 600, expire: 86400, minimum: 3600 },
        serial: Serial::new(1),
        progress,
        shared: false,
        attributes: BTreeMap::new(),
        masters: Vec::new(),
        parent_id: None,
        recordset_count: 0,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: at,
        updated_at: None,
        transferred_at: None,
        published_at: None,
    };
    let inserted: Result<(), StoreError> =
        store.transact(|tx| Box::pin(async move { zones::insert(tx, zone, at).await })).await;
    inserted.unwrap();
    spec
}

#[tokio::test]
async fn a_removal_removes() {
    let (store, backend, zone) = (store().await, FakeBackend::default(), spec());
    backend.ensure_zone(&zone).await.unwrap();
    create(&store, PoolId::random(), Progress::created()).await;
    create(&store, PoolId::DEFAULT, Progress::created().deleting()).await;
    let mut removal = Removal::new(zone.clone(), PoolId::DEFAULT, false);
    assert_eq!(removal.attempt(&store, &backend).await, Ok(()));
    assert!(!backend.has(&zone.name), "neither another pool nor a zone that goes, too, keeps it");
}

#[tokio::test]
async fn a_late_removal_is_dropped() {
    let (store, backend, zone) = (store().await, FakeBackend::default(), spec());
    backend.ensure_zone(&zone).await.unwrap();
    create(&store, PoolId::DEFAULT, Progress::created()).await;
    let mut removal = Removal::new(zone.clone(), PoolId::DEFAULT, false);
    assert_eq!(removal.attempt(&store, &backend).await, Ok(()));
    assert!(backend.has(&zone.name));
    assert_eq!(backend.calls(), 1);
}

#[tokio::test]
async fn an_overtaken_removal_brings_the_new_zone_back() {
    let (store, backend, zone) = (store().await, FakeBackend::default(), spec());
    backend.ensure_zone(&zone).await.unwrap();
    backend.follow(Script::Hang);
    let mut removal = Removal::new(zone.clone(), PoolId::DEFAULT, false);
    let mut attempt = Box::pin(removal.attempt(&store, &backend));
    while backend.calls() < 2 {
        assert!((&mut attempt).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    create(&store, PoolId::DEFAULT, Progress::created()).await;
    backend.follow(Script::Obey);
    assert_eq!(attempt.await, Ok(()));
    assert!(backend.has(&zone.name));
}

#[tokio::test]
async fn an_attempt_that_was_given_up_may_have_removed() {
    let (store, backend, zone) = (store().await, FakeBackend::default(), spec());
    backend.follow(Script::Fail(BackendError::Unreachable { reason: "silence".to_owned() }));
    let mut removal = Removal::new(zone.clone(), PoolId::DEFAULT, false);
    assert!(removal.attempt(&store, &backend).await.is_err());
    create(&store, PoolId::DEFAULT, Progress::created()).await;
    backend.follow(Script::Obey);
    assert_eq!(removal.attempt(&store, &backend).await, Ok(()));
    assert!(backend.has(&zone.name));
}

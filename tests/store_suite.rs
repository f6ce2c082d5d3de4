//! The store's suite on SQLite, in memory.

use std::collections::BTreeMap;

use ordain::domain::generation::Generation;
use ordain::domain::ids::{PoolId, ProjectId, RecordsetId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::Recordset;
use ordain::domain::serial::Serial;
use ordain::domain::time::Timestamp;
use ordain::domain::ttl::Ttl;
use ordain::domain::zone::*;
use ordain::domain::zone_status::*;
use ordain::store::repo::*;
use ordain::store::*;

fn zone(name: &str) -> Zone {
    Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: Some(ProjectId::new("p1")),
        name: Name::parse(name).unwrap(),
        kind: ZoneKind::Primary,
        email: "a@example.org".into(),
        description: None,
        ttl: Ttl::new(3600).unwrap(),
        timers: SoaTimers { refresh: 1, retry: 2, expire: 3, minimum: 4 },
        serial: Serial::new(5),
        progress: Progress::created(),
        shared: false,
        attributes: BTreeMap::new(),
        masters: vec![],
        parent_id: None,
        recordset_count: 0,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: Timestamp::from_micros(1),
        updated_at: None,
        transferred_at: None,
        published_at: None,
    }
}

fn set(zone: &Zone, n: u32) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: zone.project_id.clone(),
        name: Name::parse(&format!("w{n}.{}", zone.name)).unwrap(),
        kind: RecordType::A,
        ttl: None,
        description: None,
        records: vec!["192.0.2.1".into()],
        managed: false,
        generation: Generation::FIRST,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: Timestamp::from_micros(1),
        updated_at: None,
    }
}

#[tokio::test]
async fn a_zone_with_many_recordsets_is_written_at_once_and_streamed() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), None);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), Some(Store::latest_version()));
    let now = Timestamp::from_micros(7);
    let handle = tokio::spawn(async move {
        let zone = zone("Example.org.");
        let other = &zone;
        store.transact(|tx| Box::pin(async move { zones::insert(tx, other, now).await })).await.unwrap();
        let sets: Vec<_> = (0..30_000).map(|n| set(&zone, n)).collect();
        let sets = &sets;
        let done: Result<(), StoreError> =
            store.transact(|tx| Box::pin(async { recordsets::insert_many(tx, sets).await })).await;
        done.unwrap();
        let n = store
            .read(|tx| {
                let zone = &zone;
                Box::pin(async move {
                    let mut t = transfer::open(tx, zone.id).await?.unwrap();
                    let mut n = 0;
                    loop {
                        let page = transfer::next_page(tx, &mut t, 1000).await?;
                        if page.is_empty() {
                            return Ok::<_, StoreError>(n);
                        }
                        n += page.len();
                    }
                })
            })
            .await
            .unwrap();
        assert_eq!(n, 30_000);
        for _ in 0..100 {
            let r: Result<(), StoreError> = store
                .transact(|tx| {
                    Box::pin(async {
                        let mut z = zones::lock(tx, zone.id).await?.unwrap();
                        z.progress = z.progress.changed();
                        zones::update(tx, &mut z, now).await
                    })
                })
                .await;
            r.unwrap();
        }
    });
    handle.await.unwrap();
}

//! Fills a database as the API would have, only faster.

use std::collections::BTreeMap;
use std::path::Path;

use ordain::clock::Clock;
use ordain::domain::generation::Generation;
use ordain::domain::ids::{PoolId, RecordsetId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::Recordset;
use ordain::domain::serial::Serial;
use ordain::domain::ttl::Ttl;
use ordain::domain::zone::{SoaTimers, Zone, ZoneKind};
use ordain::domain::zone_status::{Action, Progress, Status};
use ordain::store::repo::{recordsets, versions, zones};
use ordain::store::{Store, StoreError};

const BATCH: usize = 5000;

/// Inserts a zone with so many address records, besides SOA and NS, into the database of a server that does not run.
/// An `active` one is not propagated any more.
pub(crate) async fn zone(store: &Store, origin: &str, addresses: usize, active: bool) {
    let zone = &new_zone(origin, addresses, active);
    let now = zone.created_at;
    let soa = format!("ns1.example.org. admin.example.org. {} 3600 600 86400 3600", zone.serial);
    let mut sets = vec![
        set(zone, origin, RecordType::Soa, &soa, true),
        set(zone, origin, RecordType::Ns, "ns1.example.org.", true),
    ];
    sets.extend((0..addresses).map(|n| {
        let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        set(zone, &format!("host-{n}.{origin}"), RecordType::A, &address, false)
    }));
    let sets = &sets;
    store
        .transact(|tx| {
            Box::pin(async move {
                zones::insert(tx, zone, now).await?;
                versions::record(tx, zone.id, zone.serial, zone.progress.generation, now).await?;
                for batch in sets.chunks(BATCH) {
                    recordsets::insert_many(tx, batch).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
}

/// The database in a server's folder.
pub(crate) async fn database(folder: &Path) -> Store {
    Store::open(&format!("sqlite:{}/ordain.db", folder.display())).await.unwrap()
}

fn new_zone(origin: &str, addresses: usize, active: bool) -> Zone {
    let now = Clock::system().now();
    let created = Progress::created();
    let progress = if active {
        let propagated = created.generation;
        Progress { action: Action::None, status: Status::Active, propagated, ..created }
    } else {
        created
    };
    Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: None,
        name: Name::parse(origin).unwrap(),
        kind: ZoneKind::Primary,
        email: "admin@example.org".into(),
        description: None,
        ttl: Ttl::new(3600).unwrap(),
        timers: SoaTimers { refresh: 3600, retry: 600, expire: 86_400, minimum: 3600 },
        serial: Serial::new(1),
        progress,
        shared: false,
        attributes: BTreeMap::new(),
        masters: vec![],
        parent_id: None,
        recordset_count: addresses as u64 + 2,
        record_count: addresses as u64,
        hard_delete: false,
        version: 1,
        created_at: now,
        updated_at: None,
        transferred_at: None,
        published_at: Some(now),
    }
}

fn set(zone: &Zone, name: &str, kind: RecordType, data: &str, managed: bool) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: None,
        name: Name::parse(name).unwrap(),
        kind,
        ttl: None,
        description: None,
        records: vec![data.to_owned()],
        managed,
        generation: Generation::FIRST,
        change: Action::Create,
        action: Action::None,
        status: Status::Active,
        version: 1,
        created_at: zone.created_at,
        updated_at: None,
    }
}

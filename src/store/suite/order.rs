//! Lists by pages: under every sort key, in both directions, each row comes once.

use std::collections::HashSet;

use uuid::Uuid;

use super::Bench;
use super::fixtures::{at, first, of, project, set, ttl, zone};
use crate::domain::page::{
    Direction, PageRequest, RecordsetFilter, RecordsetSortKey, Scope, ZoneFilter, ZoneSortKey,
};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::serial::Serial;
use crate::domain::zone::Zone;
use crate::domain::zone_status::Status;
use crate::store::StoreError;
use crate::store::repo::recordsets::Within;
use crate::store::repo::{recordsets, zones};

/// Zones with equal, different and missing values in every column that sorts.
async fn zones_to_sort(bench: &Bench) -> Vec<Zone> {
    let mut all = Vec::new();
    for n in 0_u32..20 {
        let mut one = zone(&format!("z{}.example.", 99 - n));
        one.project_id = (n % 3 > 0).then(|| project(&format!("p{}", n % 3)));
        one.created_at = at(i64::from(n % 4));
        one.updated_at = (n % 5 > 1).then(|| at(i64::from(n % 5)));
        one.serial = Serial::new(n % 2);
        one.ttl = ttl(i64::from(n % 7));
        one.progress.status = if n % 2 == 0 { Status::Active } else { Status::Error };
        all.push(one);
    }
    let zones = &all;
    bench
        .write(|tx| {
            Box::pin(async move {
                for zone in zones {
                    zones::insert(tx, zone, at(1)).await?;
                }
                Ok(())
            })
        })
        .await;
    all
}

async fn sets_to_sort(bench: &Bench) -> Vec<Recordset> {
    let zones = zones_to_sort(bench).await;
    let mut all = Vec::new();
    for n in 0_u32..20 {
        let kind = if n % 2 == 0 { RecordType::A } else { RecordType::Txt };
        let mut one = set(&zones[(n % 3) as usize], &format!("r{}.example.", n / 3), kind, &["192.0.2.1"]);
        one.name = super::fixtures::name(&format!("r{}.z.example.", n / 3));
        one.project_id = (n % 3 > 0).then(|| project(&format!("p{}", n % 3)));
        one.created_at = at(i64::from(n % 4));
        one.updated_at = (n % 5 > 1).then(|| at(i64::from(n % 5)));
        one.ttl = (n % 4 > 1).then(|| ttl(i64::from(n % 7)));
        all.push(one);
    }
    let sets = &all;
    bench.write(|tx| Box::pin(recordsets::insert_many(tx, sets))).await;
    all
}

/// Pages through a list three at a time, forward and backward, and checks that the order is total and the same.
macro_rules! page_through {
    ($bench:expr, $key:expr, $count:expr, |$tx:ident, $page:ident| $find:expr) => {{
        let mut orders = Vec::new();
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut seen: Vec<Uuid> = Vec::new();
            loop {
                let page = PageRequest { limit: 3, marker: seen.last().copied(), sort_key: $key, direction };
                let $page = &page;
                let found = $bench.read(|$tx| Box::pin($find)).await;
                assert_eq!(found.total, Some($count as u64));
                if found.items.is_empty() {
                    break;
                }
                seen.extend(found.items.iter().map(|i| i.id.uuid()));
            }
            assert_eq!(seen.len(), $count, "{:?} {direction:?}", $key);
            orders.push(seen);
        }
        orders[1].reverse();
        assert_eq!(orders[0], orders[1], "{:?}", $key);
        assert_eq!(orders[0].iter().collect::<HashSet<_>>().len(), $count);
        orders.swap_remove(0)
    }};
}

/// Zones, by every key.
pub async fn zones_page_in_a_total_order(bench: Bench) {
    let all = zones_to_sort(&bench).await;
    let filter = &ZoneFilter::default();
    let keys = [
        ZoneSortKey::CreatedAt,
        ZoneSortKey::Id,
        ZoneSortKey::UpdatedAt,
        ZoneSortKey::Name,
        ZoneSortKey::TenantId,
        ZoneSortKey::Serial,
        ZoneSortKey::Ttl,
        ZoneSortKey::Status,
    ];
    for key in keys {
        let order = page_through!(bench, key, all.len(), |tx, page| zones::find(
            tx,
            &Scope::AllProjects,
            filter,
            page
        ));
        let mut expected: Vec<_> = all.iter().collect();
        expected.sort_by_key(|z| z.id);
        match key {
            ZoneSortKey::CreatedAt => expected.sort_by_key(|z| z.created_at),
            ZoneSortKey::Id => {}
            ZoneSortKey::UpdatedAt => expected.sort_by_key(|z| z.updated_at),
            ZoneSortKey::Name => expected.sort_by_key(|z| z.name.key()),
            ZoneSortKey::TenantId => expected.sort_by_key(|z| z.project_id.clone()),
            ZoneSortKey::Serial => expected.sort_by_key(|z| z.serial.number()),
            ZoneSortKey::Ttl => expected.sort_by_key(|z| z.ttl),
            ZoneSortKey::Status => expected.sort_by_key(|z| z.progress.status.as_str()),
        }
        assert_eq!(order, expected.iter().map(|z| z.id.uuid()).collect::<Vec<_>>(), "{key:?}");
    }
    let scope = &of("p1");
    let own = all.iter().filter(|z| z.project_id == Some(project("p1"))).count();
    page_through!(bench, ZoneSortKey::CreatedAt, own, |tx, page| zones::find(tx, scope, filter, page));
}

/// Recordsets, by every key.
pub async fn recordsets_page_in_a_total_order(bench: Bench) {
    let all = sets_to_sort(&bench).await;
    let (filter, within) = (&RecordsetFilter::default(), &Within::Owned(Scope::AllProjects));
    let keys = [
        RecordsetSortKey::CreatedAt,
        RecordsetSortKey::Id,
        RecordsetSortKey::UpdatedAt,
        RecordsetSortKey::ZoneId,
        RecordsetSortKey::TenantId,
        RecordsetSortKey::Name,
        RecordsetSortKey::Type,
        RecordsetSortKey::Ttl,
    ];
    for key in keys {
        let order =
            page_through!(bench, key, all.len(), |tx, page| recordsets::find(tx, within, filter, page));
        let mut expected: Vec<_> = all.iter().collect();
        expected.sort_by_key(|r| r.id);
        match key {
            RecordsetSortKey::CreatedAt => expected.sort_by_key(|r| r.created_at),
            RecordsetSortKey::Id => {}
            RecordsetSortKey::UpdatedAt => expected.sort_by_key(|r| r.updated_at),
            RecordsetSortKey::ZoneId => expected.sort_by_key(|r| r.zone_id),
            RecordsetSortKey::TenantId => expected.sort_by_key(|r| r.project_id.clone()),
            RecordsetSortKey::Name => expected.sort_by_key(|r| r.name.key()),
            RecordsetSortKey::Type => expected.sort_by_key(|r| r.kind.to_string()),
            RecordsetSortKey::Ttl => expected.sort_by_key(|r| r.ttl),
        }
        assert_eq!(order, expected.iter().map(|r| r.id.uuid()).collect::<Vec<_>>(), "{key:?}");
    }
    let within = &Within::Zone(all[0].zone_id);
    let count = all.iter().filter(|r| r.zone_id == all[0].zone_id).count();
    let key = RecordsetSortKey::CreatedAt;
    page_through!(bench, key, count, |tx, page| recordsets::find(tx, within, filter, page));
}

/// Without a time of update a row comes before all others, last when descending.
pub async fn rows_never_updated_come_first(bench: Bench) {
    zones_to_sort(&bench).await;
    let mut page = first(100, ZoneSortKey::UpdatedAt);
    let (scope, filter) = (&Scope::AllProjects, &ZoneFilter::default());
    let up = bench.read(|tx| Box::pin(async { zones::find(tx, scope, filter, &page).await })).await;
    assert!(up.items[0].updated_at.is_none() && up.items[19].updated_at.is_some());
    page.direction = Direction::Descending;
    let down = bench.read(|tx| Box::pin(async { zones::find(tx, scope, filter, &page).await })).await;
    assert!(down.items[0].updated_at.is_some() && down.items[19].updated_at.is_none());
}

/// A marker that is no row, or not one of the caller's, is an error of its own.
pub async fn an_unknown_marker_is_told(bench: Bench) {
    let all = zones_to_sort(&bench).await;
    let foreign = all.iter().find(|z| z.project_id == Some(project("p2"))).unwrap();
    for marker in [Uuid::new_v4(), foreign.id.uuid()] {
        let page = &PageRequest { marker: Some(marker), ..first(3, ZoneSortKey::Name) };
        let (scope, filter) = (&of("p1"), &ZoneFilter::default());
        let refused = bench.store.read(|tx| Box::pin(zones::find(tx, scope, filter, page))).await;
        assert_eq!(refused, Err(StoreError::MarkerNotFound));
    }
}

/// Paging goes on after a marker that the filter no longer selects.
pub async fn a_marker_need_not_match_the_filter(bench: Bench) {
    let mut all = zones_to_sort(&bench).await;
    all.sort_by_key(|z| z.name.key());
    let marker = all.iter().find(|z| z.progress.status == Status::Error).unwrap();
    let page = &PageRequest { marker: Some(marker.id.uuid()), ..first(100, ZoneSortKey::Name) };
    let filter = &ZoneFilter { status: Some("ACTIVE".into()), ..ZoneFilter::default() };
    let found = bench.read(|tx| Box::pin(zones::find(tx, &Scope::AllProjects, filter, page))).await;
    let expected =
        all.iter().filter(|z| z.progress.status == Status::Active && z.name.key() > marker.name.key());
    assert!(found.items.iter().map(|z| z.id).eq(expected.map(|z| z.id)) && !found.items.is_empty());
    assert_eq!(found.total, Some(10));
}

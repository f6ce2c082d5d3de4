//! Zones: rows, visibility, filters.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Bench;
use super::fixtures::{at, first, name, of, project, ttl, zone};
use crate::domain::generation::Generation;
use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::page::{Scope, ZoneFilter, ZoneSortKey};
use crate::domain::serial::Serial;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::{Action, Outcome, Progress, Status, Verdict};
use crate::store::StoreError;
use crate::store::repo::{shares, zones};

async fn insert(bench: &Bench, zones: &[&Zone]) {
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
}

async fn get(bench: &Bench, id: ZoneId, scope: Scope) -> Option<Zone> {
    let scope = &scope;
    bench.read(|tx| Box::pin(zones::get(tx, id, scope))).await
}

async fn share(bench: &Bench, zone: &Zone, target: &str) {
    let (owner, target) = (&project("p1"), &project(target));
    bench.write(|tx| Box::pin(shares::insert(tx, Uuid::new_v4(), zone.id, owner, target, at(1)))).await;
}

async fn names(bench: &Bench, scope: Scope, filter: ZoneFilter) -> Vec<String> {
    let (scope, filter, page) = (&scope, &filter, &first(100, ZoneSortKey::Name));
    let page = bench.read(|tx| Box::pin(zones::find(tx, scope, filter, page))).await;
    assert_eq!(page.total, Some(page.items.len() as u64));
    page.items.iter().map(|z| z.name.to_string()).collect()
}

fn full() -> Zone {
    Zone {
        project_id: None,
        name: name("Full.Example.ORG."),
        kind: ZoneKind::Secondary,
        email: "host.master@example.org".into(),
        description: Some("with 'quotes' and žluť".into()),
        ttl: ttl(2_147_483_647),
        timers: SoaTimers { refresh: u32::MAX, retry: 1, expire: 2, minimum: 3 },
        serial: Serial::new(u32::MAX),
        progress: Progress {
            action: Action::Update,
            status: Status::Error,
            generation: Generation::new(9),
            published: Generation::new(8),
            propagated: Generation::new(7),
            failed: Generation::new(6),
        },
        attributes: BTreeMap::from([("tier".into(), "gold".into()), ("a".into(), String::new())]),
        masters: vec![HostPort::new("192.0.2.1", 5354), HostPort::new("2001:db8::1", 53)],
        parent_id: Some(ZoneId::random()),
        recordset_count: 12,
        record_count: 34,
        hard_delete: true,
        version: 3,
        updated_at: Some(at(5)),
        transferred_at: Some(at(6)),
        published_at: None,
        ..zone("x.")
    }
}

/// What is inserted is what is read.
pub async fn every_field_comes_back(bench: Bench) {
    for one in [full(), zone("plain.example.org.")] {
        insert(&bench, &[&one]).await;
        assert_eq!(get(&bench, one.id, Scope::AllProjects).await.as_ref(), Some(&one));
        assert_eq!(bench.read(|tx| Box::pin(zones::get_any(tx, one.id))).await.as_ref(), Some(&one));
        assert_eq!(bench.write(|tx| Box::pin(zones::lock(tx, one.id))).await, Some(one));
    }
}

/// The same name, in whatever case, is refused in one pool and taken in another.
pub async fn a_name_is_taken_once_per_pool_without_case(bench: Bench) {
    let one = zone("example.org.");
    insert(&bench, &[&one]).await;
    let same = &zone("Example.ORG.");
    let refused = bench.store.transact(|tx| Box::pin(zones::insert(tx, same, at(1)))).await;
    assert!(refused.unwrap_err().is_unique(zones::NAME_TAKEN));
    let elsewhere = Zone { pool_id: PoolId::random(), created_at: at(2), ..zone("Example.ORG.") };
    insert(&bench, &[&elsewhere]).await;
    let found = bench.read(|tx| Box::pin(async { zones::by_name(tx, &name("EXAMPLE.org.")).await })).await;
    assert_eq!(found.iter().map(|z| z.id).collect::<Vec<_>>(), [one.id, elsewhere.id]);
}

/// Owners, sharees and callers for all projects see a zone; `shared` tells of any share.
pub async fn who_sees_a_zone(bench: Bench) {
    let (one, nobodys) = (zone("example.org."), Zone { project_id: None, ..zone("example.net.") });
    insert(&bench, &[&one, &nobodys]).await;
    assert_eq!(get(&bench, one.id, of("p1")).await.map(|z| z.shared), Some(false));
    assert!(get(&bench, one.id, of("p2")).await.is_none());
    assert!(get(&bench, one.id, Scope::Project(None)).await.is_none());
    assert!(get(&bench, nobodys.id, Scope::Project(None)).await.is_some());
    assert!(get(&bench, nobodys.id, of("p1")).await.is_none());
    share(&bench, &one, "p2").await;
    for scope in [of("p1"), of("p2"), Scope::AllProjects] {
        assert_eq!(get(&bench, one.id, scope).await.map(|z| z.shared), Some(true));
    }
    assert!(get(&bench, one.id, of("p3")).await.is_none());
}

/// An update writes all that can change and counts the version.
pub async fn an_update_writes_every_field_and_the_next_version(bench: Bench) {
    let old = zone("example.org.");
    insert(&bench, &[&old]).await;
    let (id, created_at, name) = (old.id, old.created_at, old.name.clone());
    let wanted =
        &Zone { id, created_at, name, kind: old.kind, version: 1, published_at: Some(at(7)), ..full() };
    let written = bench
        .write(|tx| {
            Box::pin(async move {
                let mut zone = wanted.clone();
                zones::update(tx, &mut zone, at(8)).await?;
                Ok(zone)
            })
        })
        .await;
    assert_eq!(written, Zone { version: 2, updated_at: Some(at(8)), ..wanted.clone() });
    assert_eq!(get(&bench, id, Scope::AllProjects).await, Some(written));
}

/// A zone that was changed since it was read is not overwritten.
pub async fn an_outdated_zone_is_not_written(bench: Bench) {
    let one = &zone("example.org.");
    insert(&bench, &[one]).await;
    bench.write(|tx| Box::pin(async { zones::update(tx, &mut one.clone(), at(2)).await })).await;
    let mut tx = bench.store.begin(crate::store::Mode::Write).await.unwrap();
    let refused = zones::update(&mut *tx, &mut one.clone(), at(3)).await;
    assert!(refused.unwrap_err().is_retry() && tx.commit().await.is_err());
}

/// A gone zone is nowhere to be seen, and its name can be had again.
pub async fn a_gone_zone_frees_its_name(bench: Bench) {
    let mut one = zone("example.org.");
    one.progress = one.progress.deleting();
    insert(&bench, &[&one]).await;
    share(&bench, &one, "p2").await;
    let Verdict::Gone(progress) = one.progress.reported(one.progress.generation, Outcome::Propagated) else {
        unreachable!("a deletion that is confirmed is complete")
    };
    let gone = &Zone { progress, ..one.clone() };
    bench.write(|tx| Box::pin(zones::mark_gone(tx, gone, at(9)))).await;
    for scope in [of("p1"), of("p2"), Scope::AllProjects] {
        assert!(get(&bench, one.id, scope.clone()).await.is_none());
        assert!(names(&bench, scope, ZoneFilter::default()).await.is_empty());
    }
    assert!(bench.write(|tx| Box::pin(zones::lock(tx, one.id))).await.is_none());
    let again = zone("example.org.");
    insert(&bench, &[&again]).await;
    let found = bench.read(|tx| Box::pin(async { zones::by_name(tx, &name("example.org.")).await })).await;
    assert_eq!(found, [again]);
    let refused = bench.store.transact(|tx| Box::pin(zones::mark_gone(tx, gone, at(9)))).await;
    assert!(refused.as_ref().is_err_and(StoreError::is_retry), "{refused:?}");
}

/// Counts are of one project, or of one pool.
pub async fn zones_are_counted_per_project_and_pool(bench: Bench) {
    let other = PoolId::random();
    let (a, b) = (zone("a.example."), Zone { pool_id: other, ..zone("b.example.") });
    let c = Zone { project_id: Some(project("p2")), ..zone("c.example.") };
    insert(&bench, &[&a, &b, &c]).await;
    bench.write(|tx| Box::pin(async { zones::mark_gone(tx, &a, at(2)).await })).await;
    for (owner, count) in [("p1", 1), ("p2", 1), ("p3", 0)] {
        let owner = &project(owner);
        assert_eq!(bench.read(|tx| Box::pin(zones::count_for_project(tx, owner))).await, count);
    }
    assert_eq!(bench.read(|tx| Box::pin(zones::count_in_pool(tx, other))).await, 1);
    assert_eq!(bench.read(|tx| Box::pin(zones::count_in_pool(tx, PoolId::DEFAULT))).await, 1);
    let d = Zone { pool_id: other, ..zone("d.example.") };
    insert(&bench, &[&d]).await;
    let (low, high) = (b.id.min(d.id), b.id.max(d.id));
    for (after, limit, wanted) in
        [(None, 9, vec![low, high]), (None, 1, vec![low]), (Some(low), 9, vec![high])]
    {
        assert_eq!(bench.read(|tx| Box::pin(zones::in_pool(tx, other, after, limit))).await, wanted);
    }
}

fn filter(set: impl FnOnce(&mut ZoneFilter)) -> ZoneFilter {
    let mut filter = ZoneFilter::default();
    set(&mut filter);
    filter
}

/// Each filter selects by its column, names without case; `*` stands for any run of characters.
pub async fn filters_select(bench: Bench) {
    let a = Zone { description: Some("first".into()), ttl: ttl(300), ..zone("A.example.org.") };
    let b = Zone { kind: ZoneKind::Secondary, email: "b@example.net".into(), ..zone("b.example.org.") };
    let mut c = Zone { kind: ZoneKind::Catalog, ..zone("c.example.net.") };
    c.progress.status = Status::Active;
    insert(&bench, &[&a, &b, &c]).await;
    let text = |text: &str| Some(text.to_owned());
    for (wanted, filter) in [
        ("abc", ZoneFilter::default()),
        ("a", filter(|f| f.name = text("a.EXAMPLE.org."))),
        ("ab", filter(|f| f.name = text("*.Example.org."))),
        ("abc", filter(|f| f.name = text("*example*"))),
        ("b", filter(|f| f.name = text("B*"))),
        ("c", filter(|f| f.name = text("c.*net."))),
        ("", filter(|f| f.name = text("example.org."))),
        ("b", filter(|f| f.kind = text("SECONDARY"))),
        ("", filter(|f| f.kind = text("secondary"))),
        ("ab", filter(|f| f.hide_catalogs = true)),
        ("b", filter(|f| f.email = text("b@example.net"))),
        ("c", filter(|f| f.status = text("ACTIVE"))),
        ("a", filter(|f| f.description = text("fir*"))),
        ("", filter(|f| f.description = text(""))),
        ("a", filter(|f| f.ttl = text("300"))),
        ("a", filter(|f| f.ttl = text("30*"))),
        ("", filter(|f| f.ttl = text("many"))),
    ] {
        let told = format!("{filter:?}");
        let found = names(&bench, Scope::AllProjects, filter).await;
        let initials: String = found.iter().map(|n| n[..1].to_lowercase()).collect();
        assert_eq!(initials, wanted, "{told}");
    }
}

/// What other pattern languages give a meaning stands for itself.
pub async fn only_the_star_is_a_wildcard(bench: Bench) {
    for (at, description) in
        ["50% off", "50x off", "a_b", "axb", "[ab]", "a", "who?", "whom", "back\\slash"].iter().enumerate()
    {
        let zone = Zone { description: Some((*description).into()), ..zone(&format!("{at}.example.")) };
        insert(&bench, &[&zone]).await;
    }
    for (pattern, wanted) in [
        ("50%*", "0"),
        ("50% off", "0"),
        ("a_b*", "2"),
        ("*[ab]", "4"),
        ("who?*", "6"),
        ("back\\*", "8"),
        ("50*", "01"),
        ("*", "012345678"),
    ] {
        let found = names(&bench, of("p1"), filter(|f| f.description = Some(pattern.into()))).await;
        let initials: String = found.iter().map(|n| &n[..1]).collect();
        assert_eq!(initials, wanted, "{pattern}");
    }
}

/// A filter beyond what the engine takes is an argument at fault, never a failure of the engine.
pub async fn a_filter_may_be_too_much(bench: Bench) {
    insert(&bench, &[&zone("a.example.")]).await;
    let (scope, page) = (&of("p1"), &first(100, ZoneSortKey::Name));
    for text in ["a".repeat(60_000), format!("*{}", "a".repeat(60_000)), "*a".repeat(30_000), "a\0".into()] {
        for name in [false, true] {
            let wanted = &filter(|f| *(if name { &mut f.name } else { &mut f.email }) = Some(text.clone()));
            let found: Result<_, StoreError> =
                bench.store.read(|tx| Box::pin(zones::find(tx, scope, wanted, page))).await;
            match found {
                Ok(found) => assert!(found.items.is_empty(), "{name} {text:.5}"),
                Err(error) => assert!(matches!(error, StoreError::Argument { .. }), "{error}"),
            }
        }
    }
}

/// A zone shared with several projects is one item in every list it is in.
pub async fn a_shared_zone_is_listed_once(bench: Bench) {
    let (mine, shared) = (Zone { project_id: Some(project("p2")), ..zone("a.example.") }, zone("b.example."));
    insert(&bench, &[&mine, &shared, &zone("c.example.")]).await;
    share(&bench, &shared, "p2").await;
    share(&bench, &shared, "p3").await;
    assert_eq!(names(&bench, of("p2"), ZoneFilter::default()).await, ["a.example.", "b.example."]);
    assert_eq!(names(&bench, of("p3"), ZoneFilter::default()).await, ["b.example."]);
    assert_eq!(names(&bench, of("p1"), ZoneFilter::default()).await, ["b.example.", "c.example."]);
    assert_eq!(names(&bench, Scope::AllProjects, ZoneFilter::default()).await.len(), 3);
}

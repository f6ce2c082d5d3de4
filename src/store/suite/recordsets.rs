//! Recordsets: rows, derived status, filters.

use super::Bench;
use super::fixtures::{at, first, name, of, project, rrset, set, ttl, zone};
use crate::domain::floating_ip::FloatingIp;
use crate::domain::generation::Generation;
use crate::domain::ids::{FloatingIpId, ZoneId};
use crate::domain::page::{RecordsetFilter, RecordsetSortKey, Scope};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::zone::Zone;
use crate::domain::zone_status::{Action, Status};
use crate::store::StoreError;
use crate::store::repo::recordsets::{Generated, Place, Within, managed};
use crate::store::repo::{recordsets, shares, zones};

async fn insert(bench: &Bench, zone: &Zone, sets: &[Recordset]) {
    bench
        .write(|tx| {
            Box::pin(async move {
                if zones::get_any(tx, zone.id).await?.is_none() {
                    zones::insert(tx, zone, at(1)).await?;
                }
                recordsets::insert_many(tx, sets).await
            })
        })
        .await;
}

async fn all(bench: &Bench, within: Within, filter: RecordsetFilter) -> Vec<Recordset> {
    let (within, filter, page) = (&within, &filter, &first(1000, RecordsetSortKey::Name));
    let page = bench.read(|tx| Box::pin(recordsets::find(tx, within, filter, page))).await;
    assert_eq!(page.total, Some(page.items.len() as u64));
    page.items
}

fn initials(sets: &[Recordset]) -> String {
    sets.iter().map(|r| &r.name.as_str()[..1]).collect()
}

/// What is inserted is what is read, with the zone's name.
pub async fn every_field_of_a_set_comes_back(bench: Bench) {
    let zone = zone("Example.org.");
    let full = Recordset {
        ttl: Some(ttl(0)),
        description: Some("'quoted'".into()),
        managed: true,
        version: 4,
        project_id: Some(project("p2")),
        updated_at: Some(at(5)),
        ..set(&zone, "WWW.example.org.", RecordType::Txt, &["\"a \\\" b\"", "\"žluť\"", ""])
    };
    let bare = set(&zone, "bare.example.org.", RecordType::Other(65280), &[]);
    insert(&bench, &zone, &[full.clone(), bare.clone()]).await;
    for one in [full, bare] {
        assert_eq!(
            bench.read(|tx| Box::pin(recordsets::get(tx, zone.id, one.id))).await.as_ref(),
            Some(&one)
        );
        let named = bench
            .read(|tx| {
                Box::pin(async {
                    recordsets::by_name_type(tx, zone.id, &name(&one.name.key()), one.kind).await
                })
            })
            .await;
        assert_eq!(named, Some(one.clone()));
        assert!(bench.read(|tx| Box::pin(recordsets::get(tx, ZoneId::random(), one.id))).await.is_none());
        assert!(bench.write(|tx| Box::pin(recordsets::delete(tx, one.id))).await);
        assert!(!bench.write(|tx| Box::pin(recordsets::delete(tx, one.id))).await);
        assert!(bench.read(|tx| Box::pin(recordsets::get(tx, zone.id, one.id))).await.is_none());
    }
}

/// The same name, in whatever case, and type is refused in one zone.
pub async fn a_name_and_type_are_taken_once_per_zone(bench: Bench) {
    let zone = zone("example.org.");
    let one = set(&zone, "www.example.org.", RecordType::A, &["192.0.2.1"]);
    let other_type = set(&zone, "www.example.org.", RecordType::Aaaa, &["2001:db8::1"]);
    insert(&bench, &zone, &[one, other_type]).await;
    let same = &set(&zone, "WWW.example.org.", RecordType::A, &["192.0.2.2"]);
    let refused = bench.store.transact(|tx| Box::pin(recordsets::insert(tx, same))).await;
    assert!(refused.unwrap_err().is_unique(recordsets::TAKEN));
}

/// Status and action follow from how far the zone has come; the filter agrees with what is shown.
pub async fn status_follows_the_zone(bench: Bench) {
    let mut zone = zone("example.org.");
    zone.progress.generation = Generation::new(9);
    zone.progress.published = Generation::new(8);
    zone.progress.propagated = Generation::new(3);
    zone.progress.failed = Generation::new(5);
    let sets: Vec<_> = (1..=9)
        .map(|n| Recordset {
            generation: Generation::new(n),
            change: Action::Update,
            ..set(&zone, &format!("{n}.example.org."), RecordType::A, &["192.0.2.1"])
        })
        .chain([Recordset {
            generation: Generation::new(9),
            ..set(&zone, "0.example.org.", RecordType::A, &[])
        }])
        .collect();
    insert(&bench, &zone, &sets).await;
    for (status, action, wanted) in [
        (Status::Active, Action::None, "0123"),
        (Status::Error, Action::Update, "45"),
        (Status::Pending, Action::Update, "6789"),
    ] {
        let filter = RecordsetFilter { status: Some(status.as_str().into()), ..RecordsetFilter::default() };
        let found = all(&bench, Within::Zone(zone.id), filter).await;
        assert_eq!(initials(&found), wanted);
        assert!(found.iter().all(|r| (r.status, r.action) == (status, action)));
    }
}

/// Each filter selects by its column.
pub async fn filters_select_sets(bench: Bench) {
    let zone = zone("example.org.");
    let a = Recordset { ttl: Some(ttl(60)), ..set(&zone, "A.example.org.", RecordType::A, &["192.0.2.1"]) };
    let b = Recordset {
        description: Some("50% [off]".into()),
        ..set(&zone, "b.example.org.", RecordType::Txt, &["\"x_y\""])
    };
    let c = set(&zone, "c.sub.example.org.", RecordType::A, &["192.0.2.9"]);
    insert(&bench, &zone, &[a, b, c]).await;
    let filter = |set: &dyn Fn(&mut RecordsetFilter)| {
        let mut filter = RecordsetFilter::default();
        set(&mut filter);
        filter
    };
    let text = |text: &str| Some(text.to_owned());
    for (wanted, filter) in [
        ("abc", filter(&|_| ())),
        ("a", filter(&|f| f.name = text("a.EXAMPLE.org."))),
        ("c", filter(&|f| f.name = text("*.SUB.*"))),
        ("abc", filter(&|f| f.name = text("*.example.org."))),
        ("ac", filter(&|f| f.kind = text("A"))),
        ("ac", filter(&|f| f.kind = text("A*"))),
        ("a", filter(&|f| f.ttl = text("60"))),
        ("", filter(&|f| f.ttl = text("3600"))),
        ("b", filter(&|f| f.description = text("50% [off]"))),
        ("b", filter(&|f| f.description = text("50% [o*"))),
        ("", filter(&|f| f.description = text("50_ *"))),
        ("a", filter(&|f| f.data = text("192.0.2.1"))),
        ("ac", filter(&|f| f.data = text("192.0.2.*"))),
        ("b", filter(&|f| f.data = text("\"x_y\""))),
        ("", filter(&|f| f.data = text("\"x?y\"*"))),
        ("abc", filter(&|f| f.zone_id = Some(zone.id))),
        ("", filter(&|f| f.zone_id = Some(ZoneId::random()))),
    ] {
        let told = format!("{filter:?}");
        let mut found = all(&bench, Within::Zone(zone.id), filter.clone()).await;
        assert_eq!(initials(&found).to_lowercase(), wanted, "{told}");
        found.sort_by_key(|r| r.id);
        let mut owned = all(&bench, Within::Owned(of("p1")), filter).await;
        owned.sort_by_key(|r| r.id);
        assert_eq!(found, owned, "{told}");
    }
}

/// A set with several records that match is found once.
pub async fn data_is_found_once_per_set(bench: Bench) {
    let zone = zone("example.org.");
    let one = set(&zone, "www.example.org.", RecordType::A, &["192.0.2.1", "192.0.2.2", "198.51.100.1"]);
    insert(&bench, &zone, std::slice::from_ref(&one)).await;
    for (data, count) in [("192.0.2.*", 1), ("*.1", 1), ("192.0.2.2", 1), ("192.0.2.3", 0)] {
        let filter = RecordsetFilter { data: Some(data.into()), ..RecordsetFilter::default() };
        assert_eq!(all(&bench, Within::Zone(zone.id), filter).await.len(), count, "{data}");
    }
}

/// A project's list has what it owns in whatever zone, and nothing of zones that are gone.
pub async fn owners_list_their_sets(bench: Bench) {
    let (mine, gone) = (zone("a.example."), zone("b.example."));
    let own = set(&mine, "a.a.example.", RecordType::A, &["192.0.2.1"]);
    let foreign =
        Recordset { project_id: Some(project("p2")), ..set(&mine, "f.a.example.", RecordType::A, &[]) };
    let nobodys = Recordset { project_id: None, ..set(&mine, "n.a.example.", RecordType::A, &[]) };
    insert(&bench, &mine, &[own, foreign, nobodys]).await;
    insert(&bench, &gone, &[set(&gone, "g.b.example.", RecordType::A, &[])]).await;
    bench.write(|tx| Box::pin(async { zones::mark_gone(tx, &gone, at(2)).await })).await;
    for (scope, wanted) in
        [(of("p1"), "a"), (of("p2"), "f"), (Scope::Project(None), "n"), (Scope::AllProjects, "afn")]
    {
        assert_eq!(initials(&all(&bench, Within::Owned(scope), RecordsetFilter::default()).await), wanted);
    }
    let (zone, p2) = (mine.id, &project("p2"));
    assert_eq!(bench.read(|tx| Box::pin(recordsets::count_of_project(tx, zone, p2))).await, 1);
}

/// A set is seen by its owner and by whoever sees its zone.
pub async fn who_sees_a_set(bench: Bench) {
    let zone = zone("example.org.");
    let one =
        Recordset { project_id: Some(project("p2")), ..set(&zone, "a.example.org.", RecordType::A, &[]) };
    insert(&bench, &zone, std::slice::from_ref(&one)).await;
    let sees = async |scope: Scope| {
        let scope = &scope;
        bench.read(|tx| Box::pin(recordsets::get_visible(tx, one.id, scope))).await.is_some()
    };
    assert!(sees(of("p1")).await && sees(of("p2")).await && sees(Scope::AllProjects).await);
    assert!(!sees(of("p3")).await && !sees(Scope::Project(None)).await);
    let (owner, target) = (&project("p1"), &project("p3"));
    bench.write(|tx| Box::pin(shares::insert(tx, uuid::Uuid::new_v4(), zone.id, owner, target, at(1)))).await;
    assert!(sees(of("p3")).await);
}

/// An update writes all that can change, unless the set was changed since it was read.
pub async fn an_outdated_set_is_not_written(bench: Bench) {
    let zone = zone("example.org.");
    let one = &set(&zone, "a.example.org.", RecordType::A, &["192.0.2.1"]);
    insert(&bench, &zone, std::slice::from_ref(one)).await;
    let changed = &Recordset {
        project_id: Some(project("p2")),
        ttl: Some(ttl(5)),
        description: Some("new".into()),
        records: vec!["192.0.2.2".into()],
        managed: true,
        generation: Generation::new(2),
        change: Action::Update,
        action: Action::Update,
        ..one.clone()
    };
    let write = || bench.store.begin(crate::store::Mode::Write);
    let mut tx = write().await.unwrap();
    recordsets::update(&mut *tx, &mut changed.clone(), at(7)).await.unwrap();
    tx.commit().await.unwrap();
    let found = bench.read(|tx| Box::pin(recordsets::get(tx, zone.id, one.id))).await;
    assert_eq!(found, Some(Recordset { version: 2, updated_at: Some(at(7)), ..changed.clone() }));
    let mut tx = write().await.unwrap();
    let refused = match recordsets::update(&mut *tx, &mut one.clone(), at(8)).await {
        Ok(()) => tx.commit().await,
        refused => refused,
    };
    assert!(refused.as_ref().is_err_and(StoreError::is_retry), "{refused:?}");
}

/// The types at a name, whatever its case.
pub async fn types_at_a_name(bench: Bench) {
    let zone = zone("example.org.");
    let kinds = [RecordType::Txt, RecordType::A, RecordType::Other(65280)];
    let mut sets = kinds.map(|kind| set(&zone, "www.example.org.", kind, &[])).to_vec();
    sets.push(set(&zone, "x.example.org.", RecordType::Cname, &[]));
    insert(&bench, &zone, &sets).await;
    let at_name = bench
        .read(|tx| Box::pin(async { recordsets::kinds_at(tx, zone.id, &name("WWW.example.org.")).await }))
        .await;
    assert_eq!(at_name, [RecordType::A, RecordType::Txt, RecordType::Other(65280)]);
}

/// Page after page gives every set of the zone once, whatever the size.
pub async fn going_through_a_zone_misses_nothing(bench: Bench) {
    let (zone, other) = (zone("example.org."), zone("example.net."));
    let sets: Vec<_> = (0..10)
        .flat_map(|n| {
            [RecordType::A, RecordType::Txt].map(|kind| set(&zone, &format!("N{n}.example.org."), kind, &[]))
        })
        .collect();
    insert(&bench, &zone, &sets).await;
    insert(&bench, &other, &[set(&other, "n1.example.net.", RecordType::A, &[])]).await;
    for limit in [1, 3, 20, 100] {
        let (mut last, mut seen): (Option<Place>, Vec<Recordset>) = (None, Vec::new());
        loop {
            let after = last.as_ref();
            let page = bench.read(|tx| Box::pin(recordsets::page_after(tx, zone.id, after, limit))).await;
            let Some(end) = page.last() else { break };
            last = Some(end.into());
            seen.extend(page);
        }
        assert_eq!(seen, sets);
    }
}

/// The service's own sets are written when they differ, always into the same row.
pub async fn generated_sets_stay_the_same_row(bench: Bench) {
    let mut zone = zone("example.org.");
    insert(&bench, &zone, &[]).await;
    zone.progress.propagated = Generation::FIRST;
    let zone = &zone;
    let generate = async |records: &'static [&'static str], generation: u64| {
        let generation = Generation::new(generation);
        let records: Vec<String> = records.iter().map(ToString::to_string).collect();
        let records = &records;
        bench
            .write(|tx| {
                let records = records.clone();
                Box::pin(recordsets::set_generated(tx, zone, RecordType::Ns, records, generation, at(3)))
            })
            .await
    };
    let Generated { line, is_new, released } = generate(&["ns1.example."], 1).await.unwrap();
    assert_eq!((is_new, released), (true, 0));
    assert_eq!((line.before, line.after), (None, rrset(None, &["ns1.example."])));
    assert_eq!(generate(&["ns1.example."], 2).await, None);
    let Generated { line, is_new, released } = generate(&["ns2.example."], 3).await.unwrap();
    assert_eq!((is_new, released), (false, 0));
    assert_eq!((line.before, line.after), (rrset(None, &["ns1.example."]), rrset(None, &["ns2.example."])));
    assert_eq!(
        (line.generation, line.name, line.kind),
        (Generation::new(3), zone.name.clone(), RecordType::Ns)
    );
    let found = all(&bench, Within::Zone(zone.id), RecordsetFilter::default()).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].managed, found[0].version, found[0].change), (true, 2, Action::Update));
    assert_eq!((found[0].records.as_slice(), found[0].ttl), (["ns2.example.".to_owned()].as_slice(), None));

    let client = Recordset { managed: false, ttl: Some(ttl(60)), ..found[0].clone() };
    let client = &client;
    bench.write(|tx| Box::pin(async { recordsets::update(tx, &mut client.clone(), at(4)).await })).await;
    let Generated { line, is_new, released } = generate(&["ns2.example."], 4).await.unwrap();
    assert_eq!((is_new, released), (false, 1));
    assert_eq!(line.before, rrset(Some(ttl(60)), &["ns2.example."]));
    let found = all(&bench, Within::Zone(zone.id), RecordsetFilter::default()).await;
    assert_eq!((found[0].managed, found[0].ttl, found.len()), (true, None, 1));
}

/// 30 000 sets in one transaction, or none of them.
pub async fn many_sets_are_written_at_once(bench: Bench) {
    let zone = zone("example.org.");
    let mut sets: Vec<_> = (0..30_000)
        .map(|n| set(&zone, &format!("w{n}.example.org."), RecordType::A, &["192.0.2.1", "192.0.2.2"]))
        .collect();
    insert(&bench, &zone, &sets).await;
    let (within, filter) = (&Within::Zone(zone.id), &RecordsetFilter::default());
    let page = &first(2, RecordsetSortKey::CreatedAt);
    let found = bench.read(|tx| Box::pin(recordsets::find(tx, within, filter, page))).await;
    assert_eq!((found.total, found.items.len()), (Some(30_000), 2));
    assert_eq!(bench.write(|tx| Box::pin(recordsets::delete_all(tx, zone.id))).await, 30_000);
    sets.push(Recordset { id: crate::domain::ids::RecordsetId::random(), ..sets[0].clone() });
    let sets = &sets;
    let refused = bench.store.transact(|tx| Box::pin(recordsets::insert_many(tx, sets))).await;
    assert!(refused.unwrap_err().is_unique(recordsets::TAKEN));
    let found = bench.read(|tx| Box::pin(recordsets::find(tx, within, filter, page))).await;
    assert_eq!(found.total, Some(0));
}

/// A PTR recordset is found by its name and by the project that it is for, until it is gone.
pub async fn a_ptr_is_of_one_floating_ip(bench: Bench) {
    let zone = zone("113.0.203.in-addr.arpa.");
    let named = |last: u8| {
        let set =
            set(&zone, &format!("{last}.113.0.203.in-addr.arpa."), RecordType::Ptr, &["www.example.org."]);
        Recordset { managed: true, ..set }
    };
    let sets = [named(1), named(2), named(3)];
    insert(&bench, &zone, &sets).await;
    let ip = |last: u8| FloatingIp {
        region: "R1".into(),
        id: FloatingIpId::random(),
        address: std::net::IpAddr::from([203, 0, 113, last]).into(),
    };
    let (ips, projects) = ([ip(1), ip(2)], [project("p1"), project("p2")]);
    for ((set, ip), project) in sets.iter().zip(&ips).zip(&projects) {
        bench.write(|tx| Box::pin(managed::assign(tx, set, project, ip, at(1)))).await;
    }
    let names: Vec<_> = sets.iter().map(|set| set.name.clone()).collect();
    let mut found = bench.read(|tx| Box::pin(managed::at(tx, &names))).await;
    found.sort_by_key(|made| made.set.name.key());
    assert_eq!(found.len(), 2, "what a client made is of no floating IP");
    assert!(found[0].is_of(&projects[0], &ips[0]) && found[1].is_of(&projects[1], &ips[1]));
    assert!(!found[0].is_of(&projects[1], &ips[0]) && !found[0].is_of(&projects[0], &ips[1]));
    assert_eq!((&found[0].set, found[0].zone_ttl), (&sets[0], zone.ttl));
    let of = async |project| bench.read(|tx| Box::pin(managed::of(tx, project))).await;
    assert_eq!(of(&projects[0]).await, found[..1]);
    // It changes hands, and goes with its recordset.
    bench.write(|tx| Box::pin(managed::assign(tx, &sets[0], &projects[1], &ips[1], at(2)))).await;
    assert_eq!((of(&projects[0]).await.len(), of(&projects[1]).await.len()), (0, 2));
    bench.write(|tx| Box::pin(recordsets::delete(tx, sets[0].id))).await;
    assert_eq!(of(&projects[1]).await, found[1..]);
}

//! Shares and transfers of zones.

use super::Bench;
use super::fixtures::{at, first, name, of, project, set, zone};
use crate::domain::ids::{ShareId, TransferAcceptId, TransferRequestId};
use crate::domain::page::{PlainSortKey, Scope};
use crate::domain::record_type::RecordType;
use crate::domain::time::Timestamp;
use crate::domain::transfer::{TransferAccept, TransferKey, TransferRequest, TransferStatus};
use crate::domain::zone::Zone;
use crate::store::StoreError;
use crate::store::repo::{recordsets, shares, transfer_accepts, transfer_requests, zones};

async fn insert(bench: &Bench, zone: &Zone, now: Timestamp) {
    bench.write(|tx| Box::pin(zones::insert(tx, zone, now))).await;
}

/// A share is seen by who made it, whom it is for and who owns the zone.
pub async fn who_sees_a_share(bench: Bench) {
    let zone = zone("example.org.");
    insert(&bench, &zone, at(1)).await;
    let (two, three) = (ShareId::random(), ShareId::random());
    for (id, target, micros) in [(two, "p2", 1), (three, "p3", 2)] {
        let (owner, target) = (&project("p0"), &project(target));
        bench.write(|tx| Box::pin(shares::insert(tx, id.uuid(), zone.id, owner, target, at(micros)))).await;
    }
    let page = &first(10, PlainSortKey::CreatedAt);
    let seen = async |scope: Scope, target: Option<&str>| {
        let found = bench.read(|tx| Box::pin(shares::find(tx, zone.id, &scope, target, page))).await;
        found.items.iter().map(|share| share.id).collect::<Vec<_>>()
    };
    for project in ["p0", "p1"] {
        assert_eq!(seen(of(project), None).await, [two, three], "{project}");
    }
    assert_eq!(seen(of("p2"), None).await, [two]);
    assert_eq!(seen(of("p9"), None).await, []);
    assert_eq!(seen(Scope::Project(None), None).await, []);
    assert_eq!(seen(Scope::AllProjects, Some("*3")).await, [three]);
    let get = async |id, scope: Scope| bench.read(|tx| Box::pin(shares::get(tx, zone.id, id, &scope))).await;
    let share = get(two, of("p2")).await.unwrap();
    assert_eq!(
        (share.project_id, share.target_project_id, share.created_at),
        (project("p0"), project("p2"), at(1))
    );
    assert!(get(three, of("p2")).await.is_none());
    let three_of = &project("p3");
    bench.write(|tx| Box::pin(shares::delete_with(tx, zone.id, three_of))).await;
    assert!(bench.write(|tx| Box::pin(shares::delete(tx, two))).await);
    assert!(!bench.write(|tx| Box::pin(shares::delete(tx, two))).await);
    assert_eq!(seen(Scope::AllProjects, None).await, []);
}

fn request(zone: &Zone, target: Option<&str>, micros: i64) -> TransferRequest {
    TransferRequest {
        id: TransferRequestId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: zone.project_id.clone(),
        target_project_id: target.map(project),
        key: TransferKey::new("AB12CD34"),
        description: Some("take it".into()),
        status: TransferStatus::Active,
        version: 1,
        created_at: at(micros),
        updated_at: None,
    }
}

/// Offers come back; a zone has one active offer; one that is over is in nobody's way.
pub async fn a_zone_has_one_active_offer(bench: Bench) {
    let (zone, other) = (zone("a.example."), zone("b.example."));
    insert(&bench, &zone, at(1)).await;
    insert(&bench, &other, at(1)).await;
    let (one, second) = (&request(&zone, Some("p2"), 1), &request(&zone, None, 2));
    let put = async |request: &TransferRequest| {
        let put: Result<(), StoreError> =
            bench.store.transact(|tx| Box::pin(transfer_requests::insert(tx, request))).await;
        put
    };
    put(one).await.unwrap();
    assert!(put(second).await.unwrap_err().is_unique(transfer_requests::TAKEN));
    put(&request(&other, None, 5)).await.unwrap();
    assert_eq!(bench.read(|tx| Box::pin(transfer_requests::get(tx, one.id))).await.as_ref(), Some(one));
    let done = bench
        .write(|tx| {
            let mut done =
                TransferRequest { status: TransferStatus::Complete, description: None, ..one.clone() };
            Box::pin(async move { transfer_requests::update(tx, &mut done, at(9)).await.map(|()| done) })
        })
        .await;
    assert_eq!((done.version, done.updated_at), (2, Some(at(9))));
    assert_eq!(bench.read(|tx| Box::pin(transfer_requests::get(tx, one.id))).await, Some(done));
    put(second).await.unwrap();
    let page = &first(10, PlainSortKey::CreatedAt);
    let found = async |scope: Scope, status: Option<&str>| {
        let found = bench.read(|tx| Box::pin(transfer_requests::find(tx, &scope, status, page))).await;
        found.items.iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(found(of("p1"), None).await.len(), 3);
    assert_eq!(found(of("p2"), None).await, [one.id]);
    assert_eq!(found(of("p9"), None).await, []);
    assert_eq!(found(Scope::AllProjects, Some("COMPLETE")).await, [one.id]);
    // With the zone its offers are out of sight.
    let gone = bench.read(|tx| Box::pin(zones::get_any(tx, zone.id))).await.unwrap();
    bench.write(|tx| Box::pin(zones::mark_gone(tx, &gone, at(20)))).await;
    assert_eq!(found(of("p2"), None).await, []);
    assert!(bench.read(|tx| Box::pin(transfer_requests::get(tx, one.id))).await.is_none());
}

/// An acceptance is seen by who accepted, and goes with its offer.
pub async fn an_acceptance_goes_with_its_offer(bench: Bench) {
    let zone = zone("a.example.");
    insert(&bench, &zone, at(1)).await;
    let request = &request(&zone, None, 1);
    bench.write(|tx| Box::pin(transfer_requests::insert(tx, request))).await;
    let accept = &TransferAccept {
        id: TransferAcceptId::random(),
        request_id: request.id,
        zone_id: zone.id,
        project_id: project("p2"),
        status: TransferStatus::Complete,
        created_at: at(2),
        updated_at: None,
    };
    bench.write(|tx| Box::pin(transfer_accepts::insert(tx, accept))).await;
    let get =
        async |scope: Scope| bench.read(|tx| Box::pin(transfer_accepts::get(tx, accept.id, &scope))).await;
    assert_eq!(get(of("p2")).await.as_ref(), Some(accept));
    assert_eq!(get(Scope::AllProjects).await.as_ref(), Some(accept));
    assert!(get(of("p1")).await.is_none() && get(Scope::Project(None)).await.is_none());
    let page = &first(10, PlainSortKey::Id);
    let scope = &of("p2");
    let found = bench.read(|tx| Box::pin(transfer_accepts::find(tx, scope, Some("COMPLETE"), page))).await;
    assert_eq!((found.items, found.total), (vec![accept.clone()], Some(1)));
    assert!(bench.write(|tx| Box::pin(transfer_requests::delete(tx, request.id))).await);
    assert!(get(of("p2")).await.is_none());
}

/// All recordsets of a zone change hands at once.
pub async fn recordsets_change_hands(bench: Bench) {
    let zone = zone("a.example.");
    insert(&bench, &zone, at(1)).await;
    let sets = ["www.a.example.", "a.example."].map(|text| set(&zone, text, RecordType::A, &["192.0.2.1"]));
    let sets = &sets;
    bench.write(|tx| Box::pin(recordsets::insert_many(tx, sets))).await;
    let new = &project("p2");
    assert_eq!(bench.write(|tx| Box::pin(recordsets::give_all(tx, zone.id, new))).await, 2);
    let owner = &name("www.a.example.");
    let given = bench.read(|tx| Box::pin(recordsets::by_name_type(tx, zone.id, owner, RecordType::A))).await;
    let given = given.unwrap();
    assert_eq!((given.project_id, given.version), (Some(project("p2")), 2));
}

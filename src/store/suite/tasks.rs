//! Imports and exports, and pools by pages.

use super::Bench;
use super::fixtures::{at, first, of, pool, project};
use crate::domain::ids::{TaskId, ZoneId};
use crate::domain::page::{NamedSortKey, PlainSortKey, Scope, TaskFilter};
use crate::domain::task::{Task, TaskKind, TaskOutcome, TaskStatus};
use crate::store::repo::{pools, tasks};

fn task(kind: TaskKind, owner: &str, micros: i64) -> Task {
    Task {
        id: TaskId::random(),
        kind,
        project_id: Some(project(owner)),
        zone_id: None,
        status: TaskStatus::Pending,
        message: None,
        location: None,
        version: 1,
        created_at: at(micros),
        updated_at: None,
    }
}

/// Jobs are seen by their project and kind, filtered and in order.
pub async fn jobs_are_seen_by_their_project(bench: Bench) {
    let zone = ZoneId::random();
    let (a, b) = (task(TaskKind::Import, "p1", 1), task(TaskKind::Import, "p1", 2));
    let c = Task { zone_id: Some(zone), ..task(TaskKind::Export, "p1", 3) };
    let d = task(TaskKind::Import, "p2", 4);
    for one in [&a, &b, &c, &d] {
        bench.write(|tx| Box::pin(tasks::insert(tx, one, "what"))).await;
    }
    let page = &first(10, PlainSortKey::CreatedAt);
    let find = async |kind, scope: Scope, filter: TaskFilter| {
        let found = bench.read(|tx| Box::pin(tasks::find(tx, kind, &scope, &filter, page))).await;
        assert_eq!(found.total, Some(found.items.len() as u64));
        found.items
    };
    let all = TaskFilter::default;
    assert_eq!(find(TaskKind::Import, of("p1"), all()).await, [a.clone(), b.clone()]);
    assert_eq!(find(TaskKind::Import, Scope::AllProjects, all()).await.len(), 3);
    assert_eq!(find(TaskKind::Import, Scope::Project(None), all()).await, []);
    assert_eq!(
        find(TaskKind::Export, of("p1"), TaskFilter { zone_id: Some(zone), ..all() }).await,
        std::slice::from_ref(&c)
    );
    assert_eq!(find(TaskKind::Export, of("p1"), TaskFilter::nothing()).await, []);
    let pending = TaskFilter { status: Some("PEND*".into()), ..all() };
    assert_eq!(find(TaskKind::Import, of("p2"), pending).await, std::slice::from_ref(&d));
    let get =
        async |kind, id, scope: Scope| bench.read(|tx| Box::pin(tasks::get(tx, kind, id, &scope))).await;
    assert_eq!(get(TaskKind::Import, a.id, of("p1")).await.as_ref(), Some(&a));
    assert!(get(TaskKind::Export, a.id, of("p1")).await.is_none());
    assert!(get(TaskKind::Import, a.id, of("p2")).await.is_none());
    assert!(bench.write(|tx| Box::pin(tasks::delete(tx, a.id))).await);
    assert!(!bench.write(|tx| Box::pin(tasks::delete(tx, a.id))).await);
}

/// A pending job has one holder at a time; the last holder's word counts, once.
pub async fn a_job_is_held_by_one(bench: Bench) {
    let (job, later) = (&task(TaskKind::Import, "p1", 5), &task(TaskKind::Export, "p1", 9));
    for one in [job, later] {
        bench.write(|tx| Box::pin(tasks::insert(tx, one, "what"))).await;
    }
    let free = async |now| bench.read(|tx| Box::pin(tasks::free(tx, at(now), 10))).await;
    assert_eq!(free(4).await, []);
    assert_eq!(free(9).await, [job.id, later.id]);
    let hold =
        async |now, until| bench.write(|tx| Box::pin(tasks::hold(tx, job.id, at(now), at(until)))).await;
    let held = hold(10, 20).await.unwrap();
    assert_eq!((&held.task, held.body.as_str(), held.hold), (job, "what", 1));
    assert!(hold(19, 30).await.is_none());
    assert_eq!(free(19).await, [later.id]);
    assert_eq!(hold(20, 30).await.unwrap().hold, 2);
    let zone = ZoneId::random();
    let outcome = &TaskOutcome {
        status: TaskStatus::Complete,
        message: Some("done".into()),
        zone_id: Some(zone),
        location: None,
    };
    let finish =
        async |number| bench.write(|tx| Box::pin(tasks::finish(tx, job.id, number, outcome, at(25)))).await;
    assert!(finish(1).await.is_none(), "overtaken");
    let done = finish(2).await.unwrap();
    let expected = Task {
        status: TaskStatus::Complete,
        message: Some("done".into()),
        zone_id: Some(zone),
        version: 2,
        updated_at: Some(at(25)),
        ..job.clone()
    };
    assert_eq!(done, expected);
    assert!(finish(2).await.is_none(), "once");
    assert!(hold(99, 100).await.is_none());
    assert_eq!(free(99).await, [later.id]);
}

/// Pools come by pages with all their parts.
pub async fn pools_come_by_pages(bench: Bench) {
    let mut all = Vec::new();
    for (text, micros) in [("b", 1), ("c", 2), ("a", 3)] {
        let one = pool(text);
        all.push(bench.write(|tx| Box::pin(pools::put(tx, &one, at(micros)))).await);
    }
    let page = &first(2, NamedSortKey::Name);
    let found = bench.read(|tx| Box::pin(pools::find(tx, None, page))).await;
    assert_eq!((found.items, found.total), (vec![all[2].clone(), all[0].clone()], Some(3)));
    let found = bench.read(|tx| Box::pin(pools::find(tx, Some("c*"), page))).await;
    assert_eq!(found.items, std::slice::from_ref(&all[1]));
    assert!(bench.read(|tx| Box::pin(pools::find(tx, Some("x"), page))).await.items.is_empty());
}

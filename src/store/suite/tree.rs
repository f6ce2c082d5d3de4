//! Zones above and below a name.

use std::collections::BTreeSet;

use super::Bench;
use super::fixtures::{at, name, zone};
use crate::domain::ids::PoolId;
use crate::domain::zone::Zone;
use crate::store::repo::zones;

async fn insert(bench: &Bench, all: &[Zone]) {
    bench
        .write(|tx| {
            Box::pin(async move {
                for zone in all {
                    zones::insert(tx, zone, at(1)).await?;
                }
                Ok(())
            })
        })
        .await;
}

fn told(zones: &[Zone]) -> Vec<&str> {
    zones.iter().map(|z| z.name.as_str()).collect()
}

/// The zones above a name, across pools, without the name itself.
pub async fn ancestors_are_nearest_first(bench: Bench) {
    let elsewhere = Zone { pool_id: PoolId::random(), created_at: at(2), ..zone("example.org.") };
    let all =
        ["Example.org.", "b.example.org.", "a.b.example.org.", "xb.example.org.", "other.org."].map(zone);
    insert(&bench, &all).await;
    insert(&bench, &[elsewhere]).await;
    let found =
        bench.read(|tx| Box::pin(async { zones::ancestors(tx, &name("A.B.example.ORG.")).await })).await;
    assert_eq!(told(&found), ["b.example.org.", "Example.org.", "example.org."]);
    let none = bench.read(|tx| Box::pin(async { zones::ancestors(tx, &name("example.com.")).await })).await;
    assert!(none.is_empty());
}

/// Below means below a dot that separates labels.
pub async fn descendants_end_at_label_borders(bench: Bench) {
    let all = ["example.org.", "a.example.org.", "B.a.Example.ORG.", "notexample.org.", "dot\\.example.org."];
    insert(&bench, &all.map(zone)).await;
    for (above, wanted) in [
        ("example.org.", vec!["a.example.org.", "B.a.Example.ORG."]),
        ("a.EXAMPLE.org.", vec!["B.a.Example.ORG."]),
        ("b.a.example.org.", vec![]),
        (
            "org.",
            vec![
                "example.org.",
                "a.example.org.",
                "B.a.Example.ORG.",
                "dot\\.example.org.",
                "notexample.org.",
            ],
        ),
    ] {
        let found = bench.read(|tx| Box::pin(async { zones::descendants(tx, &name(above), 10).await })).await;
        assert_eq!(BTreeSet::from_iter(told(&found)), BTreeSet::from_iter(wanted), "{above}");
    }
    let some = bench.read(|tx| Box::pin(async { zones::descendants(tx, &name("org."), 2).await })).await;
    assert_eq!(some.len(), 2);
}

/// Many descendants, and many names that only look like one, are gone through completely.
pub async fn descendants_are_found_beyond_a_batch(bench: Bench) {
    let mut all: Vec<_> = (0..250).map(|n| zone(&format!("z{n:03}.example.org."))).collect();
    all.extend((0..250).map(|n| zone(&format!("z{n:03}\\.example.org."))));
    insert(&bench, &all).await;
    let above = &name("example.org.");
    let found = bench.read(|tx| Box::pin(zones::descendants(tx, above, usize::MAX))).await;
    assert_eq!(found.len(), 250);
    assert!(found.iter().all(|z| z.name.is_below(above)));
}

/// Children belong to the parent they were given last.
pub async fn children_are_counted_and_moved(bench: Bench) {
    let (old, new) = (zone("org.example."), zone("x.org.example."));
    let children: Vec<_> = ["a.x.org.example.", "b.x.org.example."]
        .map(|n| Zone { parent_id: Some(old.id), ..zone(n) })
        .into_iter()
        .collect();
    let ids: Vec<_> = children.iter().map(|c| c.id).collect();
    insert(&bench, &[old.clone(), new.clone()]).await;
    insert(&bench, &children).await;
    let count = async |id| bench.read(|tx| Box::pin(zones::children_count(tx, id))).await;
    assert_eq!((count(old.id).await, count(new.id).await), (2, 0));
    let ids = ids.as_slice();
    bench.write(|tx| Box::pin(zones::reparent(tx, ids, Some(new.id), at(5)))).await;
    assert_eq!((count(old.id).await, count(new.id).await), (0, 2));
    let child = bench.read(|tx| Box::pin(zones::get_any(tx, ids[0]))).await.unwrap();
    assert_eq!((child.parent_id, child.version, child.updated_at), (Some(new.id), 2, Some(at(5))));
    bench.write(|tx| Box::pin(async { zones::mark_gone(tx, &child, at(6)).await })).await;
    assert_eq!(count(new.id).await, 1);
}

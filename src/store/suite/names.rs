//! TLDs, patterns of forbidden names, and TSIG keys.

use uuid::Uuid;

use super::Bench;
use super::fixtures::{at, first, name, pool};
use crate::domain::blacklist_entry::Blacklist;
use crate::domain::ids::{BlacklistId, TldId, TsigKeyId};
use crate::domain::page::NamedSortKey;
use crate::domain::tld::Tld;
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigScope, TsigSecret};
use crate::store::StoreError;
use crate::store::repo::tlds::Verdict;
use crate::store::repo::{blacklists, pools, tlds, tsig_keys};

fn tld(text: &str, micros: i64) -> Tld {
    Tld {
        id: TldId::random(),
        name: text.into(),
        description: Some(format!("about {text}")),
        version: 1,
        created_at: at(micros),
        updated_at: None,
    }
}

/// TLDs come back, are unique without case, and are listed in order.
pub async fn tlds_are_kept(bench: Bench) {
    let (org, com) = (&tld("org", 1), &tld("co.uk", 2));
    for one in [org, com] {
        bench.write(|tx| Box::pin(tlds::insert(tx, one))).await;
    }
    assert_eq!(bench.read(|tx| Box::pin(tlds::get(tx, org.id))).await.as_ref(), Some(org));
    let same = &tld("ORG", 3);
    let taken: Result<(), StoreError> = bench.store.transact(|tx| Box::pin(tlds::insert(tx, same))).await;
    assert!(taken.unwrap_err().is_unique(tlds::TAKEN));
    let page = &first(10, NamedSortKey::Name);
    let found = bench.read(|tx| Box::pin(tlds::find(tx, None, page))).await;
    assert_eq!((found.items, found.total), (vec![com.clone(), org.clone()], Some(2)));
    let found = bench.read(|tx| Box::pin(tlds::find(tx, Some("*RG"), page))).await;
    assert_eq!(found.items, std::slice::from_ref(org));
    let stale = Tld { name: "net".into(), ..org.clone() };
    let mut changed = stale.clone();
    changed = bench
        .write(|tx| {
            let mut changed = changed.clone();
            Box::pin(async move { tlds::update(tx, &mut changed, at(9)).await.map(|()| changed) })
        })
        .await;
    assert_eq!((changed.version, changed.updated_at), (2, Some(at(9))));
    assert_eq!(bench.read(|tx| Box::pin(tlds::get(tx, org.id))).await, Some(changed));
    let outdated: Result<(), StoreError> = bench
        .store
        .transact(|tx| {
            let mut stale = stale.clone();
            Box::pin(async move { tlds::update(tx, &mut stale, at(10)).await })
        })
        .await;
    assert!(outdated.unwrap_err().is_retry());
    let verdict = async |text: &str| {
        let name = &name(text);
        bench.read(|tx| Box::pin(tlds::verdict(tx, name))).await
    };
    assert_eq!(verdict("a.NET.").await, Verdict::Admissible);
    assert_eq!(verdict("co.uk.").await, Verdict::IsATld);
    assert_eq!(verdict("a.org.").await, Verdict::NotBelowATld);
    for one in [org, com] {
        assert!(bench.write(|tx| Box::pin(tlds::delete(tx, one.id))).await);
        assert!(!bench.write(|tx| Box::pin(tlds::delete(tx, one.id))).await);
    }
    assert_eq!(verdict("a.org.").await, Verdict::Admissible);
}

/// Patterns come back, are unique, and are listed in order.
pub async fn patterns_are_kept(bench: Bench) {
    let entry = |pattern: &str, micros| Blacklist {
        id: BlacklistId::random(),
        pattern: pattern.into(),
        description: None,
        version: 1,
        created_at: at(micros),
        updated_at: None,
    };
    let (b, a) = (&entry("b*", 1), &entry("a", 2));
    for one in [b, a] {
        bench.write(|tx| Box::pin(blacklists::insert(tx, one))).await;
    }
    let same = &entry("a", 3);
    let taken: Result<(), StoreError> =
        bench.store.transact(|tx| Box::pin(blacklists::insert(tx, same))).await;
    assert!(taken.unwrap_err().is_unique(blacklists::TAKEN));
    assert_eq!(bench.read(|tx| Box::pin(blacklists::patterns(tx))).await, ["a", "b*"]);
    let page = &first(1, NamedSortKey::CreatedAt);
    let found = bench.read(|tx| Box::pin(blacklists::find(tx, None, page))).await;
    assert_eq!((found.items, found.total), (vec![b.clone()], Some(2)));
    let changed = bench
        .write(|tx| {
            let mut changed = Blacklist { description: Some("x".into()), pattern: "c".into(), ..b.clone() };
            Box::pin(async move { blacklists::update(tx, &mut changed, at(9)).await.map(|()| changed) })
        })
        .await;
    assert_eq!(bench.read(|tx| Box::pin(blacklists::get(tx, b.id))).await, Some(changed));
    assert!(bench.write(|tx| Box::pin(blacklists::delete(tx, a.id))).await);
    assert!(bench.read(|tx| Box::pin(blacklists::get(tx, a.id))).await.is_none());
}

/// Keys come back with their secrets, are unique by name, and know what they are for.
pub async fn tsig_keys_are_kept(bench: Bench) {
    let pool = &pool("one");
    bench.write(|tx| Box::pin(pools::put(tx, pool, at(1)))).await;
    let key = |text: &str, algorithm, micros| TsigKey {
        id: TsigKeyId::random(),
        name: text.into(),
        algorithm,
        secret: TsigSecret::new("c2VjcmV0"),
        scope: TsigScope::Pool,
        resource_id: pool.id.uuid(),
        version: 1,
        created_at: at(micros),
        updated_at: None,
    };
    assert!(!bench.read(|tx| Box::pin(tsig_keys::pool_has_one(tx, pool.id))).await);
    let (b, a) = (&key("b", TsigAlgorithm::HmacMd5, 1), &key("a", TsigAlgorithm::HmacSha512, 2));
    for one in [b, a] {
        bench.write(|tx| Box::pin(tsig_keys::insert(tx, one))).await;
    }
    assert!(bench.read(|tx| Box::pin(tsig_keys::pool_has_one(tx, pool.id))).await);
    let same = &key("a", TsigAlgorithm::HmacMd5, 3);
    let taken: Result<(), StoreError> =
        bench.store.transact(|tx| Box::pin(tsig_keys::insert(tx, same))).await;
    assert!(taken.unwrap_err().is_unique(tsig_keys::TAKEN));
    let page = &first(10, NamedSortKey::Name);
    let find = async |filter| bench.read(|tx| Box::pin(tsig_keys::find(tx, filter, page))).await.items;
    assert_eq!(find(tsig_keys::Filter::default()).await, [a.clone(), b.clone()]);
    let filter = tsig_keys::Filter { algorithm: Some("hmac-md5"), scope: Some("POOL"), name: Some("*") };
    assert_eq!(find(filter).await, std::slice::from_ref(b));
    let changed = bench
        .write(|tx| {
            let mut changed = TsigKey {
                secret: TsigSecret::new("bmV3"),
                scope: TsigScope::Zone,
                algorithm: TsigAlgorithm::HmacSha1,
                resource_id: Uuid::from_u128(7),
                ..b.clone()
            };
            Box::pin(async move { tsig_keys::update(tx, &mut changed, at(9)).await.map(|()| changed) })
        })
        .await;
    assert_eq!(bench.read(|tx| Box::pin(tsig_keys::get(tx, b.id))).await, Some(changed));
    let exists = async |scope, id| {
        bench.read(|tx| Box::pin(async move { tsig_keys::resource_exists(tx, scope, id).await })).await
    };
    assert!(exists(TsigScope::Pool, pool.id.uuid()).await && !exists(TsigScope::Zone, pool.id.uuid()).await);
    assert!(bench.write(|tx| Box::pin(tsig_keys::delete(tx, a.id))).await);
    assert!(bench.read(|tx| Box::pin(tsig_keys::get(tx, a.id))).await.is_none());
}

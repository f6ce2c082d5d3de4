//! What is secret: tokens that operators made, and secrets of drivers and keys.

use super::Bench;
use super::fixtures::{at, pool};
use crate::domain::ids::{ProjectId, StaticTokenId, TsigKeyId};
use crate::domain::static_token::{StaticToken, TokenHash};
use crate::store::repo::{pools, secrets, static_tokens};
use crate::store::value::args;
use crate::store::vault::KEY_LENGTH;
use crate::store::{Store, Vault};

/// A token is found by its hash until it ends; its name is given once.
pub async fn a_static_token_is_found_by_its_hash(bench: Bench) {
    let token = |name: &str, expires_at| StaticToken {
        id: StaticTokenId::random(),
        name: name.to_owned(),
        user: Some("u".to_owned()),
        project: Some(ProjectId::new("p")),
        roles: vec!["member".to_owned(), "reader".to_owned()],
        created_at: at(1),
        expires_at,
    };
    let (one, two) = (&token("one", None), &token("two", Some(at(5))));
    let hash = |text: &str| TokenHash::of(text);
    let (first, second) = (&hash("1"), &hash("2"));
    bench.write(|tx| Box::pin(static_tokens::insert(tx, one, first))).await;
    bench.write(|tx| Box::pin(static_tokens::insert(tx, two, second))).await;
    let find = async |hash: &TokenHash, now| {
        let hash = hash.clone();
        bench.read(|tx| Box::pin(async move { static_tokens::by_hash(tx, &hash, at(now)).await })).await
    };
    assert_eq!(find(first, 9).await.as_ref(), Some(one));
    assert_eq!(find(second, 4).await.as_ref(), Some(two));
    assert_eq!(find(second, 5).await, None);
    assert_eq!(find(&hash("3"), 1).await, None);
    let same = token("one", None);
    let (same, third) = (&same, &hash("3"));
    let taken = bench.store.transact(|tx| Box::pin(static_tokens::insert(tx, same, third))).await;
    assert!(taken.unwrap_err().is_unique(static_tokens::NAME_TAKEN));
    assert_eq!(bench.read(|tx| Box::pin(static_tokens::all(tx))).await.len(), 2);
    assert!(bench.write(|tx| Box::pin(static_tokens::remove(tx, "one"))).await);
    assert!(!bench.write(|tx| Box::pin(static_tokens::remove(tx, "one"))).await);
    assert_eq!(find(first, 9).await, None);
}

/// Everything that is kept of the secrets, as it stands in the tables.
async fn kept(store: &Store) -> Vec<String> {
    let sql = "SELECT options AS text FROM pool_targets UNION ALL SELECT secret AS text FROM tsig_keys ORDER BY text";
    let rows = store.read(|tx| Box::pin(async move { tx.rows(sql, args![]).await })).await.unwrap();
    rows.into_iter().map(|mut row| row.text("text").unwrap()).collect()
}

/// Secrets that were kept plain are read, sealed later, and sealed again with a new key; nothing else changes.
pub async fn secrets_are_sealed_and_keys_exchanged(bench: Bench) {
    let mut one = pool("one");
    one.targets[0].options.insert("api_token".to_owned(), "hunter2".to_owned());
    let (written, key) = (&one, TsigKeyId::random());
    bench.write(|tx| Box::pin(pools::put(tx, written, at(1)))).await;
    let sql = "INSERT INTO tsig_keys (id, name, algorithm, secret, scope, resource_id, version, created_at) \
               VALUES ($1, 'k', 'hmac-sha256', 'hunter2', 'POOL', $2, 1, $3)";
    let id = one.id;
    bench.write(|tx| Box::pin(async move { tx.run(sql, args![key, id, at(1)]).await })).await;
    let shown = |kept: Vec<String>| kept.iter().filter(|text| text.contains("hunter2")).count();
    assert_eq!(shown(kept(&bench.store).await), 2);

    let name = |name: &str, octet| (name.to_owned(), [octet; KEY_LENGTH]);
    let keyed = |keys: Vec<(String, [u8; KEY_LENGTH])>| bench.store.clone().with_vault(Vault::new(keys));
    let steps = [
        (vec![name("a", 1)], 2),
        (vec![name("a", 1)], 0),
        (vec![name("b", 2), name("a", 1)], 2),
        (vec![name("b", 2)], 0),
        (vec![], 0),
    ];
    for (keys, expected) in steps {
        let last = keys.is_empty();
        let store = keyed(keys);
        if last {
            assert!(store.read(|tx| Box::pin(pools::get(tx, id))).await.is_err(), "no key, and it opens");
            continue;
        }
        let read = store.read(|tx| Box::pin(pools::get(tx, id))).await.unwrap().unwrap();
        assert_eq!(read.targets, one.targets);
        assert_eq!(store.transact(|tx| Box::pin(secrets::seal_all(tx))).await.unwrap(), expected);
        assert_eq!(shown(kept(&store).await), 0);
        let again = store.transact(|tx| Box::pin(pools::put(tx, written, at(2)))).await.unwrap();
        assert_eq!(again.version, read.version, "what is sealed has not changed");
    }
}

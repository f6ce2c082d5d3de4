//! What one process of a deployment does at a time: whoever was overtaken is refused by the database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use ordain::actors::central::pools::{Options, PoolUpdateError, apply};
use ordain::clock::Clock;
use ordain::config::pool_file;
use ordain::domain::ids::PoolId;
use ordain::store::repo::pools;
use ordain::store::{Store, StoreError};
use support::postgres::Postgres;

/// An empty database of each engine.
async fn stores() -> Vec<Store> {
    let mut stores = vec![Store::open("sqlite::memory:").await.unwrap()];
    if let Some(postgres) = Postgres::shared() {
        stores.push(Store::open(&postgres.database().await).await.unwrap());
    }
    stores
}

fn fenced(resource: &str) -> StoreError {
    StoreError::Fenced { resource: resource.to_owned() }
}

#[tokio::test]
async fn a_migration_under_an_older_token_is_refused() {
    for store in stores().await {
        assert_eq!(store.migrate_under(5).await, Ok(()));
        assert_eq!(store.schema_version().await, Ok(Some(Store::latest_version())));
        assert_eq!(store.migrate_under(7).await, Ok(()));
        assert_eq!(store.migrate_under(6).await, Err(fenced("schema")));
        assert_eq!(store.migrate_under(7).await, Ok(()));
        // The database alone decides where nobody gives out tokens.
        assert_eq!(store.migrate().await, Ok(()));
        assert_eq!(store.migrate_under(6).await, Err(fenced("schema")));
    }
}

#[tokio::test]
async fn a_pool_update_under_an_older_token_changes_nothing() {
    for store in stores().await {
        store.migrate().await.unwrap();
        let update = async |text: &str, token: Option<u64>| {
            let specs = pool_file::parse(text).unwrap();
            apply(&store, Clock::system(), &specs, Options { token, ..Options::default() }).await
        };
        let pool =
            async || store.read(|tx| Box::pin(pools::get(tx, PoolId::DEFAULT))).await.unwrap().unwrap();
        update("[{ name: default, description: first }]", Some(5)).await.unwrap();
        update("[{ name: default, description: second }]", Some(9)).await.unwrap();
        let before = pool().await;
        let late = update("[{ name: default, description: late }]", Some(8)).await;
        assert!(matches!(late, Err(PoolUpdateError::Store(error)) if error == fenced("pools")));
        assert_eq!(pool().await, before);
        let delete = Options { token: Some(8), delete_absent: true, ..Options::default() };
        let late = apply(&store, Clock::system(), &[], delete).await;
        assert!(matches!(late, Err(PoolUpdateError::Store(error)) if error == fenced("pools")));
        update("[{ name: default, description: third }]", Some(9)).await.unwrap();
        assert_eq!(pool().await.description.as_deref(), Some("third"));
    }
}

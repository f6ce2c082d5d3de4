//! The store's contract on a real PostgreSQL, and what only PostgreSQL promises.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use ordain::store::Store;
use ordain::store::suite::{Bench, Rig};
use support::postgres::Postgres;

async fn open(url: &str) -> Store {
    Store::open(url).await.unwrap()
}

/// A database of its own on the shared server; without PostgreSQL, SQLite in its stead.
async fn bench() -> Bench {
    let Some(postgres) = Postgres::shared() else { return Bench::new(open("sqlite::memory:").await) };
    let url = postgres.database().await;
    let again = url.clone();
    Bench::new(open(&url).await).lasting(
        move || {
            let url = again.clone();
            async move { open(&url).await }
        },
        (),
    )
}

ordain::store_suite!(postgres, Rig::new(bench));
